"""Hooks on a whole Imageyard: what runs, with which variables, what stops a build, and that nothing is left behind."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from imageyard.supervisor.parts import Redis
from tests.functional.test_autotest import left_of
from tests.functional.test_pull_requests import approved, propose, tell
from tests.real_parts import running
from tests.yard import Linked, Yard, fresh, running_yard, until


@pytest.fixture(scope="module")
def hooked(registry_host: str, docker_host: str, base_image: str) -> Iterator[Yard]:
    """An Imageyard whose hooks run in a busybox."""
    folder = Path(tempfile.mkdtemp(prefix="iy-hooks-", dir="/tmp"))
    more = {"IMAGEYARD_HOOKS_IMAGE": base_image, "IMAGEYARD_TEST_TIMEOUT_S": "20"}
    with (
        running(Redis(folder / "parts")) as redis,
        running_yard(folder, redis_url=redis.url, registry=registry_host, docker_host=docker_host, **more) as yard,
    ):
        yield yard
    shutil.rmtree(folder, ignore_errors=True)


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


def test_a_hook_that_does_not_end_is_stopped(hooked: Yard, base_image: str):
    linked = trusted(hooked, "hooks/hangs")
    build = linked.build({"Dockerfile": fresh(base_image), "hooks/post_checkout": hook("echo begun", "sleep 300")})
    assert (build["state"], build["error"]["kind"]) == ("failed", "timeout")
    assert "`hooks/post_checkout` did not end within 20 s" in build["sentence"]
    until(lambda: not left_of(hooked, build), what="nothing left in the engine")


def test_after_the_tags_a_failing_hook_is_a_warning(hooked: Yard, base_image: str):
    linked = trusted(hooked, "hooks/late")
    build = linked.build({"Dockerfile": fresh(base_image), "hooks/post_push": hook("exit 3")})
    assert build["state"] == "succeeded", build["sentence"]
    [[warnings]] = hooked.sql("SELECT warnings FROM builds_build WHERE id = ?", build["id"])
    assert "`hooks/post_push` ended with exit code 3. The tags had been put by then." in warnings


def test_a_hook_that_replaces_a_step_needs_an_engine(hooked: Yard, base_image: str):
    linked = trusted(hooked, "hooks/replaces")
    build = linked.build({"Dockerfile": fresh(base_image), "hooks/build": hook("docker build -t $IMAGE_NAME .")})
    assert build["state"] == "failed"
    assert "`hooks/build` replaces the step that builds the image" in build["sentence"]
    assert "IMAGEYARD_HOOKS_DOCKER_HOST" in build["sentence"]


def test_variables_and_secrets_reach_a_hook_byte_for_byte_and_are_masked(hooked: Yard, base_image: str):
    linked = trusted(hooked, "hooks/variables")
    value = 'it\'s a "secret"\nof two $lines `id`'
    hooked.send("POST", "/repositories/hooks/variables/variables", {"kind": "secret", "name": "TOKEN", "value": value})
    script = hook('printf %s "$TOKEN" | md5sum', 'echo "$TOKEN"')
    build = linked.build({"Dockerfile": fresh(base_image), "hooks/pre_build": script})
    assert build["state"] == "succeeded", build["sentence"]
    log = hooked.log(build["id"]).decode()
    assert hashlib.md5(value.encode()).hexdigest() in log
    assert "of two $lines" not in log


def test_hooks_of_a_repository_that_nobody_trusts_are_found_and_not_run(hooked: Yard, base_image: str):
    linked = hooked.link("hooks/untrusted")
    build = linked.build({"Dockerfile": fresh(base_image), "hooks/pre_build": hook("exit 2")})
    assert build["state"] == "succeeded", build["sentence"]
    assert "`hooks/pre_build` was found and not run" in hooked.log(build["id"]).decode()


def test_w15_a_pull_request_runs_no_hooks(hooked: Yard, base_image: str):
    linked = trusted(hooked, "hooks/pulls")
    hooked.send("PUT", "/repositories/hooks/pulls/pull-requests", {"policy": "forks"})
    linked.git.commit({"Dockerfile": fresh(base_image)})
    commit = propose(linked, {"Dockerfile": fresh(base_image), "hooks/post_checkout": hook("exit 2")})
    build = approved(hooked, tell(linked, commit), commit)
    assert build["state"] == "succeeded", build["sentence"]
    assert "was found and not run: pull requests run no hooks." in hooked.log(build["id"]).decode()
