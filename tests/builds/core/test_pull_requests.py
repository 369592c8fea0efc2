"""Pull requests as values: who may, which rules, under which ref; the frontend a stranger may not choose."""

from __future__ import annotations

import pytest

from builds.core.frontends import foreign_frontend
from builds.core.pull_requests import PullRequest, git_ref, judge, policy_problem, read_pull_request
from builds.core.rules import RuleSpec, check_rule


def asked(*, fork: bool = True, **fields) -> PullRequest:
    return PullRequest(**{"number": 7, "fork": fork, "base_ref": "main", "head_ref": "patch-1", **fields})


def rule(ref_type: str, pattern: str, *tags: str, **fields) -> RuleSpec:
    return RuleSpec(1, ref_type, pattern, tags, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("policy", "fork", "refused"),
    [("off", True, True), ("off", False, True), ("same", True, True), ("same", False, False), ("forks", True, False)],
)
def test_w15_whose_pull_requests_are_built(policy, fork, refused):
    assert (policy_problem(policy, asked(fork=fork)) is not None) is refused


def test_rules_for_pull_requests_decide_where_there_are_any():
    rules = [rule("branch", "main", "latest"), rule("pull_request", "/^release-/")]
    assert [verdict.builds for verdict in judge(asked(), rules, commit="a" * 40)] == [False, False]
    assert [verdict.builds for verdict in judge(asked(base_ref="release-1"), rules, commit="a" * 40)] == [False, True]


def test_rules_for_branches_stand_in_and_those_for_tags_do_not():
    rules = [rule("branch", "main", "latest"), rule("tag", "main", "x"), rule("branch", "docs", "docs")]
    assert [verdict.builds for verdict in judge(asked(), rules, commit="a" * 40)] == [True, False, False]


@pytest.mark.parametrize("tags", [(), ("latest",), ("{sourceref}", "{nonsense}")])
def test_a_pull_request_makes_no_tag_whatever_the_rule_says(tags):
    [verdict] = judge(asked(), [rule("pull_request", "main", *tags)], commit="a" * 40)
    assert (verdict.builds, verdict.tags, verdict.pending, verdict.problems) == (True, (), (), ())
    assert "no tag moves" in verdict.reason


def test_a_rule_for_pull_requests_needs_no_tag():
    assert check_rule(rule("pull_request", "main")) == ()
    assert [problem.field for problem in check_rule(rule("branch", "main"))] == ["tags"]


def test_autobuild_off_builds_no_pull_request():
    assert not judge(asked(), [rule("branch", "main", "x", autobuild=False)], commit="")[0].builds


@pytest.mark.parametrize(
    ("forge", "url", "fork", "ref"),
    [
        ("github", "https://github.com/acme/web.git", True, "refs/pull/7/head"),
        ("gitea", "https://codeberg.org/acme/web.git", True, "refs/pull/7/head"),
        ("gitlab", "https://gitlab.com/acme/web.git", True, "refs/merge-requests/7/head"),
        ("bitbucket", "https://git.example.com/scm/acme/web.git", True, "refs/pull-requests/7/from"),
        ("bitbucket", "https://bitbucket.org/acme/web.git", False, "refs/heads/patch-1"),
        ("bitbucket", "https://bitbucket.org/acme/web.git", True, ""),
        ("generic", "https://git.example.com/web.git", False, "refs/heads/patch-1"),
    ],
)
def test_where_a_forge_keeps_the_commits(forge, url, fork, ref):
    assert git_ref(forge, url, asked(fork=fork)) == ref


@pytest.mark.parametrize("name", ["", "a..b", "x y", "*:refs/heads/main", "^main", "~", "a" * 300])
def test_w15_a_hostile_head_is_no_ref(name):
    assert git_ref("generic", "https://git.example.com/web.git", asked(fork=False, head_ref=name)) == ""


def test_it_is_the_same_after_the_database():
    one = asked(title="t" * 1000, url="https://forge.example.com/7", author="a")
    assert read_pull_request(one.as_json()).title == "t" * 300
    assert read_pull_request({}) is None
    assert read_pull_request({"number": 7}).fork is True


@pytest.mark.parametrize(
    "text",
    [
        "# syntax=evil/frontend\nFROM x",
        "#syntax = evil/frontend:1",
        "\n\n# SYNTAX=evil",
        "// syntax=evil/frontend",
        "\ufeff# syntax=evil",
        "#!/usr/bin/env x\n# syntax=evil",
        "# escape=`\r\n# syntax=docker/dockerfile-evil",
        "# syntax=registry.example.com/docker/dockerfile:1",
        '{"syntax": "evil"}',
        '#!x\n{\n  "syntax": "evil"}',
        "# syntax=",
    ],
)
def test_a_frontend_of_somebody_s_own_is_found(text):
    assert foreign_frontend(text.encode()) is not None


@pytest.mark.parametrize(
    "text",
    [
        "FROM x",
        "# syntax=docker/dockerfile:1\nFROM x",
        "#syntax=docker.io/docker/dockerfile:1.7-labs",
        "# syntax=docker/dockerfile-upstream:master",
        "# syntax=docker/dockerfile:1 and what that frontend makes of the rest",
        "# a comment on syntax\nFROM x",
        "",
    ],
)
def test_docker_s_own_frontend_is_none(text):
    assert foreign_frontend(text.encode()) is None
