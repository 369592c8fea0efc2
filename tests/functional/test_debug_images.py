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
    (
        "a-middle-stage",
        """\
RUN echo one > /one
FROM {base}
COPY --from=0 /one /
ARG A=7
ENV B=8
WORKDIR /app
COPY . /src
RUN cat /proc/sys/kernel/random/uuid | tee /once
RUN touch /three \\
 # why
 && exit 3
RUN touch /four
FROM {base}
COPY --from=1 / /""",
        (
            ("cat /one", "one"),  # files of a stage before, and of the steps before
            ("ls /three /four 2>/dev/null || true", ""),  # nothing of the step, and nothing after it
            ('echo "$A$B$(pwd)"', "78/app"),
            ("ls /src | tr '\\n' ' '", "Dockerfile a.txt "),
        ),
    ),
    (
        "a-stage-with-a-name-and-here-documents",
        """\
ARG A=7
FROM {base} AS build
ARG A=9
RUN <<EOF
echo one > /one
EOF
RUN <<EOF
# no
exit 4
EOF
RUN true
FROM build
RUN true""",
        (("cat /one", "one"), ("echo $A", "9")),
    ),
    (
        "a-failing-copy-after-lines-that-go-on",
        "RUN echo a \\\n\n # comment\n > /one\nCOPY nothing \\\n  other /\nRUN true",
        (("cat /one", "a"),),
    ),
]


@pytest.mark.parametrize(("dockerfile", "asked"), [row[1:] for row in BEFORE], ids=[row[0] for row in BEFORE])
def test_it_ends_right_before_the_failing_step_and_runs_no_step_again(
    dockerfile: str, asked: tuple[tuple[str, str], ...], yard: Yard, base_image: str, docker_host: str
):
    files = {"a.txt": "a", "b.log": "b", "Dockerfile.dockerignore": "*.log\n*.dockerignore\n"}
    _, build = failed(yard, fresh(base_image, *dockerfile.replace("{base}", base_image).split("\n")), files)
    image = debugged(yard, build)
    script = "".join(f"{command}\necho ///\n" for command, _ in asked) + "cat /once 2>/dev/null || true"
    *said, once = run(docker_host, image, script).split("///\n")
    assert [one.strip("\n") for one in said] == [answer for _, answer in asked]
    assert bool(once) == ("/once" in dockerfile)
    assert once.encode() in yard.log(build["id"])


def test_it_tells_the_step_to_try_and_its_shell(yard: Yard, base_image: str):
    step = "RUN --mount=type=cache,target=/c \\\n    echo $A && \\\n    exit 3"
    shell = 'SHELL ["/bin/busybox", "sh", "-ec"]'
    dockerfile = fresh(base_image, "ARG A=1", shell, "RUN echo a > /one", step)
    _, build = failed(yard, dockerfile, build_args={"A": "2"})
    image = debugged(yard, build)
    assert image["instruction"] == step
    assert image["command"].split() == ["echo", "$A", "&&", "exit", "3"]
    assert (image["mounts"], image["args"]["A"]) == (["type=cache,target=/c"], "2")
    assert image["image"].endswith(f":debug-{build['number']}")
    assert "--entrypoint /bin/busybox" in image["run"]


def test_it_counts_as_no_tag_and_its_end_takes_no_other_tag_of_the_same_image(yard: Yard, base_image: str):
    linked, build = failed(yard, fresh(base_image, "RUN echo 1 > /one", "RUN false"))
    image = debugged(yard, build)
    tag = image["image"].rpartition(":")[2]
    assert yard.pushed_tags(linked.path) == {tag} == {f"debug-{build['number']}"}
    assert linked.tags() == {}
    retag(yard, linked, tag, "mine")
    # Its time is over: it goes by itself, and can be had again.
    yard.sql("UPDATE builds_debugimage SET expires_at = '2020-01-01' WHERE build_id = ?", build["id"])
    yard.ring("builds.tick")
    page = f"/builds/{build['id']}/debug-image"
    until(lambda: yard.get(page)["state"] == "expired", timeout_s=40, what="the removal")
    assert yard.pushed_tags(linked.path) == {"mine"}
    assert debugged(yard, build)["state"] == "ready"
    # Somebody has no use for it any more.
    assert yard.pushed_tags(linked.path) == {tag, "mine"}
    yard.send("DELETE", page, status=202)
    until(lambda: yard.get(page)["state"] == "expired", what="the removal")
    assert yard.pushed_tags(linked.path) == {"mine"}


def test_a_tag_that_somebody_pushed_is_left(yard: Yard, base_image: str):
    linked, build = failed(yard, fresh(base_image, "RUN false"))
    yard.copy_image("library/busybox", linked.path, "1")
    retag(yard, linked, "1", f"debug-{build['number']}")
    yard.send("POST", f"/builds/{build['id']}/debug-image", {}, status=202)
    image = until(lambda: (row := yard.get(f"/builds/{build['id']}/debug-image"))["state"] == "failed" and row)
    assert "that Imageyard did not put" in image["sentence"]
    assert yard.pushed_tags(linked.path) == {"1", f"debug-{build['number']}"}
