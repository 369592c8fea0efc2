"""The one evaluator: refs and rules in, verdicts out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builds.core.plan import evaluate
from builds.core.refnames import Ref
from builds.core.rules import RuleSpec, check_rule
from registry.core.reference import is_valid_tag

COMMIT = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"
VERSION = r"/^v(\d+)\.(\d+)(?:\.(\d+))?$/"


def judge(name, pattern, *tags, ref_type="branch", wants=None, autobuild=True, **options):
    rule = RuleSpec(7, wants or ref_type, pattern, tags or ("latest",), autobuild=autobuild)
    return evaluate(Ref(ref_type, name), [rule], **options)[0]


def names(verdict):
    return [tag.name for tag in verdict.tags]


MATCHES = [
    ("main", "main", True),
    ("Main", "main", False),
    ("main2", "main", False),
    ("1.2.0", "/^[0-9.]+$/", True),
    ("1.2.0-rc", "/^[0-9.]+$/", False),
    ("1.2.0-rc", "/^[0-9.]+/", True),
    ("feature-1.2", "/[0-9.]+$/", True),  # searched, not anchored
    ("release", "/^release-/", False),
    ("日本語", "/本/", True),
    ("ünï", "/^\\pL+$/", True),
    ("a/b", "/a/b/", True),
    ("x\ud800", "/x/", True),
    ("$(id)", "$(id)", True),
    ("--help", "/^--help$/", True),
    ("anything", "", False),
    ("anything", "//", False),
    ("anything", " ", False),
    ("(", "/(/", False),
]


@pytest.mark.parametrize(("name", "pattern", "matched"), MATCHES)
def test_it_matches_names_as_docker_hub_did(name, pattern, matched):
    verdict = judge(name, pattern)
    assert verdict.matched is matched
    assert verdict.builds is matched


def test_a_failing_or_invalid_rule_matches_nothing_and_says_so():
    """A failing or invalid rule matches nothing, and says so."""
    verdict = judge("v1", "/^v(/")
    assert (verdict.matched, verdict.builds, verdict.tags) == (False, False, ())
    assert verdict.reason == (
        "The pattern does not compile: missing closing parenthesis at character 4. "
        "The rule matches nothing until it is mended."
    )


def test_a_failing_rule_does_not_hold_up_the_others():
    rules = [RuleSpec(1, "branch", "/(/", ("x",)), RuleSpec(2, "branch", "main", ("latest",))]
    assert [verdict.builds for verdict in evaluate(Ref("branch", "main"), rules)] == [False, True]


REASONS = [
    (("main", "main"), {}, "matches `main`"),
    (("v1.2", "/^v([0-9.]+)$/"), {"ref_type": "tag"}, "matches `/^v([0-9.]+)$/`"),
    (("main", "main"), {"wants": "tag"}, "did not match: wants tags, this is a branch"),
    (("main", "main"), {"ref_type": "pull_request", "wants": "branch"}, "wants branches, this is a pull request"),
    (("docs/typo", "/^release-/"), {}, "did not match: `docs/typo` does not fit `/^release-/`"),
    (("dev", "main"), {}, "did not match: wants branch `main`, this is `dev`"),
    (("Main", "main"), {}, "did not match: wants `main`, and upper and lower case differ"),
    (("main", "main"), {"autobuild": False}, "matches, but autobuild is off: start it by hand"),
]


@pytest.mark.parametrize(("arguments", "options", "reason"), REASONS)
def test_it_gives_the_reason_in_words(arguments, options, reason):
    assert judge(*arguments, **options).reason.endswith(reason)


def test_w15_a_pull_request_never_meets_a_branch_rule():
    """A pull request's branch that is named like a rule is not that branch."""
    assert not judge("release/1.0", "/^release/", ref_type="pull_request", wants="branch").matched
    assert judge("main", "main", ref_type="pull_request").matched


def test_it_leaves_autobuild_aside_when_a_person_asks():
    assert not judge("main", "main", autobuild=False).builds
    verdict = judge("main", "main", autobuild=False, manual=True)
    assert (verdict.builds, verdict.reason) == (True, "matches `main`")


R01 = [
    ("my/feature#1245", "my-feature-1245"),
    ("dependabot/npm_and_yarn/@types/node-18.0.0", "dependabot-npm_and_yarn-types-node-18.0.0"),
    ("héllo/ünï", "hello-uni"),
    ("emoji-🚀", "emoji"),
    ("v1.0.0+build.5", "v1.0.0-build.5"),  # R02
    ("1.0.0-alpha+001", "1.0.0-alpha-001"),  # R02
    ("--help", "help"),
    ("$(id)", "id"),
    ("feature-#6-x", "feature-6-x"),
]


@pytest.mark.parametrize(("name", "tag"), R01)
def test_r01_r02_it_makes_a_tag_legal_and_says_what_was_changed(name, tag):
    verdict = judge(name, "/.*/", "{sourceref}")
    assert [(planned.name, planned.changed_from) for planned in verdict.tags] == [(tag, name)]
    assert f"`{name}` became `{tag}`, as a tag " in verdict.reason


def test_r02_it_leaves_a_pre_release_as_it_is():
    verdict = judge("v1.2.3-rc.1", "/^v/", "{sourceref}", ref_type="tag")
    assert [(tag.name, tag.changed_from) for tag in verdict.tags] == [("v1.2.3-rc.1", None)]


def test_r01_it_refuses_a_name_that_leaves_nothing_and_names_it():
    verdict = judge("日本語", "/.*/", "{sourceref}")
    assert (verdict.matched, verdict.builds, verdict.tags) == (True, False, ())
    assert "`日本語` leaves nothing" in verdict.problems[0]
    assert verdict.reason.startswith("matches, but makes no tag, so nothing is built: The tag `{sourceref}`")


R06 = [("v1.1.0", ["1", "1.1", "1.1.0"], 0), ("v1.1", ["1", "1.1"], 1)]


@pytest.mark.parametrize(("name", "tags", "left_out"), R06)
def test_r06_it_makes_several_tags_of_one_match_and_skips_an_unset_group(name, tags, left_out):
    verdict = judge(name, VERSION, "{1}", "{1}.{2}", "{\\1}.{\\2}.{\\3}", ref_type="tag")
    assert names(verdict) == tags
    assert verdict.builds
    assert len(verdict.problems) == left_out


def test_r06_it_says_why_a_tag_with_an_unset_group_is_not_made():
    verdict = judge("v1.1", VERSION, "{1}", "{1}.{2}.{3}", ref_type="tag")
    assert verdict.problems == ("The tag `{1}.{2}.{3}` is not made: `v1.1` has nothing for `{\\3}`.",)
    assert verdict.reason == f"matches `{VERSION}`; 1 of its tags is not made"


def test_r06_it_does_not_build_when_every_tag_has_a_problem():
    assert not judge("v1.1", VERSION, "{3}", ref_type="tag").builds


def test_r06_it_treats_an_empty_group_like_an_unset_one():
    assert names(judge("v1.", r"/^v(\d+)\.(\d*)$/", "{1}.{2}", "x", ref_type="tag")) == ["x"]


def test_r06_it_takes_named_groups():
    assert names(judge("v3.1", r"/^v(?P<major>\d+)/", "{major}", "{1}-x", ref_type="tag")) == ["3", "3-x"]


def test_r06_it_makes_group_values_legal_too():
    assert names(judge("x-a/b", "/^x-(.*)$/", "v{1}")) == ["va-b"]


def test_r06_a_rule_saved_long_ago_with_a_bad_group_does_not_build():
    verdict = judge("v1.1", VERSION, "{4}", ref_type="tag")
    assert (verdict.matched, verdict.builds) == (True, False)
    assert verdict.problems == ("`{4}` takes group 4, but the pattern has 3 groups.",)


HUB = [
    ("branch", "master", "latest", "master", ["latest"]),
    ("tag", "/^[0-9.]+$/", "release-{sourceref}", "1.2.0", ["release-1.2.0"]),
    ("tag", "/^[0-9.]+/", "release-{sourceref}", "1.2.0-rc", ["release-1.2.0-rc"]),
    ("branch", "/[0-9.]+$/", "version-{sourceref}", "stable-4.2", ["version-stable-4.2"]),
    ("tag", "/^v([0-9.]+)$/", "v{\\1}", "v1.2.3", ["v1.2.3"]),
    ("branch", "main", "{sourceref},latest", "main", ["main", "latest"]),
]


@pytest.mark.parametrize(("ref_type", "pattern", "template", "name", "tags"), HUB)
def test_it_gives_the_tags_of_docker_hubs_own_examples(ref_type, pattern, template, name, tags):
    assert names(judge(name, pattern, template, ref_type=ref_type)) == tags


def test_it_writes_the_commit_short_and_whole():
    assert names(judge("main", "main", "{sha7}", "{sha}", commit=COMMIT)) == ["a1b2c3d", COMMIT]


def test_it_keeps_a_tag_for_later_while_the_commit_is_not_known():
    verdict = judge("main", "main", "latest", "main-{sha7}")
    assert (names(verdict), verdict.pending, verdict.problems) == (["latest"], ("main-{sha7}",), ())


def test_it_builds_a_rule_whose_only_tag_waits_for_the_commit():
    assert judge("main", "main", "{sha7}").builds


def test_it_makes_a_tag_once_that_two_templates_agree_on():
    assert names(judge("main", "main", "main", "{sourceref}", "main")) == ["main"]


@pytest.mark.parametrize("name", ["build-12", "build/12", "-build-12"])
def test_it_keeps_build_tags_for_builds_themselves(name):
    verdict = judge(name, "/build/", "{sourceref}", "x")
    assert names(verdict) == ["x"]
    assert verdict.problems == ("The tag `{sourceref}` is not made: `build-12` is reserved for build 12 itself.",)


def test_it_leaves_a_tag_alone_that_only_begins_like_a_build_tag():
    assert names(judge("build-12a", "/build/", "{sourceref}")) == ["build-12a"]


def test_it_gives_one_verdict_per_rule_in_their_order():
    rules = [RuleSpec(n, "branch", pattern, ("t",)) for n, pattern in enumerate(["x", "main", "/(/"])]
    verdicts = evaluate(Ref("branch", "main"), rules)
    assert [(verdict.rule_id, verdict.rule) for verdict in verdicts] == [(0, "x"), (1, "main"), (2, "/(/")]


ANY = st.text(st.characters(exclude_categories=()), max_size=60)
TEMPLATES = st.lists(
    st.lists(st.sampled_from(["{sourceref}", "{1}", "{\\2}", "{sha7}", "-", ".", "é", "/", "build-"]) | ANY).map(
        "".join
    ),
    max_size=4,
).map(tuple)
PATTERNS = st.sampled_from(["/.*/", "/(.)(.)?/", "/^(.*)$/", "/(?P<n>a)|b/"]) | ANY | ANY.map("/{}/".format)


@settings(deadline=None)
@given(name=ANY, pattern=PATTERNS, tags=TEMPLATES, commit=st.sampled_from(["", COMMIT]), manual=st.booleans())
def test_it_never_raises_and_never_makes_an_illegal_tag(name, pattern, tags, commit, manual):
    rule = RuleSpec(1, "branch", pattern, tags, dockerfile=name, context=name)
    [verdict] = evaluate(Ref("branch", name), [rule], commit=commit, manual=manual)
    assert all(is_valid_tag(tag.name) for tag in verdict.tags)
    assert verdict.builds <= verdict.matched
    assert verdict.reason
    assert all(problem.message for problem in check_rule(rule))


@settings(deadline=None)
@given(st.text(min_size=1, max_size=300))
def test_any_branch_gets_a_legal_tag_or_is_refused_by_name(name):
    verdict = judge(name, "/(?s).*/", "{sourceref}")
    assert verdict.builds or len(verdict.problems) == 1
