"""What hooks see and what is said of them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from builds.core.hooks import ORDER, REPLACING, Facts, exports, failed_sentence, not_run_sentence, variables


def facts(**fields) -> Facts:
    known = {
        "image": "registry.example.com/acme/web",
        "build_tag": "build-7",
        "tags": ["1.2.3", "1.2", "latest"],
        "ref": "v1.2.3",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "message": "Release",
        "clone_url": "https://git.example.com/acme/web.git",
        "dockerfile": "app/Dockerfile.prod",
        "context": "app",
    }
    return Facts(**{**known, **fields})


def test_it_gives_the_variables_that_docker_hub_gave():
    found = variables(facts())
    assert found["SOURCE_BRANCH"] == "v1.2.3"
    assert found["SOURCE_COMMIT"] == "0123456789abcdef0123456789abcdef01234567"
    assert found["COMMIT_MSG"] == "Release"
    assert found["DOCKER_REPO"] == "registry.example.com/acme/web"
    assert found["DOCKERFILE_PATH"] == "Dockerfile.prod"
    assert found["DOCKER_TAG"] == found["CACHE_TAG"] == "1.2.3"
    assert found["IMAGE_NAME"] == "registry.example.com/acme/web:1.2.3"
    assert found["DOCKER_TAGS"] == "1.2.3,1.2,latest"
    assert found["BUILD_PATH"] == "/app"
    assert (found["SOURCE_TYPE"], found["SOURCE_REPOSITORY_URL"]) == ("git", "https://git.example.com/acme/web.git")


def test_a_build_without_tags_is_known_by_its_own():
    assert variables(facts(tags=[]))["IMAGE_NAME"] == "registry.example.com/acme/web:build-7"


def test_the_repository_s_own_variables_are_there_and_take_nobody_else_s_place():
    found = variables(facts(given={"NPM_TOKEN": "x", "DOCKER_TAG": "mine", "a.b": "no name for a shell"}))
    assert (found["NPM_TOKEN"], found["DOCKER_TAG"]) == ("x", "1.2.3")
    assert "a.b" not in found


@pytest.mark.parametrize(
    "value", ["", "it's", 'a "b"', "$(id) `id` $HOME", "two\nlines\n", "größer \\ \t *", "-n", "\r\n"]
)
def test_values_reach_a_shell_byte_for_byte(value: str):
    tell = "import os, json, sys; json.dump(os.environ['VALUE'], sys.stdout)"
    script = exports({"VALUE": value}) + f'exec "{sys.executable}" -c "{tell}"'
    out = subprocess.run(["sh", "-c", script], env={}, check=True, capture_output=True).stdout
    assert json.loads(out) == value


def test_they_run_in_the_order_of_docker_hub():
    assert ORDER.index("post_checkout") == 0
    assert [name for name in ORDER if name in REPLACING] == ["build", "test", "push"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (2, "`hooks/pre_build` ended with exit code 2."),
        (127, "ended with exit code 127. A program that it needs is not in the image"),
        (137, "It was killed, most likely because it needed more memory"),
    ],
)
def test_it_says_how_a_hook_ended(code: int, words: str):
    assert words in failed_sentence("pre_build", code)


@pytest.mark.parametrize(
    ("names", "untrusted", "sentence"),
    [
        (
            ["build"],
            False,
            "`hooks/build` was found and not run: hooks run only for repositories that an administrator",
        ),
        (["pre_build", "build"], False, "`hooks/pre_build` and `hooks/build` were found and not run"),
        (["build"], True, "`hooks/build` was found and not run: pull requests run no hooks."),
    ],
)
def test_it_says_why_hooks_do_not_run(names, untrusted, sentence):
    assert sentence in not_run_sentence(names, untrusted=untrusted)
