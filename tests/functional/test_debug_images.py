"""A failed build's step, debugged for real: the image of what stood before it, its shell line, and its end."""

from __future__ import annotations

import shlex
import subprocess
import uuid
from typing import Any

import httpx
import pytest

from tests.yard import MANIFESTS, PLAIN, Linked, Yard, fresh, until

RULE = {"ref_type": "branch", "pattern": "main", "tags": ["latest"]}


def failed(yard: Yard, dockerfile: str, files: dict[str, str] | None = None, **rule: Any) -> tuple[Linked, dict]:
    linked = yard.link(f"acme/debug-{uuid.uuid4().hex[:8]}", rules=[{**RULE, **rule}])
    build = linked.build({"Dockerfile": dockerfile, **(files or {})})
    assert build["state"] == "failed", build
    return linked, build


def debugged(yard: Yard, build: dict) -> dict:
    """Ask for the image and wait until it is ready."""
    yard.send("POST", f"/builds/{build['id']}/debug-image", {}, status=202)

    def ready() -> dict | None:
        image = dict(yard.get(f"/builds/{build['id']}/debug-image"))
        assert image["state"] not in ("failed", "expired"), image
        return image if image["state"] == "ready" else None

    return until(ready, timeout_s=60, what="the debug image")


def run(docker_host: str, image: dict, command: str) -> str:
    """The `docker run` line of the page, with a command in the place of a person."""
    words = [word for word in shlex.split(image["run"]) if word != "-it"]
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "DOCKER_HOST": docker_host}
    done = subprocess.run(
        [*words, "-c", command], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def retag(yard: Yard, linked: Linked, old: str, new: str) -> None:
    """Put the image of one tag under another one as well, as somebody else would."""
    with httpx.Client(base_url=f"http://{yard.registry}/v2/{linked.path}/manifests/", **PLAIN) as registry:
        manifest = registry.get(old, headers={"Accept": MANIFESTS})
        kind = {"Content-Type": manifest.headers["content-type"]}
        registry.put(new, content=manifest.content, headers=kind).raise_for_status()


# (what, the Dockerfile after its FROM, what is asked in the image, what it answers); {base} is the base image
BEFORE = [
    ("files-of-the-step-before", "RUN echo two > /two\nRUN touch /three && exit 3\nRUN touch /four", "cat /two", "two"),
    (
        "nothing-after",
        "RUN echo two > /two\nRUN touch /three && exit 3\nRUN touch /four",
        "ls /three /four 2>/dev/null || true",
        "",
    ),
    ("arg-env-and-workdir", "ARG A=7\nENV B=8\nWORKDIR /app\nRUN false", 'echo "$A$B$(pwd)"', "78/app"),
    ("arg-of-an-earlier-stage", "ARG A=7\nFROM {base}\nARG A=9\nRUN false", "echo $A", "9"),
    (
        "a-middle-stage",
        "RUN echo one > /one\nFROM {base}\nCOPY --from=0 /one /\nRUN cat /one && false\nFROM {base}\nCOPY --from=1 / /",
        "cat /one",
        "one",
    ),
    ("a-stage-with-a-name", "FROM {base} AS build\nRUN echo b > /b\nRUN false\nFROM build\nRUN true", "cat /b", "b"),
    ("a-here-document", "RUN <<EOF\necho one > /one\nEOF\nRUN <<EOF\n# no\nexit 4\nEOF\nRUN true", "cat /one", "one"),
    ("a-failing-copy", "RUN echo one > /one\nCOPY nothing \\\n  other /\nRUN true", "cat /one", "one"),
    ("copied-files", "COPY . /src\nRUN false", "ls /src | tr '\\n' ' '", "Dockerfile a.txt "),
    ("lines-that-go-on", "RUN echo a \\\n\n # comment\n > /one\nRUN false \\\n # why\n && true", "cat /one", "a"),
    ("a-shell-of-its-own", 'SHELL ["/bin/busybox", "sh", "-ec"]\nRUN echo a > /one\nRUN false', "true", None),
]


@pytest.mark.parametrize(
    ("dockerfile", "command", "answer"), [row[1:] for row in BEFORE], ids=[row[0] for row in BEFORE]
)
def test_it_ends_right_before_the_failing_step(
    dockerfile: str, command: str, answer: str | None, yard: Yard, base_image: str, docker_host: str
):
    files = {"a.txt": "a", "b.log": "b", "Dockerfile.dockerignore": "*.log\n*.dockerignore\n"}
    _, build = failed(yard, fresh(base_image, *dockerfile.replace("{base}", base_image).split("\n")), files)
    image = debugged(yard, build)
    if answer is None:
        assert "--entrypoint /bin/busybox" in image["run"]
    else:
        assert run(docker_host, image, command).strip("\n") == answer


def test_it_tells_the_step_to_try(yard: Yard, base_image: str):
    step = "RUN --mount=type=cache,target=/c \\\n    echo $A && \\\n    exit 3"
    _, build = failed(yard, fresh(base_image, "ARG A=1", step), build_args={"A": "2"})
    image = debugged(yard, build)
    assert image["instruction"] == step
    assert image["command"].split() == ["echo", "$A", "&&", "exit", "3"]
    assert (image["mounts"], image["args"]["A"]) == (["type=cache,target=/c"], "2")
    assert image["image"].endswith(f":debug-{build['number']}")


def test_it_runs_no_step_again(yard: Yard, base_image: str, docker_host: str):
    dockerfile = fresh(base_image, "COPY . /src", "RUN cat /proc/sys/kernel/random/uuid | tee /once", "RUN false")
    _, build = failed(yard, dockerfile)
    image = debugged(yard, build)
    assert run(docker_host, image, "cat /once").encode() in yard.log(build["id"])


def test_it_counts_as_no_tag(yard: Yard, base_image: str):
    linked, build = failed(yard, fresh(base_image, "RUN false"))
    debugged(yard, build)
    assert yard.pushed_tags(linked.path) == {f"debug-{build['number']}"}
    assert linked.tags() == {}


def test_its_end_takes_no_other_tag_of_the_same_image(yard: Yard, base_image: str):
    linked, build = failed(yard, fresh(base_image, "RUN echo 1 > /one", "RUN false"))
    image = debugged(yard, build)
    tag = image["image"].rpartition(":")[2]
    retag(yard, linked, tag, "mine")
    yard.send("DELETE", f"/builds/{build['id']}/debug-image", status=202)
    until(lambda: yard.pushed_tags(linked.path) == {"mine"}, what="the removal")
    assert yard.get(f"/builds/{build['id']}/debug-image")["state"] == "expired"


def test_it_is_removed_when_its_time_is_over(yard: Yard, base_image: str):
    linked, build = failed(yard, fresh(base_image, "RUN false"))
    debugged(yard, build)
    yard.sql("UPDATE builds_debugimage SET expires_at = '2020-01-01' WHERE build_id = ?", build["id"])
    until(lambda: yard.pushed_tags(linked.path) == set(), timeout_s=40, what="the removal")
    assert debugged(yard, build)["state"] == "ready"  # and can be had again


def test_a_tag_that_somebody_pushed_is_left(yard: Yard, base_image: str):
    linked, build = failed(yard, fresh(base_image, "RUN false"))
    yard.copy_image("library/busybox", linked.path, "1")
    retag(yard, linked, "1", f"debug-{build['number']}")
    yard.send("POST", f"/builds/{build['id']}/debug-image", {}, status=202)
    image = until(lambda: (row := yard.get(f"/builds/{build['id']}/debug-image"))["state"] == "failed" and row)
    assert "that Imageyard did not put" in image["sentence"]
    assert yard.pushed_tags(linked.path) == {"1", f"debug-{build['number']}"}
