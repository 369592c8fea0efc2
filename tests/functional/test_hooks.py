"""Hooks on a whole Imageyard: what runs, with which variables, what stops a build, and that nothing is left behind."""

from __future__ import annotations

import hashlib

import pytest

from tests.functional.breakable import Fragile
from tests.functional.test_autotest import left_of
from tests.functional.test_pull_requests import approved, propose, tell
from tests.yard import Linked, Yard, fresh, until


@pytest.fixture
def hooked(fragile: Fragile) -> Yard:
    """An Imageyard whose hooks run in a busybox, and not for long, and have an engine."""
    return fragile.yard


@pytest.fixture(scope="module", autouse=True)
def hanging(fragile: Fragile, base_image: str) -> int:
    """A build whose hook does not end. It takes the time that hooks may take while other tests run beside it."""
    linked = trusted(fragile.yard, "hooks/hangs")
    files = {"Dockerfile": fresh(base_image), "hooks/post_checkout": hook("echo begun", "sleep 300")}
    return int(linked.start(files)["id"])


def trusted(yard: Yard, path: str) -> Linked:
    linked = yard.link(path)
    yard.send("PUT", f"/repositories/{path}/tests", {"hooks_trusted": True})
    return linked


def hook(*lines: str) -> str:
    return "\n".join(["#!/bin/sh", "set -e", *lines, ""])


def use(linked: Linked, dockerfile: str = "app/Dockerfile") -> None:
    rule = {"ref_type": "branch", "pattern": "main", "tags": ["latest"], "dockerfile": dockerfile, "context": "app"}
    linked.yard.send("PUT", f"/repositories/{linked.path}/rules", [rule])


def test_hooks_run_in_order_and_what_they_write_is_in_the_image(hooked: Yard, base_image: str):
    linked = trusted(hooked, "hooks/all")
    use(linked)
    build = linked.build(
        {
            "app/Dockerfile": fresh(base_image, "COPY . /app"),
            "app/hooks/post_checkout": hook("echo one; echo $SOURCE_BRANCH $IMAGE_NAME > made"),
            "app/hooks/pre_build": hook("ln -s /etc/passwd link; echo two >> made; test ! -e /var/run/docker.sock"),
            "app/hooks/post_build": hook("echo three $DOCKER_TAG $SOURCE_COMMIT $DOCKERFILE_PATH"),
            "app/hooks/pre_push": hook("echo four; cat made"),
            "app/hooks/post_push": hook("echo five"),
        }
    )
    assert build["state"] == "succeeded", build["sentence"]
    steps = [step["name"] for step in build["steps"] if step["name"].startswith("hooks/") or step["name"] == "Publish"]
    before = ["hooks/post_checkout", "hooks/pre_build", "hooks/post_build", "hooks/pre_push"]
    assert steps == [*before, "Publish", "hooks/post_push"]
    image = f"{hooked.registry}/hooks/all:latest"
    files = hooked.image_files("hooks/all", "latest")
    assert files["app/made"][1].decode() == f"main {image}\ntwo\n"
    assert files["app/link"][0].linkname == "/etc/passwd"
    assert f"three latest {build['commit']} Dockerfile\n" in hooked.log(build["id"]).decode()
    until(lambda: not left_of(hooked, build), what="nothing left in the engine")


def test_a_hook_that_fails_ends_the_build_before_anything_is_built(hooked: Yard, base_image: str):
    linked = trusted(hooked, "hooks/fails")
    build = linked.build({"Dockerfile": fresh(base_image), "hooks/pre_build": hook("echo so far", "exit 2")})
    assert (build["state"], build["error"]["kind"]) == ("failed", "user")
    assert build["sentence"] == "`hooks/pre_build` ended with exit code 2."
    assert build["error"]["step"] == "hooks/pre_build"
    assert hooked.pushed_tags("hooks/fails") == set()
    until(lambda: not left_of(hooked, build), what="nothing left in the engine")


def test_variables_and_secrets_reach_a_hook_byte_for_byte_and_are_masked_and_a_failing_last_hook_is_a_warning(
    hooked: Yard, base_image: str
):
    linked = trusted(hooked, "hooks/variables")
    value = 'it\'s a "secret"\nof two $lines `id`'
    hooked.send("POST", "/repositories/hooks/variables/variables", {"kind": "secret", "name": "TOKEN", "value": value})
    script = hook('printf %s "$TOKEN" | md5sum', 'echo "$TOKEN"')
    files = {"Dockerfile": fresh(base_image), "hooks/pre_build": script, "hooks/post_push": hook("exit 3")}
    build = linked.build(files)
    assert build["state"] == "succeeded", build["sentence"]
    log = hooked.log(build["id"]).decode()
    assert hashlib.md5(value.encode()).hexdigest() in log
    assert "of two $lines" not in log
    [[warnings]] = hooked.sql("SELECT warnings FROM builds_build WHERE id = ?", build["id"])
    assert "`hooks/post_push` ended with exit code 3. The tags had been put by then." in warnings


def test_w15_a_pull_request_runs_no_hooks(hooked: Yard, base_image: str):
    linked = trusted(hooked, "hooks/pulls")
    hooked.send("PUT", "/repositories/hooks/pulls/pull-requests", {"policy": "forks"})
    linked.git.commit({"Dockerfile": fresh(base_image)})
    commit = propose(linked, {"Dockerfile": fresh(base_image), "hooks/post_checkout": hook("exit 2")})
    build = approved(hooked, tell(linked, commit), commit)
    assert build["state"] == "succeeded", build["sentence"]
    assert "was found and not run: pull requests run no hooks." in hooked.log(build["id"]).decode()


# What `docker build -t $IMAGE_NAME .` and `docker push` ask an engine for, with what a busybox has.
ASK = r"""
engine=${DOCKER_HOST#tcp://}
ask() {
  size=$(wc -c < "$2")
  { printf 'POST /%s HTTP/1.0\r\nX-Registry-Auth: e30=\r\nContent-Type: application/x-tar\r\n' "$1"
    printf 'Content-Length: %s\r\n\r\n' "$size"; cat "$2"; } | nc "${engine%:*}" "${engine#*:}" | tee /tmp/answer
  ! grep -q errorDetail /tmp/answer
}
"""
BUILD = ASK + 'tar -cf /tmp/context.tar .; ask "build?t=$IMAGE_NAME" /tmp/context.tar'
PUSH = ASK + 'ask "images/$IMAGE_NAME/tag?repo=$DOCKER_REPO&tag=by-hook" /dev/null\n'
PUSH += 'ask "images/$DOCKER_REPO/push?tag=by-hook" /dev/null'


def test_hooks_that_replace_steps_do_so_on_the_engine_that_is_there_for_them(hooked: Yard, base_image: str):
    linked = trusted(hooked, "hooks/engine")
    files = {"Dockerfile": fresh(base_image, "COPY made /made"), "hooks/build": hook("echo 1 > made", BUILD)}
    build = linked.build(files)
    assert build["state"] == "succeeded", build["sentence"]
    assert hooked.image_files("hooks/engine", "latest")["made"][1] == b"1\n"
    assert linked.tags()["latest"]["digest"] == build["digest"]
    by_test = linked.build({"hooks/test": hook("echo testing $IMAGE_NAME", "exit 4")})
    assert "`hooks/test` ended with exit code 4. No tag but `build-2` was moved." in by_test["sentence"]
    assert [row["state"] for row in by_test["tests"]] == ["failed"]
    by_push = linked.build({"hooks/test": hook("true"), "hooks/push": hook(PUSH)})
    assert by_push["state"] == "succeeded", by_push["sentence"]
    assert hooked.pushed_tags("hooks/engine") == {"build-1", "build-2", "build-3", "latest", "by-hook"}
    assert linked.tags()["latest"]["digest"] == build["digest"]


def test_a_hook_that_does_not_end_is_stopped(hooked: Yard, hanging: int):
    build = hooked.wait(hanging)
    assert (build["state"], build["error"]["kind"]) == ("failed", "timeout")
    assert "`hooks/post_checkout` did not end within 12 s" in build["sentence"]
    until(lambda: not left_of(hooked, build), what="nothing left in the engine")
