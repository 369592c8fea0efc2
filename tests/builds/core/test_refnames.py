"""Names of Git refs, as strangers send them."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from builds.core.refnames import Ref, explain_ref, name_problem, parse_ref

GOOD = [
    ("refs/heads/main", Ref("branch", "main")),
    ("refs/tags/v1.0.0", Ref("tag", "v1.0.0")),
    ("refs/heads/feature/a", Ref("branch", "feature/a")),
    ("refs/heads/refs/heads/x", Ref("branch", "refs/heads/x")),
    ("refs/heads/$(id)", Ref("branch", "$(id)")),
    ("refs/heads/-x", Ref("branch", "-x")),
    ("refs/heads/--help", Ref("branch", "--help")),
    ("refs/heads/`id`;rm", Ref("branch", "`id`;rm")),
    ("refs/heads/日本語", Ref("branch", "日本語")),
    ("refs/heads/@", Ref("branch", "@")),
    ("refs/heads/HEAD", Ref("branch", "HEAD")),
    ("refs/tags/v1.0.0+build.5", Ref("tag", "v1.0.0+build.5")),
]


@pytest.mark.parametrize(("full", "ref"), GOOD)
def test_it_reads_branches_and_tags(full, ref):
    assert parse_ref(full) == ref


BAD_NAMES = [
    "", "a b", "a..b", "a~1", "a^", "a:b", "a?", "a*", "[a]", "a\\b", "/a", "a/", "a//b", ".a", "a/.b", "a.lock",
    "a.lock/b", "a.", "a@{b", "a\x00", "a\nb", "a\x7f",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_it_refuses_what_git_refuses(name):
    assert name_problem(name)
    assert parse_ref(f"refs/heads/{name}") is None


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("name", [name for name in BAD_NAMES if "\x00" not in name] + [ref.name for _, ref in GOOD])
def test_it_agrees_with_git_itself(name):
    answer = subprocess.run(["git", "check-ref-format", f"refs/heads/{name}"], check=False)
    assert (name_problem(name) is None) == (answer.returncode == 0)


ODD = [
    (None, "names no ref"),
    (123, "names no ref"),
    ({}, "names no ref"),
    ("", "names no ref"),
    ("main", "`main` is not a full ref name: a branch is `refs/heads/…`, a tag `refs/tags/…`."),
    ("refs/pull/7/merge", "`refs/pull/7/merge` is neither a branch nor a tag; rules know only those."),
    ("refs/notes/x", "neither a branch nor a tag"),
    ("refs/heads/", "not a name that Git allows for a branch: it is empty."),
    ("refs/tags/a..b", "not a name that Git allows for a tag: it holds `..`."),
    ("refs/heads/" + "x" * 256, "it is longer than 255 characters"),
    ("refs/heads/\ud800", "not valid Unicode"),
]


@pytest.mark.parametrize(("full", "words"), ODD, ids=lambda value: repr(value)[:30])
def test_w10_it_says_why_something_is_no_branch_or_tag(full, words):
    assert parse_ref(full) is None
    assert words in explain_ref(full)
