"""Rules held against many refs: the counts, the filters, the clashes, and the characters that were changed."""

from __future__ import annotations

import pytest

from builds.core import playground
from builds.core.facts import Known
from builds.core.plan import PlannedTag
from builds.core.playground import changed_pieces, judge_refs
from builds.core.rules import Ref, RuleSpec

BRANCHES = RuleSpec(1, "branch", "/.*/", ("{sourceref}",))
TAGS = RuleSpec(2, "tag", r"/^v(\d+)\./", (r"{\1}",))
REFS = [
    Ref("branch", "main"), Ref("branch", "feature/a"), Ref("branch", "feature-a"), Ref("tag", "v1.0"), Ref("tag", "x")
]  # fmt: skip


def judged(*rules: RuleSpec, refs=REFS):
    return judge_refs(refs, rules, Known(tags=()))


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ([BRANCHES, TAGS], "These rules would have built 4 images from 5 refs."),
        ([BRANCHES, BRANCHES], "These rules would have built 6 images from 5 refs."),
        ([RuleSpec(3, "tag", "x", ("x",))], "These rules would have built 1 image from 5 refs."),
        ([], "These rules would have built nothing from 5 refs."),
    ],
)
def test_it_says_the_sum(rules, sentence):
    assert judged(*rules).sentence == sentence


@pytest.mark.parametrize(
    ("show", "names"),
    [
        ("all", ["main", "feature/a", "feature-a", "v1.0", "x"]),
        ("built", ["main", "feature/a", "feature-a", "v1.0"]),
        ("not", ["x"]),
        ("clash", ["feature/a", "feature-a"]),
    ],
)
def test_it_counts_and_lists_what_a_filter_is_for(show, names):
    found = judged(BRANCHES, TAGS)
    assert [one.ref.name for one in found.chosen(show)] == names
    assert found.counts[show] == len(names)


@pytest.mark.parametrize(("find", "names"), [("FEATURE/", ["feature/a"]), ("feature-a", ["feature/a", "feature-a"])])
def test_it_finds_refs_by_their_names_and_their_tags(find, names):
    assert [one.ref.name for one in judged(BRANCHES).chosen("all", find)] == names


def test_it_says_of_each_ref_what_it_clashes_with():
    clashing = judged(BRANCHES).chosen("clash")[0]
    assert "made from branch `feature/a` and branch `feature-a`" in clashing.clashes[0]
    assert clashing.made[0].clashes == clashing.clashes[0]


def test_it_says_why_of_every_rule():
    one = judged(BRANCHES, TAGS).tried[3]
    assert one.reasons == [(1, "did not match: wants branches, this is a tag"), (2, r"matches `/^v(\d+)\./`")]
    assert one.places == [2]


def test_it_judges_no_more_than_it_has_time_for(monkeypatch):
    monkeypatch.setattr(playground, "MOST_JUDGED", 6)
    found = judged(BRANCHES, TAGS)
    assert (len(found.tried), found.left_out) == (3, 2)


def test_it_names_a_few_clashes_and_counts_the_others():
    refs = [Ref("branch", name) for n in range(9) for name in (f"a/{n}", f"a-{n}")]
    assert judged(BRANCHES, refs=refs).warnings[-1] == "7 more clashes: choose Clashing to see them."


@pytest.mark.parametrize(
    ("was", "name", "marked"),
    [
        ("feature/login", "feature-login", [("-", "/")]),
        ("-x", "x", [("x", "-x")]),
        ("x/", "x", [("x", "x/")]),
        ("héllo", "hello", [("e", "é")]),
        ("v1.0.0+build.5", "v1.0.0-build.5", [("-", "+")]),
    ],
)
def test_it_marks_the_characters_that_were_changed(was, name, marked):
    pieces = changed_pieces(PlannedTag(name, "{sourceref}", was))
    assert "".join(piece.text for piece in pieces) == name
    assert [(piece.text, piece.was) for piece in pieces if piece.was is not None] == marked


def test_it_marks_nothing_in_a_tag_that_is_as_it_was_written():
    assert [piece.was for piece in changed_pieces(PlannedTag("latest", "latest"))] == [None]
