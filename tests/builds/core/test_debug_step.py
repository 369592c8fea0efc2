"""Reading the failing step of a build: what stood before it, what it says, and the line that leads there."""

from __future__ import annotations

import pytest

from builds.core.debug_step import (
    NothingBefore,
    StepFacts,
    last_line_of,
    platform_of,
    read_instruction,
    run_line,
    text_before,
    why_not,
)

# (what, Dockerfile, failing line, what is left)
BEFORE = [
    ("plain", "FROM a\nRUN b\nRUN c\nRUN d\n", 3, "FROM a\nRUN b\n"),
    ("first-after-from", "FROM a\nRUN b\n", 2, "FROM a\n"),
    ("syntax-line-stays", "# syntax=docker/dockerfile:1\nFROM a\nRUN b\n", 3, "# syntax=docker/dockerfile:1\nFROM a\n"),
    ("escape-line-stays", "# escape=`\nFROM a\nRUN b `\n c\n", 3, "# escape=`\nFROM a\n"),
    ("global-args-stay", "ARG V=1\nFROM a:$V\nRUN b\n", 3, "ARG V=1\nFROM a:$V\n"),
    ("stages-before-stay", "FROM a AS x\nRUN b\nFROM c\nCOPY --from=x / /\nRUN d\nFROM e\n", 5, None),
    ("later-stages-go", "FROM a\nRUN b\nFROM c\nRUN d\n", 2, "FROM a\n"),
    ("env-and-user-stay", "FROM a\nENV B=1\nUSER c\nWORKDIR /d\nRUN e\n", 5, "FROM a\nENV B=1\nUSER c\nWORKDIR /d\n"),
    ("continued-before", "FROM a\nRUN b \\\n # c\n && d\nRUN e\n", 5, "FROM a\nRUN b \\\n # c\n && d\n"),
    ("heredoc-before", "FROM a\nRUN <<E\nFROM z\nE\nRUN b\n", 5, "FROM a\nRUN <<E\nFROM z\nE\n"),
    ("windows-lines", "FROM a\r\nRUN b\r\nRUN c\r\n", 3, "FROM a\r\nRUN b\r\n"),
    ("no-line-feed-at-the-end", "FROM a\nRUN b", 2, "FROM a\n"),
    ("lower-case", "from a\nrun b\nrun c\n", 3, "from a\nrun b\n"),
    ("indented", "  FROM a\n  RUN b\n", 2, "  FROM a\n"),
    ("not-utf-8", b"FROM a\nRUN \xff\nRUN c\n".decode("latin-1"), 3, b"FROM a\nRUN \xff\n".decode("latin-1")),
]


@pytest.mark.parametrize(("dockerfile", "line", "left"), [row[1:] for row in BEFORE], ids=[row[0] for row in BEFORE])
def test_it_keeps_what_stood_before(dockerfile: str, line: int, left: str | None):
    wanted = "".join(dockerfile.splitlines(keepends=True)[: line - 1]) if left is None else left
    assert text_before(dockerfile.encode("latin-1"), line) == wanted.encode("latin-1")


# (what, Dockerfile, failing line, what is said)
NOTHING = [
    ("from", "FROM a\n", 1, "failed at FROM"),
    ("from-of-a-later-stage", "FROM a\nRUN b\nFROM c\n", 3, "failed at FROM"),
    ("args-alone", "ARG A\nRUN b\n", 2, "No FROM stands before"),
    ("no-such-line", "FROM a\nRUN b\n", 9, "not in the Dockerfile of this commit"),
    ("line-0", "FROM a\n", 0, "not in the Dockerfile of this commit"),
    ("another-frontend", "# syntax=acme/frontend\nFROM a\nRUN b\n", 3, "`acme/frontend`"),
    ("json", '{"a": 1}\nb\n', 2, "`JSON`"),
]


@pytest.mark.parametrize(("dockerfile", "line", "said"), [row[1:] for row in NOTHING], ids=[row[0] for row in NOTHING])
def test_it_says_why_nothing_stood_before(dockerfile: str, line: int, said: str):
    with pytest.raises(NothingBefore) as caught:
        text_before(dockerfile.encode(), line)
    assert said in caught.value.sentence


# (what, the lines of the instruction, its command, its mounts)
COMMANDS = [
    ("shell", "RUN make all", "make all", ()),
    ("lower-case", "run make", "make", ()),
    ("exec", 'RUN ["make", "a b"]', "make 'a b'", ()),
    ("no-exec-after-all", "RUN [ -f x ]", "[ -f x ]", ()),
    ("continued", "RUN a && \\\n    b", "a &&     b", ()),
    ("comment-within", "RUN a \\\n  # why\n  b", "a   b", ()),
    ("empty-line-within", "RUN a \\\n\n  b", "a   b", ()),
    ("blanks-behind-the-escape", "RUN a \\  \n  b", "a   b", ()),
    ("mounts", "RUN --mount=type=cache,target=/c --mount=type=secret,id=k make", "make", None),
    ("network", "RUN --network=none make", "make", ()),
    ("flags-on-lines", "RUN --mount=type=ssh \\\n  --network=none \\\n  make", "make", ("type=ssh",)),
    ("heredoc", "RUN <<EOF\na\nb\nEOF", "a\nb", ()),
    ("heredoc-quoted", "RUN <<'EOF'\necho $a\nEOF", "echo $a", ()),
    ("heredoc-tabs", "RUN <<-EOF\n\ta\n\tEOF", "a", ()),
    ("heredoc-after-mounts", "RUN --mount=type=ssh <<EOF\na\nEOF", "a", ("type=ssh",)),
    ("heredoc-of-another-interpreter", "RUN <<EOF\n#!/usr/bin/python\nprint()\nEOF", "", ()),
    ("heredoc-for-a-program", "RUN cat <<EOF >/x\na\nEOF", "cat <<EOF >/x\na\nEOF", ()),
    ("copy", "COPY a \\\n  b /", "", ()),
    ("windows-lines", "RUN a \\\r\n  b\r", "a   b", ()),
]


@pytest.mark.parametrize(("text", "command", "mounts"), [row[1:] for row in COMMANDS], ids=[row[0] for row in COMMANDS])
def test_it_gives_what_the_shell_was_given(text: str, command: str, mounts: tuple[str, ...] | None):
    whole = f"FROM a\n{text}\nRUN after\n".encode()
    found = read_instruction(whole, 2, 1 + len(text.split("\n")))
    assert found.command == command
    assert found.mounts == (("type=cache,target=/c", "type=secret,id=k") if mounts is None else mounts)
    assert found.text == text.replace("\r", "").rstrip()


def test_it_reads_another_escape_character():
    found = read_instruction(b"# syntax=docker/dockerfile:1\n# escape=`\nFROM a\nRUN b `\n c\n", 4, 5)
    assert found.command == "b  c"


EXCERPT_TEXT = """ > [2/2] RUN <<EOF:
Dockerfile:2
--------------------
   1 |     FROM a
   2 | >>> RUN <<EOF
   3 | >>>
   4 | >>> false
   5 | >>> EOF
   6 |     RUN true
--------------------
ERROR: failed to solve: no"""
EXCERPT = EXCERPT_TEXT.splitlines()


@pytest.mark.parametrize(
    ("tail", "first", "last"),
    [(EXCERPT, 2, 5), (EXCERPT, 7, 7), ([], 3, 3), ([*EXCERPT[:4], *EXCERPT], 2, 5), (EXCERPT[:3], 2, 2)],
    ids=["marked", "another-line", "nothing", "two-excerpts", "cut-off"],
)
def test_it_knows_where_the_instruction_ends(tail: list[str], first: int, last: int):
    assert last_line_of(tail, first) == last


FAILED = {"state": "failed", "untrusted": False, "is_pushed": True, "has_source": True, "line": 3}
STEP = "[2/3] RUN make"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        ({"state": "succeeded"}, "Only a build that failed"),
        ({"state": "cancelled"}, "Only a build that failed"),
        ({"untrusted": True}, "stranger's pull request"),
        ({"is_pushed": False}, "stranger's pull request"),
        ({"has_source": False}, "source of this build was removed"),
        ({"line": None}, "No step of the Dockerfile failed"),
        ({"step": ""}, "No step of the Dockerfile failed"),
        ({"step": "exporting to image"}, "No step of the Dockerfile failed"),
        ({"step": "Test docker-compose.test.yml: sut"}, "No step of the Dockerfile failed"),
        ({"step": "[base 1/3] FROM debian:12"}, "failed at FROM"),
        ({"step": "[2/3] ONBUILD RUN make"}, "`ONBUILD` instruction of the base image"),
    ],
)
def test_it_says_why_a_build_has_no_step_to_debug(changed: dict, said: str):
    found = why_not(**{**FAILED, "step": STEP, **changed})
    assert found.startswith(said) if not said else said in found


@pytest.mark.parametrize(
    ("step", "platform"),
    [
        ("[linux/arm64 build 2/3] RUN a", "linux/arm64"),
        ("[linux/amd64->arm64 build 2/3] RUN a", "linux/arm64"),
        ("[linux/arm/v7 2/3] RUN a", "linux/arm/v7"),
        ("[build 2/3] RUN a", ""),
        ("RUN a", ""),
    ],
)
def test_it_knows_the_platform_of_the_step(step: str, platform: str):
    assert platform_of(step) == platform


def test_the_line_quotes_what_a_shell_would_take_apart():
    facts = StepFacts(args={"A": "b c; d"}, shell=("/bin/bash", "-c"), platform="linux/arm64")
    assert run_line("r/a:debug-1", facts) == (
        "docker run --rm -it --platform=linux/arm64 -e 'A=b c; d' --entrypoint /bin/bash r/a:debug-1"
    )


def test_it_reads_back_what_it_wrote_and_passes_over_the_rest():
    facts = StepFacts("RUN a", "a", ("m",), {"A": "1"}, ("sh",), "/w", "u", "linux/amd64")
    assert StepFacts.from_json({**facts.as_json(), "of another version": 1}) == facts
