"""What the list of deliveries and the rule tester say of verdicts."""

from __future__ import annotations

import pytest

from builds.core.plan import evaluate, find_collisions, summary_sentence
from builds.core.refnames import Ref
from builds.core.rules import RuleSpec

MAIN = RuleSpec(1, "branch", "main", ("latest", "{sourceref}"))
RELEASE = RuleSpec(2, "tag", "release", ("stable",))
BY_HAND = RuleSpec(3, "branch", "main", ("x",), autobuild=False)
BROKEN = RuleSpec(4, "branch", "/(/", ("x",))
REGEX = RuleSpec(5, "branch", "/^release-/", ("x",))
ALL = RuleSpec(6, "branch", "/.*/", ("{sourceref}",))

SENTENCES = [
    (
        "docs/typo",
        [MAIN, REGEX],
        "Delivered, nothing to build: no rule matches branch `docs/typo`. Rules: `main`, `/^release-/`.",
    ),
    (
        "main",
        [],
        "Delivered, nothing to build: this repository has no rules yet. Add one that says which refs to build.",
    ),
    (
        "main",
        [BY_HAND],
        "Delivered, nothing to build: `main` matches, but autobuild is off: start it by hand.",
    ),
    (
        "main",
        [BROKEN],
        (
            "Delivered, nothing to build: `/(/`: The pattern does not compile: missing closing parenthesis at "
            "character 2. The rule matches nothing until it is mended."
        ),
    ),
    (
        "main",
        [MAIN, RELEASE],
        "2 rules: `main` builds `latest` and `main`; `release` did not match: wants tags, this is a branch.",
    ),
    ("main", [MAIN], "1 rule: `main` builds `latest` and `main`."),
]


@pytest.mark.parametrize(("branch", "rules", "sentence"), SENTENCES)
def test_it_sums_a_delivery_up_in_a_sentence(branch, rules, sentence):
    ref = Ref("branch", branch)
    assert summary_sentence(ref, evaluate(ref, rules)) == sentence


def test_it_names_the_builds_that_were_made():
    ref = Ref("branch", "main")
    sentence = summary_sentence(ref, evaluate(ref, [MAIN, RELEASE]), {1: 41})
    assert sentence == "2 rules: build #41 by `main`; `release` did not match: wants tags, this is a branch."


def test_it_counts_the_tail_of_many_rules():
    ref = Ref("branch", "main")
    rules = [RuleSpec(n, "branch", f"r{n}", ("x",)) for n in range(50)]
    assert summary_sentence(ref, evaluate(ref, rules)).endswith("`r6`, `r7` and 42 more.")


def collisions(*pairs):
    return find_collisions([(ref, evaluate(ref, rules)) for ref, rules in pairs])


def test_r01_it_shows_two_branches_that_become_one_tag():
    [found] = collisions((Ref("branch", "feature/a"), [ALL]), (Ref("branch", "feature-a"), [ALL]))
    assert found.tag == "feature-a"
    assert found.message == (
        "`feature-a` is made from branch `feature/a` and branch `feature-a`: whichever is built last has it."
    )


def test_it_does_not_call_a_floating_tag_a_collision():
    rule = RuleSpec(1, "tag", r"/^v(\d+)/", ("{1}", "latest"))
    assert collisions((Ref("tag", "v1.0"), [rule]), (Ref("tag", "v1.1"), [rule])) == ()


def test_it_shows_two_rules_that_make_one_tag_of_one_push():
    [found] = collisions((Ref("branch", "main"), [MAIN, RuleSpec(9, "branch", "/^main$/", ("latest",))]))
    assert found.message == "`latest` is made by 2 rules from branch `main`: two builds, and the later one has it."


def test_it_shows_a_branch_and_a_tag_that_share_a_name():
    tags = RuleSpec(8, "tag", "/.*/", ("{sourceref}",))
    [found] = collisions((Ref("branch", "v1"), [ALL, tags]), (Ref("tag", "v1"), [ALL, tags]))
    assert found.makers == ((Ref("branch", "v1"), "/.*/"), (Ref("tag", "v1"), "/.*/"))
