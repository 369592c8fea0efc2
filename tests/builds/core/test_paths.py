"""Paths that a rule names within the source."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builds.core.paths import BadPathError, clean_path, path_problem

CONTEXTS = [
    ("", "."), (".", "."), ("/", "."), ("./", "."), ("///", "."), ("app", "app"), ("/app", "app"), ("./app/", "app"),
    ("app//web/./x", "app/web/x"), ("a b", "a b"), ("données", "données"), ("app.git", "app.git"), ("a/-x", "a/-x"),
    ("~", "~"), ("$(id)", "$(id)"), ("...", "..."), (" app ", "app"), ("a@b/c", "a@b/c"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path"), CONTEXTS)
def test_it_reads_a_context_from_the_repository_root(text, path):
    assert clean_path(text, "context") == path


DOCKERFILES = [
    ("", "Dockerfile"), ("/", "Dockerfile"), (".", "Dockerfile"), ("Dockerfile.dev", "Dockerfile.dev"),
    ("/docker/Dockerfile", "docker/Dockerfile"), ("docker/", "docker/Dockerfile"), ("docker/.", "docker/Dockerfile"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path"), DOCKERFILES)
def test_it_reads_a_dockerfile_as_docker_hub_wrote_it(text, path):
    assert clean_path(text, "dockerfile") == path


REFUSED = [
    ("..", "uses `..`"), ("../x", "uses `..`"), ("a/../../x", "uses `..`"), ("/../etc", "uses `..`"),
    ("a/..", "uses `..`"),
    ("--help", "reads as an option"), ("-x", "reads as an option"), ("-", "reads as an option"),
    ("./-x", "reads as an option"), ("/-x", "reads as an option"),
    ("a\nb", "such as a line break"), ("a\x00", "such as a line break"), ("\ud800", "such as a line break"),
    ("http://example.com/x.tar", "is an address"), ("HTTPS://x", "is an address"),
    ("git@example.com:a/b.git", "is an address"),
    ("ssh://git@x/y", "is an address"), ("github.com/acme/web", "is an address"), ("file:///etc", "is an address"),
    ("docker-image://alpine", "is an address"), ("a\\b", "holds a backslash"), ("..\\x", "holds a backslash"),
    (".git", "Git's own folder"), (".git/config", "Git's own folder"), ("/.GIT/hooks", "Git's own folder"),
    ("x" * 501, "500 is the most"), ("x" * 256, "longer than 255 bytes"), ("é" * 128, "longer than 255 bytes"),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["context", "dockerfile"])
@pytest.mark.parametrize(("text", "words"), REFUSED, ids=lambda value: repr(value)[:30])
def test_it_refuses_a_path_that_could_lead_elsewhere(text, words, kind):
    assert words in path_problem(text, kind)


def test_it_counts_the_file_name_that_it_adds():
    folder = "a/" * 248
    assert clean_path(folder, "context") == folder[:-1]
    assert "506 characters; 500 is the most" in path_problem(folder, "dockerfile")


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=60) | st.text("./-\\a", max_size=12))
def test_whatever_it_takes_stays_within_the_repository(text):
    for kind in ("context", "dockerfile"):
        try:
            path = clean_path(text, kind)
        except BadPathError:
            continue
        assert not path.startswith(("/", "-"))
        assert ".." not in path.split("/")
        assert clean_path(path, kind) == path
