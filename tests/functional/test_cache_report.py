"""The cache report says why a step ran: a chain of real builds, each compared by the product with the one before it.

A build shows as many reasons as it has stages beside each other; those that nothing touches hit throughout.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from tests.images import Pusher, as_manifest, descriptor, layer, sha256
from tests.yard import MANIFESTS, Linked, Yard, until

pytestmark = pytest.mark.timeout(400)  # the first test waits for the whole chain
DOCKERFILE = """\
ARG BASE
ARG SET
ARG OTHER
ARG STILL
FROM ${BASE} AS make
COPY app/ /app/
RUN echo NONCE && cat /app/* > /out.txt
FROM ${BASE} AS docs
COPY docs/ /docs/
RUN echo NONCE && cat /docs/* > /docs.txt
FROM ${STILL} AS many
COPY many/ /many/
FROM ${STILL} AS more
RUN echo NONCE > /more
FROM ${STILL} AS swap
RUN echo NONCE > /one
RUN echo NONCE > /other
FROM ${STILL} AS less
RUN echo NONCE > /less
RUN echo NONCE > /stays
FROM ${STILL} AS set
ENV MODE=a
RUN echo NONCE && echo "$MODE" > /mode.txt
FROM ${STILL} AS told
ARG VERSION
RUN echo NONCE and $VERSION > /version.txt
FROM ${STILL} AS look
RUN --mount=type=bind,source=docs,target=/d cat /d/a > /NONCE
FROM ${STILL} AS list
ADD LISTED /tags.json
FROM ${SET} AS surroundings
COPY docs/b /b
RUN echo NONCE > /surroundings
FROM ${OTHER} AS another
RUN echo NONCE > /another
FROM ${BASE} AS image
COPY --from=make /out.txt /out.txt
COPY --from=docs /docs.txt /docs.txt
RUN MOUNTS echo NONCE
"""
BESIDE = ("many", "more", "swap", "less", "set", "told", "look", "list", "surroundings", "another")
MOUNTS = " ".join(f"--mount=type=bind,from={name},target=/beside/{name}" for name in BESIDE)


@dataclass
class Scene:
    """The repository as the chain of builds changes it."""

    yard: Yard
    linked: Linked
    docker_host: str
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

    def docker(self, *arguments: str) -> str:
        env = {**os.environ, "DOCKER_HOST": self.docker_host}
        done = subprocess.run(["docker", *arguments], check=False, text=True, env=env, capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def push_base(self, name: str, *, with_files: bool = True) -> str:
        """Another image under this name: one more layer, or nothing but another environment. Gives its reference."""
        path, tag = f"{self.nonce}/{name.partition(':')[0]}", name.partition(":")[2]
        registry, busybox = self._copy_of_busybox(path)
        config = registry.http.get(f"{registry.base}/blobs/{busybox['config']['digest']}").json()
        config["config"]["Env"].append(f"X={uuid4().hex}")
        if with_files:
            tar = layer("base", uuid4().bytes)
            registry.blob(tar)
            busybox["layers"].append(descriptor(tar, busybox["layers"][0]["mediaType"]))
            config["rootfs"]["diff_ids"].append(sha256(gzip.decompress(tar)))
            config["history"].append({"created_by": "COPY base /"})
        body = json.dumps(config).encode()
        registry.blob(body)
        busybox["config"] = descriptor(body, busybox["config"]["mediaType"])
        registry.manifest(as_manifest(busybox), tag)
        registry.close()
        return f"{self.yard.registry}/{path}:{tag}"

    def list_another(self, tag: str) -> str:
        """One more tag, and the address of the list that it is in."""
        registry, busybox = self._copy_of_busybox(f"{self.nonce}/listed")
        registry.manifest(as_manifest(busybox), tag)
        registry.close()
        return f"http://{self.yard.registry}/v2/{self.nonce}/listed/tags/list"

    def _copy_of_busybox(self, path: str) -> tuple[Pusher, dict[str, Any]]:
        """Where its parts are now too, and its manifest."""
        self.yard.copy_image("library/busybox", path, "1")
        registry = Pusher(self.yard.registry, path)
        return registry, registry.http.get(f"{registry.base}/manifests/1", headers={"Accept": MANIFESTS}).json()

    def prune(self, words: str) -> None:
        """Have the builder forget the step with these words: no other, for the engine is shared with other tests."""
        words = re.escape(words.replace("NONCE", self.nonce))
        described = re.compile(rf"^ID:\s+(\w+)$(?:\n(?!ID:).*)*?\nDescription:.*{words}", re.MULTILINE)
        found = described.findall(self.docker("buildx", "du", "--verbose"))
        assert found, words
        for record in found:
            self.docker("buildx", "prune", "--all", "--force", "--filter", f"id={record}")

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


def _other_steps(scene: Scene) -> None:
    """One change in each of many stages, and some that no step may notice."""
    scene.edit("> /docs.txt\n", "> /docs.txt && date >> /docs.txt\n")
    scene.edit("RUN echo NONCE > /more\n", "RUN echo NONCE > /first\nRUN echo NONCE > /more\n")
    one, other = "RUN echo NONCE > /one\n", "RUN echo NONCE > /other\n"
    scene.edit(one + other, other + one)
    scene.edit("RUN echo NONCE > /less\n", "")
    scene.edit("MODE=a", "MODE=b")
    scene.args(VERSION="2")
    scene.edit(" AS make", " AS built")
    scene.edit("--from=make", "--from=built")
    scene.write(app__trace_log="two", README="two")


def _other_files(scene: Scene) -> None:
    scene.write(app__lib="two", app__trace_log="three", docs__a="two")
    scene.files |= {f"many/{letter}.txt": letter for letter in "abcdefg"}
    scene.list_another("2")


def _other_bases(scene: Scene) -> None:
    scene.push_base("base:1")
    scene.push_base("set:1", with_files=False)
    scene.args(OTHER=scene.push_base("other:2"))


def _cache_off_for_another_target(scene: Scene) -> None:
    scene.rule |= {"cache": False, "target": "docs"}


def _cache_on(scene: Scene) -> None:
    scene.rule["cache"] = True


def _first_target_and_file(scene: Scene) -> None:
    scene.rule["target"] = ""
    scene.write(app__main="with another target")


def _fail_once(scene: Scene) -> None:
    scene.state = "failed"
    step = "RUN --mount=type=cache,target=/c [ -f /c/NONCE ] || { touch /c/NONCE; exit 1; }"
    scene.edit("COPY --from=docs /docs.txt /docs.txt\n", f"COPY --from=docs /docs.txt /docs.txt\n{step}\n")


def _again(scene: Scene) -> None:
    scene.state = "succeeded"


def _prune(scene: Scene) -> None:
    scene.rule["target"] = "docs"
    scene.prune("NONCE && cat /docs/")


MOVED = ("base", "moved from `")
CASES = (
    Case(
        "the first build",
        _nothing,
        dict.fromkeys(("make", "docs", *BESIDE, "image"), ("first", "No build of this rule")),
    ),
    Case("unchanged", _nothing, {}),
    Case(
        "other steps",
        _other_steps,
        {
            "docs": ("words", "`&& date >> /docs.txt` is new"),
            "more": ("new", "The step is new"),
            "swap": ("order", "It follows `FROM ", "`RUN echo "),
            "less": ("order", "is gone"),
            "set": ("setting", "`ENV MODE=a` became `ENV MODE=b` (Dockerfile line 22)"),
            "told": ("argument", "`VERSION` changed from `1` to `2`"),
            "image": ("because", "Because of step 3 of 3 of stage `docs` (`RUN echo "),
        },
    ),
    Case(
        "other files",
        _other_files,
        {
            "built": ("files", "1 file that it takes", "`app/lib`"),
            "docs": ("files", "1 file that it takes", "`docs/a`"),
            "many": ("files", "7 files that it takes", "and 2 more"),
            "look": ("files", "1 file that it takes", "`docs/a`"),
            "list": ("address", "/listed/tags/list` gives out something else"),
            "image": ("because", "Because of step 2 of 3 of stage `built` (`COPY app/ /app/`)"),
        },
    ),
    Case(
        "other bases",
        _other_bases,
        {
            **dict.fromkeys(("built", "docs", "image"), (*MOVED, "/base:1`")),
            "surroundings": (*MOVED, "/set:1`"),
            "another": ("base", "/other:1` became `", "/other:2`"),
        },
    ),
    Case(
        "another target, and cache switched off",
        _cache_off_for_another_target,
        {"docs": ("off", "builds without the cache")},
    ),
    Case("cache switched on", _cache_on, {}),
    Case(
        "back to the first target, with a change",
        _first_target_and_file,
        {"built": ("target", "was `docs`"), "image": ("target",)},
    ),
    Case("a step that fails", _fail_once, {"image": ("new",)}),
    Case("the same once more", _again, {"image": ("unfinished", "it did not end well")}),
    # The last, for the builder forgets with a step what no other step stands on.
    Case(
        "pruned",
        _prune,
        {
            "docs": (
                "evicted",
                "Nothing that it takes differs from build #",
                "the builder's cache did not have its result any more",
            ),
        },
    ),
)
NAMES = [case.name for case in CASES]


@pytest.fixture(scope="module")
def reports(yard: Yard, base_image: str, docker_host: str) -> dict[str, dict[str, Any]]:
    """The chain, built once."""
    nonce = f"c{uuid4().hex[:12]}"
    files = {
        ".dockerignore": "**/*_log\n",
        **dict.fromkeys(("app/main", "app/lib", "app/trace_log", "docs/a", "docs/b", "many/z", "README"), f"1 {nonce}"),
    }
    rule = {"ref_type": "branch", "pattern": "main", "tags": ["latest"]}
    scene = Scene(yard, yard.link(f"acme/{nonce}"), docker_host, nonce, files, rule)
    bases = {name.upper(): scene.push_base(f"{name}:1") for name in ("base", "set", "other")}
    rule["build_args"] = {**bases, "STILL": base_image, "VERSION": "1"}
    dockerfile = DOCKERFILE.replace("LISTED", scene.list_another("1")).replace("MOUNTS", MOUNTS)
    files["Dockerfile"] = dockerfile.replace("NONCE", nonce)
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
    assert (first["cached"], first["cacheable"]) == (0, 20)
    assert (second["cached"], second["cacheable"]) == (20, 20)
    assert second["sentence"].startswith("All 20 steps came from the cache, which saved ")


def test_what_is_saved_is_what_the_same_steps_took(reports):
    took = sum(step["seconds"] for stage in reports["the first build"]["stages"] for step in stage["steps"])
    assert reports["unchanged"]["saved_s"] == pytest.approx(took, abs=0.01)


def test_a_failed_build_is_told_of_by_name_only(reports):
    assert reports["a step that fails"]["by_name_only"]
    assert not reports["the same once more"]["by_name_only"]


def test_any_two_builds_are_compared_and_a_worker_lists_the_files_between_them(yard: Yard, reports):
    first, second = reports["unchanged"]["id"], reports["other steps"]["id"]
    path = f"/builds/{first}/compare/{second}"
    yard.send("POST", f"{path}/files", status=202)
    files = until(lambda: (found := yard.get(path)["files"])["state"] == "good" and found, what="the list of files")
    assert files["paths"] == ["Dockerfile", "README", "app/trace_log"]
    found = yard.get(path)
    assert [row["name"] for row in found["inputs"]] == ["VERSION"]
    assert "-ENV MODE=a" in found["dockerfile_diff"]
    changed = {row["made_by"] for row in found["layers"][0]["rows"] if row["change"] != "same"}
    assert any("/docs.txt" in words for words in changed)
    assert not any(words.startswith("FROM") or "/out.txt" in words for words in changed)
