"""Marks in commit messages that ask for no build (field case W12)."""

from __future__ import annotations

import pytest

from builds.core.refnames import Ref
from builds.core.skip import skip_marker, skip_sentence

MESSAGES = [
    ("docs [skip ci]", "[skip ci]"),
    ("[CI SKIP] docs", "[CI SKIP]"),
    ("x\n\nbody [no ci]", "[no ci]"),
    ("x [Skip Build]", "[Skip Build]"),
    ("***NO_CI*** x", "***NO_CI***"),
    ('Revert "add [skip ci]"', "[skip ci]"),
    ("real fix", None),
    ("skip ci", None),
    ("[skip cid]", None),
    ("", None),
    (None, None),
]


@pytest.mark.parametrize(("message", "marker"), MESSAGES)
def test_w12_it_finds_the_mark_as_it_is_written(message, marker):
    assert skip_marker(message) == marker


def test_w12_it_says_why_a_branch_push_is_not_built():
    assert skip_sentence(Ref("branch", "main"), "docs [skip ci]") == (
        "Skipped: the newest commit's message says `[skip ci]`. Start the build by hand to build it anyway."
    )


def test_w12_it_builds_a_tag_on_a_commit_that_asks_to_be_skipped():
    assert skip_sentence(Ref("tag", "v1.0.0"), "bump [skip ci]") is None
