"""What people get wrong in a repository, built for real: each is one sentence that says what, where and whose move."""

from __future__ import annotations

import pytest

from tests.yard import Yard, fresh

RULE = {"ref_type": "branch", "pattern": "main", "tags": ["latest"]}

# (name, files, the rule's fields, what the sentence says, the Dockerfile line)
WRONG = [
    ("b09-no-dockerfile", {"a.txt": "a"}, {}, "There is no `Dockerfile` in the repository. Nothing in it is", None),
    (
        "b09-another-dockerfile",
        {"docker/Dockerfile.web": "FROM scratch\n"},
        {},
        "There is: `docker/Dockerfile.web`. Correct the path in the rule.",
        None,
    ),
    (
        "b09-no-context",
        {"app/a": "a", "Dockerfile": "FROM scratch\n"},
        {"context": "web"},
        "Its folders are: `app`",
        None,
    ),
    (
        "b07-exit-3",
        {"Dockerfile": "{base}RUN echo before\nRUN echo asked && exit 3\n"},
        {},
        "Step 3 of 3 (`RUN echo asked && exit 3`, Dockerfile line 4) ended with exit code 3.",
        4,
    ),
    (
        "b07-no-command",
        {"Dockerfile": "{base}RUN nosuchtool --now\n"},
        {},
        "ended with exit code 127: the command `nosuchtool` was not found in the image.",
        3,
    ),
    (
        "b07-killed",
        {"Dockerfile": "{base}RUN sh -c 'kill -9 $$'; exit $?\n"},
        {},
        "was killed (exit code 137), but not for want of memory",
        3,
    ),
    (
        "b09-no-base",
        {"Dockerfile": "FROM {registry}/library/nothing:1\n"},
        {},
        "The base image `{registry}/library/nothing:1` does not exist (Dockerfile line 1). Check its name and tag.",
        1,
    ),
    (
        "b09-no-target",
        {"Dockerfile": "{base} AS_DEV"},
        {"target": "nope"},
        "The Dockerfile has no stage `nope`.",
        None,
    ),
    ("b09-unknown-instruction", {"Dockerfile": "FROM scratch\nRUNN make\n"}, {}, "unknown instruction: RUNN", 2),
    ("b09-syntax-error", {"Dockerfile": "FROM scratch\nCOPY onlyone\n"}, {}, "Dockerfile line 2: COPY requires", 2),
    ("b09-empty", {"Dockerfile": "# nothing yet\n"}, {}, "The Dockerfile is empty.", 1),
    ("b09-missing-copy", {"Dockerfile": "{base}COPY gone.txt /\n"}, {}, "`gone.txt` is not in the build context", 3),
    (
        "c02-ignored-copy",
        {"Dockerfile": "{base}COPY a.txt /\n", "a.txt": "a", ".dockerignore": "*.txt\n"},
        {},
        "`a.txt` is not in the build context. Check the path, and that `.dockerignore` does not exclude it.",
        3,
    ),
    (
        "c01-bad-pattern",
        {"Dockerfile": "{base}COPY . /\n", ".dockerignore": "[\n"},
        {},
        "The `.dockerignore` file cannot be read: syntax error in pattern",
        None,
    ),
    (
        "b09-syntax-line",
        {"Dockerfile": "# syntax={nowhere}/docker/dockerfile:1\nFROM scratch\n"},
        {},
        "The `# syntax=` line of the Dockerfile (line 1) asks for the image `{nowhere}/docker/dockerfile:1`",
        1,
    ),
]


@pytest.mark.parametrize(("name", "files", "fields", "says", "line"), WRONG, ids=[row[0] for row in WRONG])
def test_a_users_error_is_one_sentence(yard: Yard, base_image: str, name, files, fields, says, line):
    """12. A user's fault is told apart from a platform fault, and is not tried again."""
    words = {
        "{base} AS_DEV": fresh(base_image).replace("\n", " AS dev\n", 1),
        "{base}": fresh(base_image),
        "{registry}": yard.registry,
        "{nowhere}": f"{yard.registry}/gone",
    }

    def told(text: str) -> str:
        for word, meaning in words.items():
            text = text.replace(word, meaning)
        return text

    linked = yard.link(f"wrong/{name}", rules=[{**RULE, **fields}])
    build = linked.build({path: told(content) for path, content in files.items()})
    assert (build["state"], build["error"]["kind"]) == ("failed", "user"), build["sentence"]
    assert told(says) in build["sentence"]
    assert build["error"]["dockerfile_line"] == line
    assert build["attempt"] == 1
    assert str(yard.home.parent) not in build["sentence"] and "/tmp/" not in build["sentence"]
    assert "exit code 1." not in build["sentence"]
    assert yard.pushed_tags(f"wrong/{name}") == set()
    assert linked.tags() == {}


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("context", "../..", "uses `..`: write the build context from the root of the repository"),
        ("dockerfile", "../Dockerfile", "uses `..`: write the Dockerfile from the root of the repository"),
        ("dockerfile", "--help", "begins with `-`, which reads as an option"),
        ("context", "-x", "begins with `-`, which reads as an option"),
        ("context", "https://example.com/x.git", "is an address"),
        ("target", "$(id)", "target"),
    ],
)
def test_it_refuses_such_a_path_when_the_rule_is_saved(yard: Yard, field, value, says):
    path = f"refused/{field}-{abs(hash(value)) % 10**6}"
    linked = yard.link(path)
    refused = yard.send("PUT", f"/repositories/{path}/rules", [{**RULE, field: value}], status=422)
    assert says in str(refused)
    assert [rule["pattern"] for rule in yard.get(f"/repositories/{linked.path}/rules")] == ["main"]


@pytest.mark.parametrize(
    ("name", "before", "newline"), [("crlf", b"", b"\r\n"), ("bom", b"\xef\xbb\xbf", b"\n")], ids=["crlf", "bom"]
)
def test_b09_dockerfiles_of_windows_build(yard: Yard, base_image: str, name, before, newline):
    text = fresh(base_image, "RUN echo made > /made.txt").encode()
    linked = yard.link(f"wrong/{name}")
    build = linked.build({"Dockerfile": before + text.replace(b"\n", newline)})
    assert build["state"] == "succeeded", build["sentence"]
    assert yard.image_files(f"wrong/{name}", "latest")["made.txt"][1] == b"made\n"


def test_b09_the_words_of_the_builder_stay_readable(yard: Yard, base_image: str):
    linked = yard.link("wrong/words")
    build = linked.build({"Dockerfile": fresh(base_image, "RUN echo printed && exit 42")})
    log = yard.log(build["id"]).decode()
    assert "printed\n" in log
    assert ">>> RUN echo printed && exit 42" in log
    assert "ERROR: failed to build: failed to solve: process" in log
    step = next(step for step in build["steps"] if step["name"] == build["error"]["step"])
    assert (step["state"], step["lines"]) == ("failed", 1)
    assert yard.log(build["id"], step=step["index"]) == b"printed\n"
