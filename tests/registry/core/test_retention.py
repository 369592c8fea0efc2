"""Point 6: which tags go and which stay, and the sentence that says why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from registry.core.retention import Policy, TagFacts, choose
from registry.core.retention_rules import RetentionRule, RuleProblem

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def days(count: float) -> timedelta:
    return timedelta(days=count)


def tag(name: str, age: float = 0, *, pulled: float | None = None, gone: float | None = None, **facts) -> TagFacts:
    """A tag of a digest of its own, put `age` days ago and pulled `pulled` days ago; its ref is `gone` for so many."""
    given = {
        "digest": f"sha256:{name}",
        "pushed_at": NOW - days(age),
        "last_pulled_at": None if pulled is None else NOW - days(pulled),
        "gone_at": None if gone is None else NOW - days(gone),
    }
    return TagFacts(name=name, **(given | facts))


def told(tags, *rules, in_use_days=0) -> dict[str, str]:
    policy = Policy(rules=tuple(RetentionRule(**rule) for rule in rules), in_use_days=in_use_days)
    return {decision.tag.name: decision.sentence for decision in choose(tags, policy, NOW)}


def test_of_build_tags_the_last_n_stay():
    tags = [tag(f"build-{number}", age=100 - number) for number in (8, 9, 10, 11)]
    assert told(tags, {"which": "build", "last": 2}) == {
        "build-8": "goes: not one of the last 2 of `build-<n>`",
        "build-9": "goes: not one of the last 2 of `build-<n>`",
        "build-10": "stays: one of the last 2 of `build-<n>`",
        "build-11": "stays: one of the last 2 of `build-<n>`",
    }


def test_of_build_tags_the_last_n_of_each_ref_stay():
    main = {"ref_type": "branch", "ref": "main"}
    other = {"ref_type": "branch", "ref": "fix/a"}
    tags = [
        tag("build-1", 4, **main),
        tag("build-2", 3, **other),
        tag("build-3", 2, **main),
        tag("build-4", 1, **main),
    ]
    assert told(tags, {"which": "build", "last": 1, "per_ref": True}) == {
        "build-1": "goes: not the last of `build-<n>` that branch `main` made",
        "build-2": "stays: the last of `build-<n>` that branch `fix/a` made",
        "build-3": "goes: not the last of `build-<n>` that branch `main` made",
        "build-4": "stays: the last of `build-<n>` that branch `main` made",
    }


def test_versions_are_counted_as_versions_and_not_by_when_they_came():
    tags = [tag("1.10", 9), tag("1.9", 1), tag("1.2", 2), tag("latest", 9)]
    assert told(tags, {"last": 2, "by": "version"}) == {
        "1.10": "stays: one of the last 2 by version of all tags",
        "1.9": "stays: one of the last 2 by version of all tags",
        "1.2": "goes: not one of the last 2 by version of all tags",
        "latest": "stays: no rule speaks of it",
    }


def test_what_is_old_and_was_not_pulled_goes():
    tags = [tag("a", 29), tag("b", 31, pulled=58), tag("c", 31), tag("d", 31, pulled=13)]
    assert told(tags, {"days": 30, "pulled_days": 14}) == {
        "a": "stays: younger than 30 days",
        "b": "goes: older than 30 days and not pulled since 2 Oct 2026",
        "c": "goes: older than 30 days and never pulled",
        "d": "stays: pulled within 14 days, last on 16 Nov 2026",
    }


def test_one_of_several_conditions_is_enough_to_stay():
    tags = [tag("1", 1), tag("2", 2), tag("3", 99, pulled=1), tag("4", 99)]
    kept = told(tags, {"last": 1, "days": 7, "pulled_days": 2})
    assert kept["4"] == "goes: not the last of all tags, older than 7 days and never pulled"
    assert all(kept[name].startswith("stays") for name in "123")


@pytest.mark.parametrize(
    ("pattern", "staying"),
    [("v1.0", {"v1.0"}), (r"/^v\d/", {"v1.0", "v1x0"}), ("/0/", {"v1.0", "v1x0", "x0"}), ("/(/", set())],
)
def test_what_a_pattern_covers_always_stays(pattern, staying):
    tags = [tag(name, 99) for name in ("v1.0", "v1x0", "x0", "x")]
    rules = ({"which": "pattern", "pattern": pattern, "always": True}, {"days": 1})
    assert {name for name, said in told(tags, *rules).items() if said.startswith("stays")} == staying


def test_keeping_wins_over_removing_whichever_rule_stands_first():
    tags = [tag("build-1", 99)]
    go, keep = {"days": 30}, {"which": "build", "last": 1}
    assert told(tags, go, keep) == told(tags, keep, go) == {"build-1": "stays: the last of `build-<n>`"}


def test_a_tag_that_no_rule_speaks_of_stays():
    assert told([tag("latest", 999)], {"which": "build", "last": 1}) == {"latest": "stays: no rule speaks of it"}


@pytest.mark.parametrize("which", ["all", "build", "version", "other"])
def test_a_rule_speaks_of_one_kind_of_tags(which):
    tags = [tag("build-7", 9), tag("1.2", 9), tag("nightly", 9)]
    gone = {name for name, said in told(tags, {"which": which, "days": 1}).items() if said.startswith("goes")}
    kinds = {"build": {"build-7"}, "version": {"1.2"}, "other": {"nightly"}}
    assert gone == kinds.get(which, {"build-7", "1.2", "nightly"})


def test_tags_die_some_days_after_their_branch_was_deleted_or_their_pull_request_closed():
    tags = [
        tag("feature-a", 1, gone=8, ref_type="branch", ref="feature/a"),
        tag("feature-b", 1, gone=6, ref_type="branch", ref="feature/b"),
        tag("build-7", 1, gone=8, ref_type="pull_request", ref="12"),
        tag("main", 99, ref_type="branch", ref="main"),
        tag("by-hand", 99),
    ]
    assert told(tags, {"gone_days": 7}) == {
        "feature-a": "goes: branch `feature/a` was deleted on 21 Nov 2026",
        "feature-b": "stays: branch `feature/b` was deleted on 23 Nov 2026, and no rule takes it yet",
        "build-7": "goes: pull request #12 was closed on 21 Nov 2026",
        "main": "stays: no rule speaks of it",
        "by-hand": "stays: no rule speaks of it",
    }


def test_the_last_n_of_each_branch_counts_branches_that_are_there():
    feature = {"ref_type": "branch", "ref": "feature/a"}
    tags = [tag("build-1", 30, gone=9, **feature), tag("build-2", 30, ref_type="branch", ref="main")]
    rules = ({"which": "build", "last": 1, "per_ref": True}, {"gone_days": 7})
    assert told(tags, *rules) == {
        "build-1": "goes: not the last of `build-<n>` that branch `feature/a` made",
        "build-2": "stays: the last of `build-<n>` that branch `main` made",
    }
    # One rule for all branches together is about something else, and keeping wins.
    assert told(tags[:1], rules[0] | {"per_ref": False}, rules[1])["build-1"].startswith("stays")


REMOVES_ALL = {"days": 1}


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"is_held": True, "held_by": "wendy"}, "stays: it is held by wendy"),
        ({"is_held": True}, "stays: it is held"),
        ({"fixed": "tags that match `/^v/` never move"}, "stays: tags that match `/^v/` never move"),
        ({"in_use": "it is a base image of another repository"}, "stays: it is a base image of another repository"),
        ({"newest_of": "branch `main`"}, "stays: it is the newest image of branch `main`"),
        (
            {"pulled": 6, "in_use_days": 7},
            "stays: pulled within 7 days, so it is in use: last on 23 Nov 2026",
        ),
        ({"pulled": 8, "in_use_days": 7}, "goes: older than 1 day"),
        ({"pulled": 6, "in_use_days": 0}, "goes: older than 1 day"),
    ],
)
def test_what_is_in_use_never_goes(facts, sentence):
    in_use_days = facts.pop("in_use_days", 0)
    assert told([tag("latest", 99, **facts)], REMOVES_ALL, in_use_days=in_use_days) == {"latest": sentence}


def test_a_build_tag_stays_while_a_floating_tag_points_to_its_image():
    tags = [tag("build-7", 99, digest="d"), tag("latest", 99, digest="d", newest_of="branch `main`")]
    kept = told(tags, REMOVES_ALL)
    assert kept["build-7"] == "stays: `latest` points to its image, and a roll back needs it"
    # Where the floating tag goes as well, none needs it any more.
    both = told([tags[0], tag("nightly", 99, digest="d")], REMOVES_ALL)
    assert [said[:4] for said in both.values()] == ["goes", "goes"]


def test_a_build_tag_that_only_is_the_newest_of_its_branch_goes_by_its_rules():
    assert told([tag("build-7", 99, newest_of="branch `main`")], REMOVES_ALL)["build-7"].startswith("goes")


def test_no_rule_removes_nothing_and_neither_does_a_policy_that_cannot_be_read():
    tags = [tag("build-1", 9_999)]
    assert told(tags) == {"build-1": "stays: there is no rule"}
    (decision,) = choose(tags, Policy(rules=(RetentionRule(days=1),), problem="The pattern is empty."), NOW)
    assert decision.sentence == "stays: the policy removes nothing until it is mended: The pattern is empty."


def test_a_tag_of_the_future_is_young():
    assert told([tag("a", -400)], REMOVES_ALL) == {"a": "stays: younger than 1 day"}


def test_the_counts_of_a_report_leave_out_what_is_a_tags_own():
    tags = [tag("a", 9, pulled=8), tag("b", 9, pulled=7), tag("c", 9)]
    policy = Policy(rules=(RetentionRule(days=1, pulled_days=2),))
    whys = {decision.why for decision in choose(tags, policy, NOW)}
    assert whys == {"older than 1 day and not pulled within 2 days"}


def test_a_problem_names_its_rule_and_field():
    assert RuleProblem(1, "pattern", "x") == RuleProblem(position=1, field="pattern", sentence="x")
