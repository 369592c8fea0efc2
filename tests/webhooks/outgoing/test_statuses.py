"""Commit statuses: every end of a build reaches the forge, the newest alone, in order, and after any outage."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from builds.actions.claim import claim_next
from builds.actions.lifecycle import fail, skip, stop
from builds.actions.request import retry_build
from builds.core.errors import BuildError, ErrorKind
from builds.models import Build, Step
from tests.factories import COMMIT, make_admin, make_build, make_rule
from tests.forge_server import Reply
from tests.webhooks.sending import post, push_payload
from webhooks.actions.outbox import read_build_events
from webhooks.actions.statuses import give_up_old
from webhooks.errands.statuses import send_statuses
from webhooks.models import CommitStatus, ForgeConnection, SourceLink

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
CONTEXT = "imageyard/acme/web (main)"


def read() -> None:
    read_build_events(timezone.now())


def send(after: timedelta = timedelta()) -> int:
    return send_statuses(timezone.now() + after)


def start(**fields) -> Build:
    """A queued build, as asked for."""
    from builds.actions.runs import record_event

    build = make_build(**fields)
    record_event(build.pk, "queued")
    return build


def run():
    return claim_next("worker-1")


def test_it_tells_every_forge_that_a_build_waits_runs_and_failed(linked, forge):
    start()
    read()
    send()
    claimed = run()
    read()
    send()
    fail(claimed, BuildError(ErrorKind.USER, "Step 4 of 7 (`RUN npm ci`) ended with exit code 1."))
    read()
    send()
    words = {
        "bitbucket": ["INPROGRESS", "INPROGRESS", "FAILED"],
        "gitlab": ["pending", "failed"],  # "pending" again is no transition there
    }
    assert forge.states(CONTEXT) == words.get(forge.kind, ["pending", "pending", "failure"])
    assert CommitStatus.objects.get().is_told


ENDS = [
    ("failed by its Dockerfile", lambda r: fail(r, BuildError(ErrorKind.USER, "It broke.")), "failure", "It broke."),
    ("timed out", lambda r: fail(r, BuildError(ErrorKind.TIMEOUT, "Too slow.")), "failure", "Too slow."),
    ("failed by the registry", lambda r: fail(r, BuildError(ErrorKind.REGISTRY, "Full.")), "error", "Full."),
    ("skipped by its paths", lambda r: skip(r, "Skipped: nothing it watches changed."), "success", "Skipped: nothing"),
    ("cancelled", lambda r: (Build.objects.update(cancelled_by="wendy"), stop(r)), "error", "Cancelled by wendy."),
    ("superseded", lambda r: (supersede(), stop(r)), "error", "Superseded by build #2 of a newer push."),
    ("succeeded", lambda _: succeeded(), "success", "The image is there as latest."),
]


def supersede() -> None:
    newer = make_build(commit="b" * 40)
    Build.objects.filter(number=1).update(superseded_by=newer)


def succeeded() -> None:
    from builds.actions.runs import record_event

    Build.objects.update(state="succeeded", tags=["build-1", "latest"], finished_at=timezone.now())
    record_event(Build.objects.get().pk, "finished")


@pytest.mark.parametrize(("end", "state", "said"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_every_end_it_tells(linked_github, github, end, state, said):
    start()
    end(run())
    read()
    send()
    (told,) = github.posted
    assert (told["state"], told["context"]) == (state, CONTEXT)
    assert told["description"].startswith(said)
    assert told["target_url"].startswith("http://127.0.0.1:8000/r/acme/web/builds/1")


def test_a_failed_build_it_links_to_the_last_line_of_the_step_that_failed(linked_github, github):
    build = start()
    claimed = run()
    Step.objects.create(build=build, attempt=1, index=4, name="RUN npm ci", state="failed", lines=213)
    fail(claimed, BuildError(ErrorKind.USER, "It broke."))
    read()
    send()
    assert github.posted[0]["target_url"].endswith("/builds/1?step=4#s4-l213")


def test_a_long_sentence_it_cuts_at_a_word_and_without_backticks(linked_github, github):
    start()
    fail(run(), BuildError(ErrorKind.USER, "Step 4 of 7 (`RUN npm ci`) " + "ended very badly " * 20))
    read()
    send()
    told = github.posted[0]["description"]
    assert len(told) <= 140
    assert told.startswith("Step 4 of 7 (RUN npm ci) ended")
    assert told.endswith(("ended…", "very…", "badly…"))


def test_what_happened_while_nobody_sent_it_tells_as_one_status(linked_github, github):
    start()
    claimed = run()
    read()
    fail(claimed, BuildError(ErrorKind.USER, "It broke."))
    read()
    send()
    assert github.states(CONTEXT) == ["failure"]
    assert send() == 0


def test_a_state_that_comes_while_another_is_sent_it_sends_after_that(linked_github, github):
    """Another worker is in the midst of telling that the build runs when it ends: the end waits for it."""
    from webhooks.errands import statuses

    start()
    claimed = run()
    read()
    sending = statuses._claim(CommitStatus.objects.get().pk, timezone.now())
    fail(claimed, BuildError(ErrorKind.USER, "It broke."))
    read()
    assert send() == 0
    statuses._told(sending)
    assert send() == 1
    assert github.states(CONTEXT) == ["failure"]


def test_an_old_event_it_never_tells_after_the_end(linked_github, github):
    """Two readers may read the events of a build in any order: what is told is how it stands."""
    build = start()
    claimed = run()
    fail(claimed, BuildError(ErrorKind.USER, "It broke."))
    read()
    build.events.filter(kind="state").update(handled_at=None)
    read()
    send()
    assert github.states(CONTEXT) == ["failure"]


def test_a_retry_it_tells_as_pending_again(linked_github, github):
    build = start()
    fail(run(), BuildError(ErrorKind.USER, "It broke."))
    read()
    send()
    build.refresh_from_db()
    retry_build(make_admin(), build)
    read()
    send()
    assert github.states(CONTEXT) == ["failure", "pending"]


def test_an_older_build_of_a_commit_it_lets_be_overruled_by_a_newer(linked_github, github):
    old = start()
    claimed = run()
    new = start(cause="manual")
    Build.objects.filter(pk=new.pk).update(state="succeeded", tags=["latest"])
    read()
    fail(claimed, BuildError(ErrorKind.USER, "It broke."))
    read()
    send()
    assert github.states(CONTEXT) == ["success"]
    assert CommitStatus.objects.get().build_number == new.number > old.number


@pytest.mark.parametrize(
    ("fields", "context"),
    [
        ({}, "imageyard/acme/web (main)"),
        ({"ref_type": "tag", "pattern": r"/^v(\d+)$/"}, r"imageyard/acme/web (tag /^v(\d+)$/)"),
        ({"dockerfile": "docker/api"}, "imageyard/acme/web (main, docker/api)"),
        ({"context": "web", "target": "test"}, "imageyard/acme/web (main, Dockerfile in web, target test)"),
        ({"pattern": "x" * 500}, None),
    ],
)
def test_each_rule_it_gives_a_context_of_its_own(linked_github, source, fields, context):
    rule = make_rule(source, **{"position": 1, **fields})
    start(rule=rule)
    read()
    found = CommitStatus.objects.get().context
    if context is None:
        assert len(found) <= 255
    elif not fields:  # a twin of the rule that the source has
        assert found == "imageyard/acme/web (main, #2)"
    else:
        assert found == context


def test_a_push_that_its_message_skips_it_tells_for_every_rule_that_would_have_built(linked_github, github, source):
    make_rule(source, pattern="/^m/", tags=["m"], position=1)
    make_rule(source, pattern="/n$/", tags=["n"], position=2, autobuild=False)
    post(source, push_payload(message="Docs [skip ci]"))
    send()
    assert {row["context"] for row in github.posted} == {CONTEXT, "imageyard/acme/web (/^m/)"}
    assert {row["state"] for row in github.posted} == {"success"}
    assert all(row["description"].startswith("Skipped") for row in github.posted)
    assert "/deliveries/" in github.posted[0]["target_url"]


@pytest.mark.parametrize("status", [500, 502, 401, 429, 403, 408])
def test_a_forge_that_fails_for_a_day_it_tells_the_end_once_it_is_back(linked_github, github, status):
    start()
    github.fails(status, {"message": "API rate limit exceeded"} if status == 403 else None)
    fail(run(), BuildError(ErrorKind.USER, "It broke."))
    read()
    asked = []
    for minutes in range(0, 24 * 60, 30):
        send(timedelta(minutes=minutes))
        asked.append(len(github.asked))
    assert 20 < asked[-1] < 90  # it went on all day, and not at every tick
    row = CommitStatus.objects.get()
    assert not row.is_told
    assert not row.is_given_up
    assert str(status) in row.sentence
    github.heals()
    send(timedelta(hours=25))
    assert github.states(CONTEXT) == ["failure"]
    assert CommitStatus.objects.get().is_told
    assert ForgeConnection.objects.get().failures == 0


def test_what_a_forge_asks_for_it_waits(linked_github, github):
    start()
    read()
    github.fails(429, retry_after="3600")
    send()
    github.heals()
    assert send(timedelta(minutes=59)) == 0
    assert send(timedelta(minutes=62)) == 1


def test_a_limit_that_is_used_up_it_waits_out_by_the_forges_own_clock(linked_github, github):
    """Our clock may be off: the reset is held against the `Date` of the answer."""
    from email.utils import format_datetime

    start()
    read()
    theirs = timezone.now() + timedelta(hours=5)
    github.fails(
        403,
        x_ratelimit_remaining="0",
        x_ratelimit_reset=str(int((theirs + timedelta(minutes=20)).timestamp())),
        date=format_datetime(theirs, usegmt=True),
    )
    send()
    github.heals()
    wait = ForgeConnection.objects.get().paused_until - timezone.now()
    assert timedelta(minutes=19) < wait < timedelta(minutes=21)


@pytest.mark.parametrize(("status", "words"), [(404, "not found (404)"), (422, "refused POST")])
def test_what_can_never_be_told_it_gives_up_with_a_sentence(linked_github, github, status, words):
    start()
    read()
    github.fails(status, {"message": "No commit found for SHA"})
    send()
    github.heals()
    row = CommitStatus.objects.get()
    assert row.is_given_up
    assert words in row.sentence
    assert "No commit found for SHA" in row.sentence
    assert send(timedelta(hours=2)) == 0


def test_one_that_is_given_up_it_tells_again_when_the_build_goes_on(linked_github, github):
    start()
    read()
    github.fails(404)
    send()
    github.heals()
    fail(run(), BuildError(ErrorKind.USER, "It broke."))
    read()
    send()
    assert github.states(CONTEXT) == ["failure"]


def test_one_status_that_the_forge_forbids_it_does_not_let_hold_up_the_others(linked_github, github, source):
    start(rule=make_rule(source, pattern="develop"), commit="b" * 40)
    start()
    read()
    github.trouble = lambda asked: Reply(403, {"message": "no"}) if "bbbb" in asked.path else None
    send()
    assert github.states(CONTEXT) == ["pending"]
    assert "repo" in CommitStatus.objects.get(is_given_up=False, told_revision=0).sentence


def test_a_forge_that_is_away_it_asks_once_for_all_that_waits(linked_github, github, source):
    for letter in "bcdef":
        start(commit=letter * 40)
    read()
    github.fails(503)
    send()
    assert len(github.asked) == 1
    assert CommitStatus.objects.filter(http_status=503).count() == 5


def test_a_repository_that_moved_at_the_forge_it_follows(linked_github, github):
    start()
    read()

    def moved(asked):
        if "/acme/web" not in asked.path:
            return None
        headers = {"Location": f"{github.url}/repos/acme/shop"} if asked.method == "GET" else {}
        return Reply(301, {"message": "Moved Permanently"}, headers)

    github.full_name, github.trouble = "acme/shop", moved
    send()
    assert github.states(CONTEXT) == ["pending"]
    assert SourceLink.objects.get().full_name == "acme/shop"


def test_after_three_days_it_gives_up(linked_github, github):
    start()
    read()
    github.fails(500)
    send()
    assert give_up_old(timezone.now() + timedelta(days=2)) == 0
    assert give_up_old(timezone.now() + timedelta(days=3, hours=1)) == 1
    github.heals()
    assert send(timedelta(days=4)) == 0


def test_a_worker_that_died_while_sending_it_replaces_after_its_lease(linked_github, github):
    start()
    read()
    CommitStatus.objects.update(lease_until=timezone.now() + timedelta(seconds=100))
    assert send() == 0
    assert send(timedelta(seconds=130)) == 1


def test_a_clock_that_ran_ahead_it_does_not_wait_for(linked_github, github):
    start()
    read()
    ahead = timezone.now() + timedelta(days=400)
    CommitStatus.objects.update(next_at=ahead, lease_until=ahead)
    ForgeConnection.objects.update(paused_until=ahead)
    assert send() == 1


@pytest.mark.parametrize("change", [{"reports_status": False}, None])
def test_a_repository_that_reports_nothing_it_tells_nothing(linked_github, github, change):
    if change:
        SourceLink.objects.update(**change)
    else:
        SourceLink.objects.all().delete()
    start()
    fail(run(), BuildError(ErrorKind.USER, "It broke."))
    read()
    send()
    assert github.posted == []
    assert not CommitStatus.objects.exists()


def test_a_build_whose_commit_is_not_known_yet_it_tells_once_it_is(linked_github, github):
    start(commit="", cause="manual")
    read()
    assert not CommitStatus.objects.exists()
    claimed = run()
    Build.objects.update(commit=COMMIT)
    fail(claimed, BuildError(ErrorKind.USER, "It broke."))
    read()
    send()
    assert github.states(CONTEXT) == ["failure"]


def test_the_token_it_writes_into_no_row(linked_github, github):
    from tests.forge_server import TOKEN

    start()
    read()
    github.fails(422, {"message": f"Bad token {TOKEN}", "errors": [{"message": TOKEN}]})
    send()
    row = CommitStatus.objects.get()
    assert TOKEN not in row.sentence
    assert "Bad token …" in row.sentence
