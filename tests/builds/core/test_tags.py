"""From any text to a tag that registries take."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builds.core.tags import is_reserved, make_legal, why_illegal
from registry.core.reference import is_valid_tag

LEGAL = ["latest", "v1.2.3", "_x", "A-b_C.9", "a---b", "a-", "a.", "x" * 128]


@pytest.mark.parametrize("tag", LEGAL)
def test_it_leaves_a_legal_tag_as_it_is(tag):
    assert make_legal(tag) == tag


MADE = [
    ("my/feature#1245", "my-feature-1245"),
    ("dependabot/npm_and_yarn/@types/node-18.0.0", "dependabot-npm_and_yarn-types-node-18.0.0"),
    ("feature-#6-x", "feature-6-x"),
    ("a - b", "a-b"),
    ("a---b/c", "a---b-c"),
    ("v1.0.0+build.5", "v1.0.0-build.5"),
    ("héllo/ünï", "hello-uni"),
    ("ﬁx²", "fix2"),
    ("emoji-🚀", "emoji"),
    ("🚀", None),
    ("日本語", None),
    ("", None),
    ("---", None),
    ("..", None),
    (".hidden", "hidden"),
    ("-x", "x"),
    ("a/", "a"),
    ("$(id)", "id"),
    ("a\nb", "a-b"),
    ("a\x00b", "a-b"),
]


@pytest.mark.parametrize(("text", "tag"), MADE)
def test_it_makes_a_legal_tag_of_what_is_left(text, tag):
    assert make_legal(text) == tag


def test_it_marks_a_tag_that_lost_letters_so_that_it_is_not_taken_for_another():
    made = {make_legal(f"{word}-1.0") for word in ("релиз", "выпуск")}
    assert len(made) == 2
    assert all(re.fullmatch(r"1\.0-[0-9a-f]{7}", tag) for tag in made)


def test_it_cuts_a_long_name_so_that_two_do_not_meet():
    first, second = make_legal("x" * 200), make_legal("x" * 201)
    assert first != second
    assert {len(first), len(second)} == {128}


def test_it_does_not_leave_a_dot_before_the_hash():
    assert re.fullmatch(r"x{100}-[0-9a-f]{7}", make_legal("x" * 100 + "." * 100))


def test_it_is_quick_with_a_megabyte_of_hyphens():
    assert make_legal("a" + "-" * 1_000_000)[:2] == "a-"


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=400))
def test_it_never_makes_an_illegal_tag_and_always_the_same_one(text):
    tag = make_legal(text)
    assert tag is None or is_valid_tag(tag)
    assert make_legal(text) == tag


@pytest.mark.parametrize(
    ("tag", "reserved"), [("build-1", True), ("build-", False), ("build-1a", False), ("xbuild-1", False)]
)
def test_it_knows_the_tags_of_builds_themselves(tag, reserved):
    assert is_reserved(tag) is reserved


WHY = [
    ("a/b", "a tag holds only letters, digits, `_`, `.` and `-`"),
    ("x" * 129, "a tag has at most 128 characters"),
    ("-x", "a tag begins with a letter, a digit or `_`"),
]


@pytest.mark.parametrize(("text", "reason"), WHY)
def test_it_says_what_a_text_offends_against(text, reason):
    assert why_illegal(text) == reason
