"""A rule that keeps failing is paused, says so, and is woken by a success, a person or an edit."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine

from builds.actions.lifecycle import fail, stop, succeed
from builds.actions.pausing import resume_rule
from builds.actions.runs import Run
from builds.core.errors import BuildError, ErrorKind
from builds.core.plan import evaluate, summary_sentence
from builds.core.rules import Ref
from builds.models import BuildEvent, BuildRule
from lib.refusal import Refused
from tests.factories import make_build, make_rule, make_user

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 25, 3, 4, tzinfo=UTC)
MAIN = Ref("branch", "main")


@pytest.fixture(autouse=True)
def few_failures(settings, rings):
    settings.PAUSE_USER_FAILURES = 3
    settings.PAUSE_PLATFORM_FAILURES = 2
    settings.MAX_ATTEMPTS = 1


@pytest.fixture
def rule():
    return make_rule()


def ended(rule: BuildRule, error: BuildError | None, **fields):
    build = make_build(rule, state="publishing", attempt=1, commit="", **fields)
    if error is None:
        succeed(Run(build.pk, 1), build, [], media_type="", size_bytes=None, digest="sha256:1")
    else:
        fail(Run(build.pk, 1), error)
    rule.refresh_from_db()
    return build


def theirs() -> BuildError:
    return BuildError(ErrorKind.USER, "Step 4 ended with exit code 1.")


def ours() -> BuildError:
    return BuildError(ErrorKind.REGISTRY, "The registry answered 502.", retryable=True)


def paused(rule: BuildRule) -> BuildRule:
    with time_machine.travel(NOW, tick=False):
        for _ in range(3):
            ended(rule, theirs())
    return rule


def test_it_is_paused_after_so_many_user_failures_in_a_row(rule):
    ended(rule, theirs())
    ended(rule, theirs())
    assert rule.paused_at is None
    ended(rule, theirs())
    assert (rule.paused_reason, rule.user_failures) == ("3 builds failed in a row", 3)


def test_it_is_paused_sooner_where_the_fault_is_not_the_repositorys(rule):
    ended(rule, ours())
    ended(rule, ours())
    assert rule.paused_reason == "2 builds failed in a row by a fault that was not the repository's"
    assert (rule.platform_failures, rule.user_failures) == (2, 0)


def test_it_tells_the_outbox_once(rule):
    paused(rule)
    ended(rule, theirs())
    event = BuildEvent.objects.get(kind="rule_paused")
    assert event.detail == {"reason": "3 builds failed in a row", "failures": 3, "platform": False}


def test_it_begins_to_count_anew_after_a_success(rule):
    ended(rule, theirs())
    ended(rule, theirs())
    ended(rule, None)
    ended(rule, theirs())
    assert (rule.user_failures, rule.paused_at) == (1, None)


@pytest.mark.parametrize("cause", ["manual", "retry", "back_fill"])
def test_it_does_not_count_what_a_person_asked_for(rule, cause):
    for _ in range(3):
        ended(rule, theirs(), cause=cause)
    assert (rule.user_failures, rule.paused_at) == (0, None)


def test_it_does_not_let_a_strangers_pull_requests_pause_a_rule(rule):
    for _ in range(3):
        ended(rule, theirs(), cause="pull_request", untrusted=True)
    assert rule.paused_at is None


def test_it_does_not_count_what_was_cancelled(rule):
    for _ in range(3):
        stop(Run(make_build(rule, state="building", attempt=1, commit="").pk, 1))
    rule.refresh_from_db()
    assert rule.user_failures == 0


def test_it_says_in_the_verdict_since_when_why_and_what_to_do(rule):
    (verdict,) = evaluate(MAIN, [paused(rule).spec])
    assert (verdict.matched, verdict.builds) == (True, False)
    assert summary_sentence(MAIN, [verdict]) == (
        "Delivered, nothing to build: `main` matches, but the rule is paused since 2026-11-25 03:04 UTC: 3 builds "
        "failed in a row. Resume it on the Rules page, or start it by hand."
    )


def test_it_still_builds_by_hand_while_it_is_paused(rule):
    (verdict,) = evaluate(MAIN, [paused(rule).spec], manual=True)
    assert (verdict.builds, verdict.reason) == (True, "matches `main`")


def test_it_is_not_woken_by_a_machine_that_asks(rule):
    (verdict,) = evaluate(MAIN, [paused(rule).spec], manual=True, wakes_paused=False)
    assert not verdict.builds


def test_it_is_resumed_by_a_build_by_hand_that_succeeds(rule):
    ended(paused(rule), None, cause="manual")
    assert (rule.paused_at, rule.user_failures, rule.paused_reason) == (None, 0, "")
    assert BuildEvent.objects.filter(kind="rule_resumed").count() == 1


def test_it_is_resumed_by_a_person(rule):
    resume_rule(make_user("wendy"), paused(rule))
    rule.refresh_from_db()
    assert evaluate(MAIN, [rule.spec])[0].builds


def test_it_says_so_where_there_is_nothing_to_resume(rule):
    with pytest.raises(Refused, match="The rule `main` is not paused"):
        resume_rule(make_user("wendy"), rule)
