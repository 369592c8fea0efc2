"""Which pushes were missed, decided from the refs as they are, the rules, and what was dealt with."""

from __future__ import annotations

import pytest

from builds.core.missed import Missed, missed, newest_of_each_rule
from builds.core.refnames import Ref
from builds.core.rules import RuleSpec

OLD, NEW = "a" * 40, "b" * 40
MAIN, TOPIC = Ref("branch", "main"), Ref("branch", "topic")
RULE = RuleSpec(1, "branch", "main", ("latest",))
TAGS = RuleSpec(2, "tag", r"/^v\d/", ("{sourceref}",))


def tag(name: str) -> Ref:
    return Ref("tag", name)


def look(tips, rules=(RULE,), *, seen=None, built=None, **more):
    return missed(tips, rules, seen=seen, built=built or {}, **more)


def test_it_finds_a_ref_that_moved_and_was_not_built():
    (push,) = look({MAIN: NEW}, seen={MAIN: OLD}, built={(1, MAIN): OLD})
    assert push == Missed(MAIN, NEW, before=OLD, rule_ids=(1,), rules=("main",))


def test_it_finds_a_ref_that_is_new():
    (push,) = look({tag("v1"): NEW}, [TAGS], seen={})
    assert (push.ref, push.before) == (tag("v1"), "")


def test_it_finds_nothing_in_what_stands_where_it_stood():
    assert look({MAIN: OLD}, seen={MAIN: OLD}) == ()


def test_it_leaves_to_back_fill_what_stood_there_before_the_first_look():
    assert look({MAIN: NEW, tag("v1"): OLD}, [RULE, TAGS], seen=None) == ()


def test_it_finds_at_the_first_look_what_was_built_before_and_moved():
    assert len(look({MAIN: NEW}, seen=None, built={(1, MAIN): OLD})) == 1


def test_it_leaves_to_back_fill_what_a_new_rule_would_build():
    both = [RULE, RuleSpec(3, "branch", "topic", ("topic",))]
    assert look({MAIN: OLD, TOPIC: OLD}, both, seen={MAIN: OLD, TOPIC: OLD}) == ()


@pytest.mark.parametrize("done", [(1, MAIN, NEW), (None, MAIN, NEW), (1, MAIN, ""), (None, MAIN, "")])
def test_it_counts_as_done_what_was_built_skipped_or_waits_for_the_newest(done):
    assert look({MAIN: NEW}, seen={MAIN: OLD}, done=[done]) == ()


@pytest.mark.parametrize("done", [(9, MAIN, NEW), (1, TOPIC, NEW), (1, MAIN, OLD)])
def test_it_does_not_take_another_rule_ref_or_commit_for_done(done):
    assert len(look({MAIN: NEW}, seen={MAIN: OLD}, done=[done])) == 1


def test_it_ignores_refs_that_are_gone():
    assert look({}, seen={MAIN: OLD}, built={(1, MAIN): OLD}) == ()


@pytest.mark.parametrize(
    "fields", [{"autobuild": False}, {"paused": "yesterday: 25 builds failed in a row"}, {"pattern": "other"},
               {"pattern": "/(/"}]
)  # fmt: skip
def test_it_finds_nothing_that_a_push_would_not_build(fields):
    rule = RuleSpec(**{"id": 1, "ref_type": "branch", "pattern": "main", "tags": ("latest",), **fields})
    assert look({MAIN: NEW}, [rule], seen={MAIN: OLD}) == ()


def test_it_looks_again_at_what_a_question_is_open_about():
    assert len(look({MAIN: NEW}, seen={MAIN: NEW}, asked={MAIN})) == 1


def test_it_names_every_rule_that_missed_it():
    edge = RuleSpec(3, "branch", "/./", ("edge",))
    (push,) = look({MAIN: NEW}, [RULE, edge], seen={MAIN: OLD}, done=[(1, MAIN, NEW)])
    assert push.rule_ids == (3,)


def test_it_takes_of_each_rule_the_highest_version():
    tips = {tag(name): NEW for name in ("v1.9.0", "v1.10.0", "v1.10.0-rc1", "vintage")} | {MAIN: NEW}
    found = look(tips, [RULE, TAGS], seen={})
    assert {push.ref.name for push in newest_of_each_rule(found)} == {"main", "v1.10.0"}


def test_it_takes_the_last_by_name_where_there_are_no_versions():
    rule = RuleSpec(4, "branch", "/^nightly-/", ("{sourceref}",))
    found = look({Ref("branch", f"nightly-2026-11-{day}"): NEW for day in (23, 25, 24)}, [rule], seen={})
    assert [push.ref.name for push in newest_of_each_rule(found)] == ["nightly-2026-11-25"]


def test_it_leaves_each_push_with_the_rules_that_it_is_the_newest_of():
    both = [TAGS, RuleSpec(5, "tag", "v1.0", ("stable",))]
    found = look({tag("v1.0"): NEW, tag("v2.0"): OLD}, both, seen={})
    assert {push.ref.name: push.rule_ids for push in newest_of_each_rule(found)} == {"v1.0": (5,), "v2.0": (2,)}
