"""The cache report says why a step ran: a chain of real builds, each compared by the product with the one before it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from tests.yard import Linked, Yard, until

pytestmark = pytest.mark.timeout(400)  # the first test waits for the whole chain
DOCKERFILE = """\
ARG BASE
FROM ${BASE} AS make
COPY app/ /app/
RUN echo NONCE && cat /app/* > /out.txt
FROM ${BASE} AS docs
COPY docs/ /docs/
RUN echo NONCE && cat /docs/* > /docs.txt
FROM ${BASE} AS image
ENV MODE=a
COPY --from=make /out.txt /out.txt
COPY --from=docs /docs.txt /docs.txt
ARG VERSION
RUN echo NONCE && echo "$MODE" > /mode.txt
RUN echo NONCE and $VERSION > /version.txt
"""


@dataclass
class Scene:
    """The repository as the chain of builds changes it."""

    yard: Yard
    linked: Linked
    docker_host: str
    base: str
    nonce: str
    files: dict[str, str]
    rule: dict[str, Any]
    state: str = "succeeded"
    made: dict[str, Any] = field(default_factory=dict)

    def edit(self, old: str, new: str) -> None:
        dockerfile = self.files["Dockerfile"]
        old = old.replace("NONCE", self.nonce)
        assert dockerfile.count(old) == 1, f"{old!r} stands {dockerfile.count(old)} times in\n{dockerfile}"
        self.files["Dockerfile"] = dockerfile.replace(old, new.replace("NONCE", self.nonce))

    def write(self, **files: str) -> None:
        self.files |= {name.replace("__", "/"): text for name, text in files.items()}

    def args(self, **args: str) -> None:
        self.rule["build_args"] = self.rule["build_args"] | args

    def docker(self, *arguments: str, given: str = "") -> str:
        env = {**os.environ, "DOCKER_HOST": self.docker_host}
        done = subprocess.run(["docker", *arguments], check=False, input=given, text=True, env=env, capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def push_base(self, tag: str, name: str = "base", step: str = "RUN echo NONCE > /base") -> None:
        """Another image under this tag."""
        image = f"{self.yard.registry}/{self.nonce}/{name}:{tag}"
        output = f"type=image,name={image},push=true,store=false"
        dockerfile = f"FROM {self.base}\n{step.replace('NONCE', uuid4().hex)}\n"
        self.docker("buildx", "build", f"--output={output}", "-", given=dockerfile)

    def build(self) -> dict[str, Any]:
        """Build what is there now; the cache report."""
        path = f"/repositories/{self.linked.path}/rules"
        self.rule["id"] = self.yard.send("PUT", path, [self.rule])[0]["id"]
        commit = self.linked.git.commit(self.files)
        self.made = self.linked.build_push(commit)
        assert self.made["state"] == self.state, self.made["error"]
        return dict(until(self.report, what="the report"))

    def report(self) -> dict[str, Any] | None:
        found = self.yard.get(f"/builds/{self.made['id']}/cache")
        return found if found["cacheable"] is not None else None


@dataclass(frozen=True)
class Case:
    """What changes, and by stage the kind of the first miss with words of its sentence. Other stages hit throughout."""

    name: str
    change: Callable[[Scene], None]
    misses: dict[str, tuple[str, ...]]


def _nothing(_scene: Scene) -> None: ...


def _fail_once(scene: Scene) -> None:
    scene.state = "failed"
    step = "RUN --mount=type=cache,target=/c [ -f /c/NONCE ] || { touch /c/NONCE; exit 1; }"
    scene.edit("COPY --from=docs /docs.txt /docs.txt\n", f"COPY --from=docs /docs.txt /docs.txt\n{step}\n")


def _again(scene: Scene) -> None:
    scene.state = "succeeded"


def _edit_and_set(scene: Scene) -> None:
    scene.edit("> /docs.txt\n", "> /docs.txt && date > /when.txt\n")
    scene.args(VERSION="2")


def _many_files(scene: Scene) -> None:
    scene.files |= {f"app/{letter}.txt": letter for letter in "abcdefg"}


def _swap(scene: Scene) -> None:
    one, other = f"RUN echo {scene.nonce} > /one\n", f"RUN echo {scene.nonce} > /other\n"
    scene.edit(one + other, other + one)


def _move_base(scene: Scene) -> None:
    scene.push_base("1")


def _other_base(scene: Scene) -> None:
    scene.push_base("2")
    scene.args(BASE=scene.rule["build_args"]["BASE"][:-1] + "2")


def _prune(scene: Scene) -> None:
    """Only the last step of this chain: the engine is shared with other tests."""
    described = re.compile(rf"^ID:\s+(\w+)$(?:\n(?!ID:).*)*?\nDescription:.*{scene.nonce} and ", re.MULTILINE)
    for record in described.findall(scene.docker("buildx", "du", "--verbose")):
        scene.docker("buildx", "prune", "--all", "--force", "--filter", f"id={record}")


def _target(name: str) -> Callable[[Scene], None]:
    def change(scene: Scene) -> None:
        scene.rule["target"] = name

    return change


def _target_and_file(scene: Scene) -> None:
    scene.rule["target"] = ""
    scene.write(app__main="with another target")


def _cache(*, on: bool) -> Callable[[Scene], None]:
    def change(scene: Scene) -> None:
        scene.rule["cache"] = on

    return change


def _add_url(scene: Scene) -> None:
    scene.push_base("1", "listed")
    address = f"http://{scene.yard.registry}/v2/{scene.nonce}/listed/tags/list"
    scene.edit("COPY docs/ /docs/\n", f"ADD {address} /tags.json\nCOPY docs/ /docs/\n")


def _rename(scene: Scene) -> None:
    scene.edit(" AS make", " AS built")
    scene.edit("--from=make", "--from=built")


def _edit(old: str, new: str) -> Callable[[Scene], None]:
    return lambda scene: scene.edit(old, new)


def _write(**files: str) -> Callable[[Scene], None]:
    return lambda scene: scene.write(**files)


ALL = ("built", "docs", "image")
CASES = (
    Case("the first build", _nothing, dict.fromkeys(("make", "docs", "image"), ("first", "No build of this rule"))),
    Case("unchanged", _nothing, {}),
    Case(
        "RUN edited and argument changed",
        _edit_and_set,
        {
            "docs": ("words", "`&& date > /when.txt` is new"),
            "image": ("argument", "`VERSION` changed from `1` to `2`"),
        },
    ),
    Case(
        "ENV changed",
        _edit("MODE=a", "MODE=b"),
        {"image": ("setting", "`ENV MODE=a` became `ENV MODE=b` (Dockerfile line 9)")},
    ),
    Case(
        "file of a COPY changed",
        _write(app__main="two"),
        {
            "make": ("files", "1 file that it takes", "`app/main`"),
            "image": ("because", "Because of step 2 of 3 of stage `make` (`COPY app/ /app/`)"),
        },
    ),
    Case("an ignored file changed, and one that nothing takes", _write(app__trace_log="two", README="two"), {}),
    Case(
        "file of another stage changed",
        _write(docs__a="two"),
        {"docs": ("files", "`docs/a`"), "image": ("because", "of stage `docs`")},
    ),
    Case(
        "two stages miss side by side",
        _write(docs__a="three", app__lib="three", app__trace_log="three"),
        {
            "docs": ("files", "1 file that it takes", "`docs/a`"),
            "make": ("files", "1 file that it takes", "`app/lib`"),
            "image": ("because", "of stage `"),
        },
    ),
    Case("many files", _many_files, {"make": ("files", "7 files that it takes", "and 2 more"), "image": ("because",)}),
    Case(
        "step inserted",
        _edit("COPY docs/ /docs/\n", "RUN echo NONCE > /one\nRUN echo NONCE > /other\nCOPY docs/ /docs/\n"),
        {"docs": ("new", "The step is new")},
    ),
    Case("order swapped", _swap, {"docs": ("order", "It follows `FROM ", "`RUN echo ")}),
    Case("step taken away", _edit("RUN echo NONCE > /other\n", ""), {"docs": ("order", "is gone")}),
    Case("renamed stage", _rename, {}),
    Case("base moved", _move_base, dict.fromkeys(ALL, ("base", "moved from `", "/base:1`"))),
    Case(
        "only the base's environment moved",
        lambda scene: scene.push_base("1", step="ENV X=NONCE"),
        dict.fromkeys(ALL, ("base", "moved from `", "/base:1`")),
    ),
    Case("another base", _other_base, dict.fromkeys(ALL, ("base", "/base:1` became `", "/base:2`"))),
    # What the pruned step stood on goes with it: nothing else held it.
    Case(
        "pruned",
        _prune,
        {
            "built": ("evicted", "Nothing that it takes differs from build #"),
            "docs": ("evicted", "the builder's cache did not have its result any more"),
            "image": ("because",),
        },
    ),
    Case("cache switched off", _cache(on=False), dict.fromkeys(ALL, ("off", "builds without the cache"))),
    Case("cache switched on", _cache(on=True), {}),
    Case("other target", _target("docs"), {}),
    Case(
        "back to the first target, with a change",
        _target_and_file,
        {"built": ("target", "was `docs`"), "image": ("target",)},
    ),
    Case("an address added", _add_url, {"docs": ("new",)}),
    Case(
        "what an address gives out",
        lambda scene: scene.push_base("2", "listed"),
        {"docs": ("address", "/listed/tags/list` gives out something else")},
    ),
    Case(
        "a mount of the context",
        _edit("> /mode.txt", "> /mode.txt\nRUN --mount=type=bind,source=docs,target=/d cat /d/a > /NONCE"),
        {"image": ("new",)},
    ),
    Case(
        "a file of that mount",
        _write(docs__b="two"),
        {"docs": ("files", "`docs/b`"), "image": ("because", "of stage `docs`")},
    ),
    Case("a step that fails", _fail_once, {"image": ("new",)}),
    Case("the same once more", _again, {"image": ("unfinished", "it did not end well")}),
)
NAMES = [case.name for case in CASES]


@pytest.fixture(scope="module")
def reports(yard: Yard, base_image: str, docker_host: str) -> dict[str, dict[str, Any]]:
    """The chain, built once."""
    nonce = f"c{uuid4().hex[:12]}"
    args = {"BASE": f"{yard.registry}/{nonce}/base:1", "VERSION": "1"}
    files = {
        "Dockerfile": DOCKERFILE.replace("NONCE", nonce),
        ".dockerignore": "**/*_log\n",
        **dict.fromkeys(("app/main", "app/lib", "app/trace_log", "docs/a", "docs/b", "README"), f"one {nonce}"),
    }
    rule = {"ref_type": "branch", "pattern": "main", "tags": ["latest"], "build_args": args}
    scene = Scene(yard, yard.link(f"acme/{nonce}", rules=[rule]), docker_host, base_image, nonce, files, rule)
    scene.push_base("1")
    found = {}
    for case in CASES:
        case.change(scene)
        found[case.name] = scene.build() | {"number": scene.made["number"], "id": scene.made["id"]}
    return found


def _first_misses(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = {}
    for stage in report["stages"]:
        if stage["miss"] is not None:
            found[stage["name"]] = next(step for step in stage["steps"] if step["index"] == stage["miss"])["why"]
    return found


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_first_step_that_ran_has_its_reason(reports, case: Case):
    found = _first_misses(reports[case.name])
    assert {name: why["kind"] for name, why in found.items()} == {name: told[0] for name, told in case.misses.items()}
    for name, (_kind, *words) in case.misses.items():
        assert all(word in found[name]["sentence"] for word in words), found[name]["sentence"]


@pytest.mark.parametrize("case", CASES[1:], ids=NAMES[1:])
def test_it_is_compared_with_the_last_build_that_succeeded(reports, case: Case):
    failed = reports["a step that fails"]["number"]
    before = reports[case.name]["number"] - 1
    assert reports[case.name]["compared"] == (before - 1 if before == failed else before)


def test_from_counts_for_nothing_and_an_unchanged_build_hits_everything(reports):
    first, second = reports["the first build"], reports["unchanged"]
    assert (first["cached"], first["cacheable"]) == (0, 8)
    assert (second["cached"], second["cacheable"]) == (8, 8)
    assert second["sentence"].startswith("All 8 steps came from the cache, which saved ")


def test_what_is_saved_is_what_the_same_steps_took(reports):
    took = sum(step["seconds"] for stage in reports["the first build"]["stages"] for step in stage["steps"])
    assert reports["unchanged"]["saved_s"] == pytest.approx(took, abs=0.01)


def test_a_failed_build_is_told_of_by_name_only(reports):
    assert reports["a step that fails"]["by_name_only"]
    assert not reports["the same once more"]["by_name_only"]


def test_any_two_builds_are_compared_and_a_worker_lists_the_files_between_them(yard: Yard, reports):
    first, second = reports["unchanged"]["id"], reports["an ignored file changed, and one that nothing takes"]["id"]
    path = f"/builds/{first}/compare/{second}"
    yard.send("POST", f"{path}/files", status=202)
    files = until(lambda: (found := yard.get(path)["files"])["state"] == "good" and found, what="the list of files")
    assert files["paths"] == ["Dockerfile", "README", "app/main", "app/trace_log"]
    found = yard.get(path)
    assert [row["name"] for row in found["inputs"]] == ["VERSION"]
    assert "-ENV MODE=a" in found["dockerfile_diff"]
    changed = {row["made_by"] for row in found["layers"][0]["rows"] if row["change"] != "same"}
    assert any("/mode.txt" in words for words in changed)
    assert not any(words.startswith("FROM") for words in changed)
