"""From a forge's pull request to a build, a question or a sentence, and to its end. Field case W15."""

from __future__ import annotations

import copy
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from builds.actions.claim import claim_next
from builds.actions.pull_requests import approve_build, decline_build, expire_questions, request_pull_request
from builds.actions.request import Order, retry_build
from builds.core.pull_requests import PullRequest, judge
from builds.models import Build, BuildEvent, Review, Source
from lib.refusal import Refused
from tests.factories import make_rule, make_source, make_user
from tests.webhooks.sending import COMMIT, post
from webhooks.actions import replay_delivery
from webhooks.actions.decide import decide
from webhooks.models import Delivery
from webhooks.providers import PullRequestEvent

NEWER = "b" * 40
pytestmark = pytest.mark.django_db


def payload(number: int = 7, *, action: str = "opened", fork: bool = True, commit: str = COMMIT, **head) -> dict:
    """GitHub's `pull_request` event: a fork's `main` into acme/web's `main`."""
    base = {"id": 42, "full_name": "acme/web", "default_branch": "main"}
    other = {"id": 43, "full_name": "stranger/web", "clone_url": "https://github.com/stranger/web.git", "fork": True}
    return {
        "action": action,
        "number": number,
        "pull_request": {
            "number": number,
            "title": "Mend <b>log-in</b>",
            "html_url": f"https://github.com/acme/web/pull/{number}",
            "user": {"login": "stranger"},
            "head": {"ref": "main", "sha": commit, "repo": other if fork else base, **head},
            "base": {"ref": "main", "sha": "c" * 40, "repo": base},
        },
        "repository": base,
        "sender": {"login": "stranger"},
    }


@pytest.fixture
def source() -> Source:
    source = make_source(pull_requests="forks")
    make_rule(source, tags=["latest"])
    return source


def send(source: Source, document: dict) -> Delivery:
    answer = post(source, document, event="pull_request")
    assert answer.status_code == 202, answer.content
    return Delivery.objects.get(pk=answer.json()["delivery"])


def told(build: Build) -> tuple[str, str, str]:
    build.refresh_from_db()
    return build.state, build.cancelled_by, build.cancel_reason


@pytest.mark.parametrize(
    ("policy", "fork", "builds", "sentence"),
    [
        ("off", False, 0, "switched off for this repository"),
        ("off", True, 0, "switched off for this repository"),
        ("same", True, 0, "it comes from `stranger/web`"),
        ("same", False, 1, "build #1 by `main`"),
        ("forks", False, 1, "build #1 by `main`"),
        ("forks", True, 1, "Build #1 waits for a member's approval"),
    ],
)
def test_w15_the_policy_decides_and_the_ledger_says_why(source, policy, fork, builds, sentence):
    Source.objects.update(pull_requests=policy)
    delivery = send(source, payload(fork=fork))
    assert sentence in delivery.sentence
    assert (Build.objects.count(), len(delivery.build_ids)) == (builds, builds)


def test_w15_nothing_is_built_unless_somebody_switches_it_on():
    source = make_source()
    make_rule(source)
    assert send(source, payload(fork=False)).status == Delivery.Status.IGNORED
    assert not Build.objects.exists()


@pytest.mark.parametrize("repo", [None, {}, {"full_name": "acme/web"}, {"id": 42}, "acme/web"])
def test_w15_a_head_whose_repository_is_gone_or_not_told_is_a_fork_s(source, repo):
    send(source, payload(repo=repo))
    build = Build.objects.get()
    assert build.untrusted and (build.hold == "approval" or repo in ({"id": 42}, {"full_name": "acme/web"}))


def test_a_build_of_a_fork_is_untrusted_held_and_makes_no_tag(source):
    send(source, payload())
    build = Build.objects.get()
    assert (build.cause, build.ref_type, build.ref, build.commit) == ("pull_request", "pull_request", "main", COMMIT)
    assert (build.untrusted, build.hold, build.is_pushed, build.plan["tags"]) == (True, "approval", False, [])
    assert build.pull_request["number"] == 7 and build.pull_request["head_repository"] == "stranger/web"
    assert timedelta(days=6) < build.hold_until - timezone.now() < timedelta(days=8)


def test_a_build_of_an_own_branch_is_pushed_and_sees_no_more_than_a_fork_s(source):
    send(source, payload(fork=False))
    build = Build.objects.get()
    assert (build.untrusted, build.hold, build.is_pushed, build.plan["tags"]) == (True, "", True, [])


def test_no_worker_takes_what_nobody_approved_and_the_page_says_why_it_waits(source):
    from builds.reading import sentence_of
    from builds.waits import queue

    send(source, payload())
    assert claim_next("worker") is None
    assert queue() == []
    assert "waits for a member's approval, as pull request #7 comes from a fork" in sentence_of(Build.objects.get())


def test_the_outbox_tells_of_the_question_once(source):
    for _ in range(2):
        send(source, payload())
    events = BuildEvent.objects.filter(kind="approval_needed")
    assert [(event.detail["number"], event.detail["commit"]) for event in events] == [(7, COMMIT)]
    assert Review.objects.get().state == "asked"


def test_rules_for_pull_requests_are_held_against_the_base_branch(source):
    make_rule(source, ref_type="pull_request", pattern="/^release-/", tags=["x"])
    document = payload(fork=False)
    assert "no rule matches" in send(source, document).sentence
    document["pull_request"]["base"]["ref"] = "release-1"
    send(source, document)
    assert Build.objects.get().rule.pattern == "/^release-/"


def test_w15_a_head_branch_named_like_a_rule_matches_nothing_by_that(source):
    document = payload(ref="main")
    document["pull_request"]["base"]["ref"] = "docs"
    assert send(source, document).status == Delivery.Status.NOTHING
    assert not Build.objects.exists()


def test_the_same_event_again_makes_no_second_build(source):
    for action in ("opened", "reopened", "synchronize"):
        send(source, payload(action=action))
    assert Build.objects.count() == 1


def test_two_pull_requests_with_one_head_are_two_builds(source):
    send(source, payload(7))
    send(source, payload(8))
    assert [build.pull_request["number"] for build in Build.objects.order_by("pk")] == [7, 8]


def decided(source: Source, **fields) -> tuple[str, str]:
    known = {"number": 7, "action": "synchronized", "head_ref": "x", "base_ref": "main", "is_fork": False}
    decision = decide(source, PullRequestEvent(**{**known, **fields}), "Bitbucket")
    return decision.status, decision.sentence


def test_w15_a_fork_s_commit_by_its_first_digits_is_not_asked_about(source):
    assert decided(source, head_commit=COMMIT[:12])[0] == "built"
    status, sentence = decided(source, head_commit=COMMIT[:12], is_fork=True)
    assert status == "ignored" and "by 12 digits only" in sentence


def test_first_digits_of_a_commit_that_is_being_built_make_no_second_build(source):
    send(source, payload(fork=False))
    known = PullRequest(number=7, fork=False, base_ref="main")
    verdicts = judge(known, [rule.spec for rule in source.rules.all()], commit=COMMIT[:12])
    order = Order(cause=Build.Cause.PULL_REQUEST, pull_request=known)
    with transaction.atomic():
        request_pull_request(source, known, COMMIT[:12], verdicts, order)
    assert [(build.commit, build.state) for build in Build.objects.all()] == [(COMMIT, "queued")]


def test_a_new_push_supersedes_the_old_question_and_asks_again(source):
    send(source, payload())
    old = Build.objects.get()
    send(source, payload(action="synchronize", commit=NEWER))
    new = Build.objects.latest("pk")
    assert told(old)[0] == "superseded" and old.superseded_by == new
    assert (new.hold, new.commit) == ("approval", NEWER)


def test_a_new_push_that_no_rule_takes_ends_the_old_builds_too(source):
    send(source, payload())
    source.rules.update(pattern="other")
    send(source, payload(action="synchronize", commit=NEWER))
    assert told(Build.objects.get()) == ("cancelled", "Imageyard", "Pull request #7 has a newer commit.")


def test_closing_ends_what_waits_and_stops_what_runs(source):
    send(source, payload(7))
    send(source, payload(8, fork=False))
    waiting, running = Build.objects.order_by("pk")
    assert claim_next("worker").build_id == running.pk
    sentences = [send(source, payload(number, action="closed")).sentence for number in (7, 8, 8)]
    assert told(waiting) == ("cancelled", "Imageyard", "Pull request #7 was closed.")
    running.refresh_from_db()
    assert running.cancel_requested_at is not None
    assert ["1 build of it was stopped" in sentence for sentence in sentences] == [True, True, False]


# --- the answer ---------------------------------------------------------------------------------------------------


@pytest.fixture
def held(source) -> Build:
    send(source, payload())
    Review.objects.update(state="good")
    return Build.objects.get()


def test_an_approved_build_is_taken(held):
    approve_build(make_user("wendy"), held, COMMIT)
    assert (held.approved_by, held.hold) == ("wendy", "")
    assert claim_next("worker").build_id == held.pk


@pytest.mark.parametrize("commit", ["", NEWER, COMMIT[:7]])
def test_an_approval_is_for_exactly_one_commit(held, commit):
    with pytest.raises(Refused, match="Look at that one"):
        approve_build(make_user(), held, commit)
    assert claim_next("worker") is None


def test_nothing_is_approved_before_it_was_shown(held):
    Review.objects.update(state="failed")
    with pytest.raises(Refused, match="has not shown yet"):
        approve_build(make_user(), held, COMMIT)


def test_a_declined_build_is_over_and_may_be_asked_about_again(held):
    decline_build(make_user("wendy"), held, "Not now")
    assert told(held) == ("cancelled", "wendy", "Its approval was declined: Not now")
    with pytest.raises(Refused, match="no question any more"):
        approve_build(make_user(), held, COMMIT)
    retry_build(make_user(), held)
    assert told(held)[0] == "queued" and held.hold == "approval"
    assert claim_next("worker") is None


def test_a_question_expires_with_a_sentence(held):
    assert expire_questions(timezone.now()) == 0
    Build.objects.update(hold_until=timezone.now() - timedelta(seconds=1))
    assert [expire_questions(timezone.now()) for _ in range(2)] == [1, 0]
    assert told(held)[:2] == ("cancelled", "Imageyard")
    assert "in time" in held.cancel_reason


def test_an_approval_holds_for_the_same_commit_and_not_for_the_next(held, source):
    approve_build(make_user("wendy"), held, COMMIT)
    Build.objects.update(state="failed", finished_at=timezone.now())
    send(source, payload(action="reopened"))
    again = Build.objects.latest("pk")
    assert (again.hold, again.approved_by) == ("", "wendy")
    send(source, payload(action="synchronize", commit=NEWER))
    assert Build.objects.latest("pk").hold == "approval"


def test_a_replayed_delivery_goes_by_today_s_settings(source):
    Source.objects.update(pull_requests="off")
    delivery = send(source, payload())
    Source.objects.update(pull_requests="forks")
    replay = replay_delivery(make_user(), delivery)
    assert replay.status == Delivery.Status.BUILT
    assert Build.objects.get().hold == "approval"


def test_a_success_that_is_built_again_stays_a_pull_request_s(held):
    Build.objects.update(state="succeeded", hold="", approved_by="wendy", approved_at=timezone.now())
    held.refresh_from_db()
    again = retry_build(make_user(), held)
    assert (again.untrusted, again.pull_request["number"], again.is_pushed, again.hold) == (True, 7, False, "")


# --- hostile ------------------------------------------------------------------------------------------------------

HOSTILE = ["../../etc", "a..b", "refs/heads/x y", "x\n", "--upload-pack=id", "a" * 300, "", 7, None, {"a": 1}]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("place", [("head", "ref"), ("base", "ref"), ("head", "sha"), ("user", "login")])
def test_w15_a_hostile_payload_makes_no_trusted_build_and_no_fault(source, place, value):
    document = copy.deepcopy(payload())
    document["pull_request"][place[0]][place[1]] = value
    answer = post(source, document, event="pull_request")
    assert answer.status_code in (202, 400), answer.content
    assert Delivery.objects.get().status != Delivery.Status.FAULT
    assert all(build.untrusted and build.hold for build in Build.objects.all())


@pytest.mark.parametrize("number", [0, -1, 2**40, "7", None, True, 1.5])
def test_w15_a_number_that_is_none_is_no_pull_request(source, number):
    document = payload()
    document["number"] = document["pull_request"]["number"] = number
    answer = post(source, document, event="pull_request")
    assert answer.status_code in (202, 400), answer.content
    assert Delivery.objects.get().status != Delivery.Status.FAULT


def test_w15_an_address_that_runs_scripts_is_not_kept(source):
    document = payload()
    document["pull_request"]["html_url"] = "javascript:alert(1)"
    send(source, document)
    assert Build.objects.get().pull_request["url"] == ""
