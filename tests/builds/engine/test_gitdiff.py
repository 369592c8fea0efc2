"""What a push changed in sum, from real repositories: renames, submodules, new branches, rewritten history."""

from __future__ import annotations

import os

import pytest

from builds.core.errors import BuildError
from builds.core.pathfilter import ChangedPath, Changes
from builds.engine.git import Remote
from builds.engine.gitdiff import NoBase, net_changes
from builds.engine.process import StopFlag
from tests.git_server import git, make_repo


@pytest.fixture
def compare(local, tmp_path):
    def call(commit, base="", *, ref="refs/heads/main", against="main", remote: Remote = local):
        return net_changes(
            remote,
            mirror=tmp_path / "mirrors" / "1.git",
            ref=ref,
            commit=commit,
            base=base,
            against=against,
            log=lambda _: None,
            stop=StopFlag(),
            timeout_s=30,
        )

    return call


def names(changes):
    assert isinstance(changes, Changes), changes
    return [changed.path for changed in changes.paths]


def test_it_lists_what_differs_in_sum(git_repo, compare):
    """What one commit changed and the next one undid is no change."""
    base = git_repo.head()
    git_repo.commit({"web/a": "1", "docs/x.md": "1"})
    git(git_repo.work, "rm", "-q", "web/a")
    head = git_repo.commit({"docs/y.md": "1"})
    changes = compare(head, base)
    assert names(changes) == ["docs/x.md", "docs/y.md"]
    assert (changes.base, changes.head, changes.since) == (base, head, "")


def test_a_rename_is_two_files_whatever_git_is_configured_to_find(git_repo, compare):
    base = git_repo.head()
    git(git_repo.work, "mv", "src/app.py", "moved.py")
    assert names(compare(git_repo.commit({}), base)) == ["moved.py", "src/app.py"]


def test_a_mode_and_a_link_are_changes(git_repo, compare):
    base = git_repo.head()
    (git_repo.work / "src/app.py").chmod(0o755)
    (git_repo.work / "link").symlink_to("README.md")
    assert names(compare(git_repo.commit({}), base)) == ["link", "src/app.py"]


def test_it_reads_names_that_are_no_utf_8_and_hold_line_breaks(git_repo, compare):
    base = git_repo.head()
    for name in (b"caf\xe9.txt", b"a\nb", b'"q"', b"-x", "日本".encode()):
        (git_repo.work / os.fsdecode(name)).write_text("x")
    head = git_repo.commit({})
    assert sorted(names(compare(head, base))) == sorted(["caf\ufffd.txt", "a\nb", '"q"', "-x", "日本"])


def test_a_submodule_that_moved_on_is_a_change_of_its_own_kind(git_repo, git_root, compare):
    inner = make_repo(git_root, "lib")
    first = inner.commit({"a": "1"})
    (git_repo.work / ".gitmodules").write_text(f'[submodule "lib"]\npath = lib\nurl = {inner.url}\nignore = all\n')
    git_repo.commit({})
    for commit in (first, inner.commit({"a": "2"})):
        base = git_repo.head()
        git(git_repo.work, "update-index", "--add", "--cacheinfo", f"160000,{commit},lib")
        git(git_repo.work, "commit", "-q", "-m", "lib")
    git_repo.push("main")
    assert compare(git_repo.head(), base).paths == (ChangedPath("lib", submodule=True),)


def test_a_new_branch_is_compared_with_where_it_left_the_default_branch(git_repo, compare):
    left = git_repo.head()
    head = git_repo.commit({"web/a": "1"}, branch="feature")
    git(git_repo.work, "switch", "-q", "main")
    git_repo.commit({"docs/x": "1"})
    for against in ("main", ""):  # "" asks the server which one that is
        changes = compare(head, ref="refs/heads/feature", against=against)
        assert (names(changes), changes.base, changes.since) == (["web/a"], left, "where it left `main`")


def test_a_forced_push_is_compared_with_the_commit_it_threw_away(git_repo, compare):
    start = git_repo.head()
    before = git_repo.commit({"web/a": "1"})
    compare(before, start)
    git(git_repo.work, "reset", "-q", "--hard", start)
    head = git_repo.commit({"docs/x": "1"})
    assert names(compare(head, before)) == ["docs/x", "web/a"]


def test_a_commit_that_was_thrown_away_unseen_is_asked_for_by_its_name(git_repo, compare):
    start = git_repo.head()
    before = git_repo.commit({"web/a": "1"})
    git(git_repo.work, "reset", "-q", "--hard", start)
    assert names(compare(git_repo.commit({"docs/x": "1"}), before)) == ["docs/x", "web/a"]


def test_where_the_old_commit_is_gone_the_default_branch_stands_in(git_repo, compare):
    left = git_repo.head()
    head = git_repo.commit({"web/a": "1"}, branch="feature")
    gone = "d" * 40
    changes = compare(head, gone, ref="refs/heads/feature")
    assert (names(changes), changes.base) == (["web/a"], left)
    assert changes.since == "where it left `main`, as ddddddd, where it was before, is gone from the server"


NO_BASE = [
    ({"ref": "refs/heads/main"}, "`main` is the default branch itself"),
    (
        {"ref": "refs/heads/main", "base": "d" * 40},
        "The commit ddddddd, where it was before, is gone from the server. `main` is",
    ),
    ({"ref": "refs/heads/main", "base": "--output=/tmp/x"}, "is gone from the server"),
    ({"ref": "refs/heads/feature", "against": "nowhere"}, "There is no branch `nowhere` to compare it with."),
    ({"ref": "refs/heads/feature", "against": "--upload-pack=x"}, "There is no branch"),
    ({"ref": "refs/heads/feature", "against": "a..b"}, "Nobody knows what to compare it with"),
    ({"ref": "refs/heads/alone"}, "It has no commit in common with `main`."),
]


@pytest.mark.parametrize(("asked", "words"), NO_BASE, ids=lambda value: str(value)[:40])
def test_it_says_why_there_is_nothing_to_compare_with(git_repo, compare, asked, words):
    git(git_repo.work, "switch", "-q", "--orphan", "alone")
    alone = git_repo.commit({"x": "1"}, branch="alone")
    git(git_repo.work, "switch", "-q", "main")
    git_repo.commit({"y": "1"}, branch="feature")
    commits = {"refs/heads/alone": alone, "refs/heads/main": git(git_repo.work, "rev-parse", "main")}
    found = compare(commits.get(asked["ref"], git_repo.head()), **asked)
    assert isinstance(found, NoBase)
    assert words in found.why


def test_a_commit_that_nobody_has_fails_in_the_words_of_the_checkout(git_repo, compare):
    with pytest.raises(BuildError, match="eeeeeee"):
        compare("e" * 40, git_repo.head())
