"""Hooks on an Imageyard that names no image and no engine for them: the worker makes one of its own programs."""

from __future__ import annotations

from tests.yard import Yard, fresh


def test_trusted_hooks_run_with_bash_and_git_and_what_they_write_is_built(yard: Yard, base_image: str):
    linked = yard.link("hooks/plain")
    yard.sql("UPDATE builds_source SET hooks_trusted = 1 WHERE clone_url = ?", linked.git.url)
    hook = (
        '#!/bin/bash\nset -euo pipefail\n[[ $SOURCE_BRANCH == main ]]\ngit --version\necho "$IMAGE_NAME" > made.txt\n'
    )
    files = {"Dockerfile": fresh(base_image, "COPY made.txt /"), "hooks/pre_build": hook}
    build = linked.build(files)
    assert build["state"] == "succeeded", build["sentence"]
    assert b"git version" in yard.log(build["id"])
    content = yard.image_files("hooks/plain", build["digest"])["made.txt"][1].decode()
    assert content == f"{yard.registry}/hooks/plain:latest\n"


def test_hooks_that_nobody_trusts_are_found_and_not_run(yard: Yard, base_image: str):
    linked = yard.link("hooks/untrusted")
    build = linked.build({"Dockerfile": fresh(base_image), "hooks/pre_build": "#!/bin/sh\nexit 1\n"})
    assert build["state"] == "succeeded", build["sentence"]
    assert b"`hooks/pre_build` was found and not run" in yard.log(build["id"])


def test_a_hook_that_replaces_a_step_needs_an_engine(yard: Yard, base_image: str):
    linked = yard.link("hooks/replaces")
    yard.send("PUT", "/repositories/hooks/replaces/tests", {"hooks_trusted": True})
    files = {"Dockerfile": fresh(base_image), "hooks/build": "#!/bin/sh\ndocker build -t $IMAGE_NAME .\n"}
    build = linked.build(files)
    assert build["state"] == "failed"
    assert "`hooks/build` replaces the step that builds the image" in build["sentence"]
    assert "IMAGEYARD_HOOKS_DOCKER_HOST" in build["sentence"]
