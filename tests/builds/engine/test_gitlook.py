"""What a mirror tells of two commits without asking a server."""

from __future__ import annotations

import pytest

from builds.core.pathfilter import Changes
from builds.engine.gitdiff import NoBase
from builds.engine.gitlook import look
from tests.yard import GitRepository

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A repository whose bare half stands for the mirror, and two of its commits."""
    git = GitRepository(tmp_path_factory.mktemp("git"), "web")
    first = git.commit({"a.txt": "1", "sub/b.txt": "1", "gone.txt": "1", ".dockerignore": "*.log\n"})
    (git.tree / "gone.txt").unlink()
    (git.tree / "link").symlink_to("a.txt")
    second = git.commit({"a.txt": "2", "sub/ünï\ncode": "x"})
    return git, first, second


def seen(made, *names: str, most_bytes: int = 100):
    git, first, second = made
    return look(git.bare, first, second, names=names, most_bytes=most_bytes, timeout_s=20)


def test_it_lists_what_differs(made):
    changes, _ = seen(made)
    assert isinstance(changes, Changes)
    assert {one.path for one in changes.paths} == {"a.txt", "gone.txt", "link", "sub/ünï\ncode"}


@pytest.mark.parametrize("name", ["link", "sub", "none", "../etc/passwd", ":(glob)*", ""])
def test_what_is_no_file_has_no_text(made, name):
    assert seen(made, name)[1] == {}


def test_it_reads_the_files_that_are_named(made):
    assert seen(made, ".dockerignore", "sub/b.txt")[1] == {".dockerignore": "*.log\n", "sub/b.txt": "1"}


def test_a_file_that_is_too_long_has_no_text(made):
    assert seen(made, ".dockerignore", most_bytes=3)[1] == {}


@pytest.mark.parametrize("base", ["0" * 40, "HEAD", "", "--output=/tmp/x", "main"])
def test_a_commit_that_is_not_there_is_a_sentence(made, base):
    git, _, second = made
    found, _ = look(git.bare, base, second, names=("a.txt",), most_bytes=100, timeout_s=20)
    assert isinstance(found, NoBase)
    assert "does not have both commits" in found.why


def test_no_mirror_is_a_sentence(tmp_path):
    found, texts = look(tmp_path / "none.git", "a" * 40, "b" * 40, most_bytes=100, timeout_s=20)
    assert isinstance(found, NoBase)
    assert texts == {}
