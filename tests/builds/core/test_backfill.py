"""Which refs have no image yet, and in which order they are built."""

from __future__ import annotations

import pytest

from builds.core.backfill import find_gaps, sum_up
from builds.core.facts import Known
from builds.core.refnames import Ref
from builds.core.rules import RuleSpec

MAIN = RuleSpec(1, "branch", "main", ("latest",))
RELEASE = RuleSpec(2, "tag", r"/^v/", ("{version}", "{major}.{minor}"))


def tag(name: str) -> tuple[Ref, str]:
    return Ref("tag", name), f"c-{name}"


def names(gaps):
    return [gap.ref.name for gap in gaps]


def test_it_builds_older_versions_first_and_the_default_branch_last():
    refs = [(Ref("branch", "main"), "c"), tag("v1.10.0"), tag("v1.9.0"), tag("v1.10.0-rc.1"), tag("vnext")]
    assert names(find_gaps(refs, [MAIN, RuleSpec(2, "tag", "/^v/", ("{sourceref}",))], done={})) == [
        "vnext", "v1.9.0", "v1.10.0-rc.1", "v1.10.0", "main",
    ]  # fmt: skip


@pytest.mark.parametrize(("came", "is_left"), [("image", False), ("under way", False), ("failed", True)])
def test_it_leaves_out_what_has_its_image_or_is_under_way(came, is_left):
    ref, commit = tag("v1.0.0")
    gaps = find_gaps([(ref, commit)], [RELEASE], done={(2, ref, commit): came})
    assert [gap.was_tried for gap in gaps] == ([True] if is_left else [])


def test_it_counts_an_image_of_another_commit_or_rule_for_nothing():
    ref, commit = tag("v1.0.0")
    done = {(2, ref, "another"): "image", (9, ref, commit): "image"}
    assert names(find_gaps([(ref, commit)], [RELEASE], done=done)) == ["v1.0.0"]


def test_it_asks_rules_that_build_by_hand_and_leaves_paused_ones():
    by_hand = RuleSpec(1, "branch", "main", ("latest",), autobuild=False)
    paused = RuleSpec(2, "branch", "main", ("next",), paused="today: it failed 25 times")
    (gap,) = find_gaps([(Ref("branch", "main"), "c")], [by_hand, paused], done={})
    assert [verdict.rule_id for verdict in gap.verdicts] == [1]


def test_it_makes_latest_of_the_highest_version_alone():
    refs = [tag("v1.0.0"), tag("v2.0.0")]
    rule = RuleSpec(1, "tag", "/^v/", ("{version}", "{latest}"))
    gaps = find_gaps(refs, [rule], done={}, known=Known(tags=("v1.0.0", "v2.0.0")))
    assert [gap.tags for gap in gaps] == [("1.0.0",), ("2.0.0", "latest")]


def test_it_counts_a_tag_once_however_many_builds_make_it():
    gaps = find_gaps([tag("v1.0.0"), tag("v1.0.1")], [RELEASE], done={})
    summed = sum_up(gaps)
    assert (summed.refs, summed.builds, summed.tags) == (2, 2, 3)


def test_it_stops_when_time_is_up():
    refs = [tag(f"v1.0.{number}") for number in range(200)]
    assert len(find_gaps(refs, [RELEASE], done={}, is_over=iter([False, False, True]).__next__)) == 128
