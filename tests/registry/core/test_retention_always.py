"""Point 6: what holds of retention whatever the tags and the rules are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from registry.core.retention import Policy, TagFacts, choose
from registry.core.retention_rules import RetentionRule, read_rules

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
NAMES = ["latest", "main", "v1", "1.2.0", "1.10.0", "2.0.0-rc.1", "nightly", *(f"build-{n}" for n in range(1, 9))]

# Quarters of a day: what is exactly as old as a rule says is as likely as what is not.
MOMENTS = [NOW - timedelta(days=quarters / 4) for quarters in range(-20, 240)]
moments = st.sampled_from(MOMENTS)
sometimes = st.sampled_from([None, *MOMENTS] + [None] * len(MOMENTS))
refs = st.sampled_from([("", ""), ("branch", "main"), ("branch", "x"), ("pull_request", "7"), ("tag", "v1")])
# What keeps a tag, whatever the rules say: rarely that somebody holds it. One draw in place of four.
guards = st.sampled_from(
    [
        {"is_held": held, "fixed": fixed, "in_use": used, "newest_of": newest}
        for held in [True, *[False] * 9]
        for fixed in ["it never moves", "", "", ""]
        for used in ["a base", "", "", ""]
        for newest in ["branch `main`", "", ""]
    ][::-1]
)


@st.composite
def facts(draw, name):
    ref_type, ref = draw(refs)
    return TagFacts(
        name=name,
        digest=draw(st.sampled_from("abcd")),
        pushed_at=draw(moments),
        last_pulled_at=draw(sometimes),
        ref_type=ref_type,
        ref=ref,
        gone_at=draw(sometimes) if ref_type in ("branch", "pull_request") else None,
        **draw(guards),
    )


@st.composite
def repositories(draw):
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    return [draw(facts(name)) for name in names]


some = st.none() | st.integers(1, 40)
kinds = st.sampled_from(["all", "build", "version", "other"])
limits = st.builds(
    RetentionRule,
    which=kinds,
    last=st.none() | st.integers(1, 5),
    by=st.sampled_from(["push", "version"]),
    per_ref=st.booleans(),
    days=some,
    pulled_days=some,
).filter(lambda rule: rule.has_limit)
always = st.builds(
    RetentionRule,
    which=st.just("pattern"),
    pattern=st.sampled_from(["/^v/", "main", "/0/"]),
    always=st.just(True),
)
gone = st.builds(RetentionRule, which=kinds, gone_days=st.integers(1, 40))
rules = st.lists(limits | always | gone, max_size=5).map(tuple)
policies = st.builds(Policy, rules=rules, in_use_days=st.integers(0, 10))


def going(tags, policy):
    return {decision.tag.name for decision in choose(tags, policy, NOW) if decision.goes}


@given(repositories(), policies)
def test_every_tag_stays_or_goes_in_its_place_and_says_why(tags, policy):
    decided = choose(tags, policy, NOW)
    assert [decision.tag for decision in decided] == tags
    assert all(decision.because and decision.why for decision in decided)


@given(repositories(), policies)
def test_nothing_goes_that_must_not(tags, policy):
    gone_names = going(tags, policy)
    floating = {tag.digest for tag in tags if tag.kind != "build" and tag.name not in gone_names}
    recently = NOW - timedelta(days=policy.in_use_days)
    for tag in tags:
        if tag.name in gone_names:
            assert not (tag.is_held or tag.fixed or tag.in_use)
            assert tag.kind == "build" or not tag.newest_of
            assert tag.kind != "build" or tag.digest not in floating
            assert tag.last_pulled_at is None or not policy.in_use_days or tag.last_pulled_at <= recently


@given(repositories(), policies, limits | always)
def test_a_rule_that_keeps_takes_nothing_away_that_another_kept(tags, policy, rule):
    """Keeping is monotone: what a new rule lets go, no rule kept before, nor a floating tag that one kept."""
    more = replace(policy, rules=(*policy.rules, rule))
    new = going(tags, more) - going(tags, policy)
    silent = ("no rule speaks of it", "there is no rule")
    before = choose(tags, policy, NOW)
    floating = {d.tag.digest for d in before if not d.goes and d.tag.kind != "build" and d.why not in silent}
    spoken_of = {
        d.tag.name
        for d in before
        if d.why not in silent and (d.why != "a floating tag points to its image" or d.tag.digest in floating)
    }
    assert not new & spoken_of


@given(repositories(), st.lists(limits, min_size=1, max_size=4), st.integers(0, 3), st.integers(1, 10), gone)
def test_a_limit_that_is_raised_never_lets_more_go(tags, limiting, which, by, dying):
    """Keeping is monotone in every number of every rule."""
    which %= len(limiting)
    rule = limiting[which]
    raised = replace(
        rule, **{name: getattr(rule, name) + by for name in ("last", "days", "pulled_days") if getattr(rule, name)}
    )
    after = (*limiting[:which], raised, *limiting[which + 1 :], dying)
    assert going(tags, Policy(rules=after)) <= going(tags, Policy(rules=(*limiting, dying)))


@given(repositories(), kinds, st.integers(1, 6), st.sampled_from(["push", "version"]))
def test_the_last_n_are_n(tags, which, count, by):
    """Exactly n stay for that reason, or all that there are; and whatever goes is older than they are."""
    rule = RetentionRule(which=which, last=count, by=by)
    bare = [replace(tag, is_held=False, fixed="", in_use="", newest_of="", digest=tag.name) for tag in tags]
    about = [tag for tag in bare if rule.speaks_of(tag.name, tag.kind)]
    staying = [d.tag for d in choose(bare, Policy(rules=(rule,)), NOW) if not d.goes and d.tag in about]
    assert len(staying) == min(count, len(about))
    if by == "push":
        oldest = min((tag.pushed_at for tag in staying), default=NOW)
        assert all(tag.pushed_at <= oldest for tag in about if tag not in staying)


@given(repositories(), st.integers(1, 4))
def test_the_last_n_of_each_ref_are_n_of_each(tags, count):
    bare = [replace(tag, is_held=False, fixed="", in_use="", newest_of="", digest=tag.name) for tag in tags]
    decided = choose(bare, Policy(rules=(RetentionRule(last=count, per_ref=True),)), NOW)
    for ref in {(tag.ref_type, tag.ref) for tag in bare}:
        group = [decision for decision in decided if (decision.tag.ref_type, decision.tag.ref) == ref]
        assert sum(not decision.goes for decision in group) == min(count, len(group))


@given(repositories(), rules)
def test_neither_an_empty_policy_nor_one_with_a_problem_lets_anything_go(tags, some_rules):
    assert not going(tags, Policy())
    assert not going(tags, Policy(rules=some_rules, problem="It cannot be read."))


@given(repositories(), policies, st.randoms())
def test_the_order_of_tags_and_rules_changes_nothing(tags, policy, random):
    shuffled, other = list(tags), list(policy.rules)
    random.shuffle(shuffled)
    random.shuffle(other)
    assert going(shuffled, replace(policy, rules=tuple(other))) == going(tags, policy)


@given(rules)
def test_rules_are_stored_as_they_are(some_rules):
    assert read_rules([rule.as_json() for rule in some_rules]) == (some_rules, ())
