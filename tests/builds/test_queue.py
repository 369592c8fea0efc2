"""The queue and the lease: who takes which build, and that nobody else can touch it."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from builds.actions import lifecycle
from builds.actions.claim import claim_next, in_order
from builds.actions.runs import Run, advance, note, renew_lease
from builds.actions.upkeep import ring_for_due, sweep_all
from builds.core.errors import BuildError, ErrorKind
from builds.core.states import FINAL, State
from builds.models import Build, BuildEvent, Step
from builds.reading import sentence_of
from builds.waits import queue
from lib import queue as bells
from tests.factories import COMMIT, make_build, make_repository, make_rule, make_source

pytestmark = pytest.mark.django_db


def rule_in(path: str, **fields: object):
    return make_rule(make_source(make_repository(path), **fields))


def test_it_claims_a_build_once():
    build = make_build()
    assert claim_next("worker-1") == Run(build.pk, 1)
    assert claim_next("worker-2") is None
    build.refresh_from_db()
    assert (build.state, build.attempt, build.worker) == (State.PREPARING, 1, "worker-1")
    assert build.lease_until > timezone.now()


@pytest.mark.django_db(transaction=True)
def test_q01_two_doorbells_at_the_same_moment_give_one_run():
    """3. A build runs under a lease claimed by compare-and-swap."""
    make_build()
    runs: list[Run | None] = []
    start = threading.Barrier(4)

    def claim(name: str) -> None:
        start.wait()
        try:
            runs.append(claim_next(name))
        finally:
            connection.close()

    threads = [threading.Thread(target=claim, args=[f"worker-{i}"]) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [run for run in runs if run] == [Run(Build.objects.get().pk, 1)]


@pytest.mark.django_db(transaction=True)
def test_it_never_runs_more_builds_of_a_repository_than_its_source_allows():
    rule = rule_in("acme/web")
    for number in range(4):
        make_build(rule, commit=f"{number}" * 40)
    runs: list[Run | None] = []
    start = threading.Barrier(4)

    def claim(name: str) -> None:
        start.wait()
        try:
            runs.append(claim_next(name))
        finally:
            connection.close()

    threads = [threading.Thread(target=claim, args=[f"worker-{i}"]) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([run for run in runs if run]) == 1


def test_it_runs_as_many_at_once_as_the_source_says():
    rule = rule_in("acme/web", parallel_builds=2)
    for number in range(3):
        make_build(rule, commit=f"{number}" * 40)
    assert [bool(claim_next("worker-1")) for _ in range(3)] == [True, True, False]


def test_it_takes_no_more_builds_than_the_worker_has_slots():
    for name in ("acme/a", "acme/b", "acme/c"):
        make_build(rule_in(name))
    assert [bool(claim_next("worker-1", slots=2)) for _ in range(3)] == [True, True, False]
    assert claim_next("worker-2", slots=1)


def test_it_takes_manual_builds_before_pushes_and_those_before_schedules():
    scheduled = make_build(rule_in("acme/a"), priority=Build.Priority.SCHEDULE)
    pushed = make_build(rule_in("acme/b"), priority=Build.Priority.PUSH)
    manual = make_build(rule_in("acme/c"), priority=Build.Priority.MANUAL)
    order = [claim_next("worker-1") for _ in range(3)]
    assert [run.build_id for run in order if run] == [manual.pk, pushed.pk, scheduled.pk]


def test_it_shares_fairly_between_namespaces():
    greedy = [make_build(rule_in(f"greedy/r{number}")) for number in range(3)]
    modest = make_build(rule_in("modest/only"))
    order = [claim_next("worker-1") for _ in range(4)]
    assert [run.build_id for run in order if run] == [greedy[0].pk, modest.pk, greedy[1].pk, greedy[2].pk]


def test_it_leaves_a_build_alone_until_its_backoff_is_over():
    make_build(not_before=timezone.now() + timedelta(seconds=30), wait_reason="The registry answered 502.")
    assert claim_next("worker-1") is None
    assert queue()[0].sentence == "The registry answered 502."


def test_q04_a_build_cancelled_while_queued_never_starts(django_user_model):
    from builds.actions import cancel_build

    build = make_build()
    cancel_build(django_user_model.objects.create(username="alice"), build, "wrong branch")
    assert claim_next("worker-1") is None
    assert (build.state, sentence_of(build)) == (State.CANCELLED, "Cancelled by alice. wrong branch")


def lost_run() -> tuple[Build, Run]:
    """A run whose worker fell silent: its lease ended a while ago."""
    build = make_build()
    run = claim_next("worker-1")
    Build.objects.filter(pk=build.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    return build, run


def test_q02_a_silent_worker_loses_its_build_to_a_second_attempt():
    """12. A platform fault is retried and does not use up the user's retries."""
    build, _run = lost_run()
    Step.objects.create(build=build, attempt=1, index=0, name="RUN sleep 60", state=Step.State.RUNNING)
    sweep_all(timezone.now())
    build.refresh_from_db()
    assert (build.state, build.attempt, build.platform_failures) == (State.QUEUED, 1, 1)
    assert "disappeared at" in sentence_of(build)
    assert "attempt 2 of 3" in sentence_of(build)
    assert Step.objects.get().state == Step.State.CANCELLED


def test_the_bell_of_another_attempt_rings_when_its_pause_is_over(monkeypatch, django_capture_on_commit_callbacks):
    heard = {}
    monkeypatch.setattr(
        bells, "_send", lambda name, _args, expires_s, after_s: heard.update({name: (after_s, expires_s)})
    )
    build, _ = lost_run()
    with django_capture_on_commit_callbacks(execute=True):
        sweep_all(timezone.now())
    assert heard["builds.run_next"] == (lifecycle.LOST_BACKOFF_S[0], 60)
    build.refresh_from_db()
    assert build.not_before <= timezone.now() + timedelta(seconds=lifecycle.LOST_BACKOFF_S[0])


def test_it_fences_off_a_run_that_lost_its_lease():
    """3. A worker that lost its lease can change nothing: every write it makes names its attempt."""
    build, old = lost_run()
    sweep_all(timezone.now())
    Build.objects.filter(pk=build.pk).update(not_before=timezone.now())
    new = claim_next("worker-2")
    assert new == Run(build.pk, 2)
    assert not renew_lease(old).held
    assert not advance(old, State.BUILDING)
    assert not note(old, digest="sha256:00")
    assert not lifecycle.fail(old, BuildError(ErrorKind.USER, "no"))
    assert not lifecycle.succeed(old, build, [], media_type="", size_bytes=0, digest="sha256:00")
    build.refresh_from_db()
    assert (build.state, build.digest, build.worker) == (State.PREPARING, "", "worker-2")


def test_it_gives_up_after_three_attempts_and_says_whose_fault_it_was():
    build = make_build()
    for _ in range(settings.MAX_ATTEMPTS):
        Build.objects.filter(pk=build.pk).update(not_before=timezone.now())
        assert claim_next("worker-1")
        Build.objects.filter(pk=build.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        sweep_all(timezone.now())
    build.refresh_from_db()
    assert (build.state, build.error_kind) == (State.FAILED, ErrorKind.PLATFORM)
    assert "The worker that ran this build disappeared" in sentence_of(build)


def test_it_does_not_try_a_users_fault_again():
    build = make_build()
    run = claim_next("worker-1")
    assert lifecycle.fail(run, BuildError(ErrorKind.USER, "Step 2 of 3 (`RUN false`) ended with exit code 1."))
    build.refresh_from_db()
    assert (build.state, build.error_kind, build.platform_failures) == (State.FAILED, "user", 0)


def test_it_says_of_a_long_fault_which_attempt_comes_next():
    build = make_build()
    long = BuildError(ErrorKind.REGISTRY, "The registry said: " + "no, " * 200, retryable=True)
    assert lifecycle.fail(claim_next("worker-1"), long)
    build.refresh_from_db()
    assert len(build.wait_reason) == 300
    assert build.wait_reason.endswith("… It is tried again by itself (attempt 2 of 3).")


def test_it_does_not_try_again_what_somebody_cancelled():
    build = make_build()
    run = claim_next("worker-1")
    Build.objects.filter(pk=build.pk).update(cancel_requested_at=timezone.now(), cancelled_by="alice")
    assert lifecycle.fail(run, BuildError(ErrorKind.BUILDER, "The builder went away.", retryable=True))
    build.refresh_from_db()
    assert (build.state, build.error_kind) == (State.CANCELLED, "")


def test_it_hands_a_build_back_without_counting_a_failure():
    build = make_build()
    assert lifecycle.hand_back(claim_next("worker-1"))
    build.refresh_from_db()
    assert (build.state, build.platform_failures, build.worker) == (State.QUEUED, 0, "")
    assert claim_next("worker-2") == Run(build.pk, 2)


def test_it_ends_a_cancelled_build_of_a_dead_worker_as_cancelled():
    build, _ = lost_run()
    Build.objects.filter(pk=build.pk).update(cancel_requested_at=timezone.now(), cancelled_by="alice")
    sweep_all(timezone.now())
    build.refresh_from_db()
    assert build.state == State.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_it_needs_no_message_to_go_on(rings):
    """2. The database row is the truth: losing every message in Redis delays builds by at most one tick."""
    make_build()
    rings.clear()
    ring_for_due(timezone.now())
    assert rings == ["builds.run_next"]


@pytest.mark.parametrize("state", [state for state in State if state not in FINAL])
def test_every_state_that_is_not_final_has_a_sentence(state):
    """4. Every state that is not final has an owner, a deadline and a sentence a person can read."""
    build = make_build(state=state)
    sentence = sentence_of(build)
    assert sentence.endswith(".")
    assert len(sentence) > 12


def test_every_claim_gives_a_deadline_and_a_lease():
    """4. Every state that is not final has an owner, a deadline and a sentence."""
    claim_next("worker-1") if make_build(timeout_s=60) else None
    build = Build.objects.get()
    assert build.worker == "worker-1"
    assert timedelta(seconds=50) < build.deadline_at - timezone.now() <= timedelta(seconds=60)


def test_it_writes_an_outbox_row_for_every_change():
    build = make_build()
    run = claim_next("worker-1")
    advance(run, State.BUILDING)
    lifecycle.stop(run)
    kinds = list(BuildEvent.objects.filter(build=build).values_list("kind", flat=True))
    assert kinds == ["state", "state", "finished"]


def test_w09_one_active_build_per_rule_ref_and_commit():
    from builds.actions import Order, request_builds
    from builds.core.plan import evaluate
    from builds.core.rules import Ref

    rule = make_rule()
    verdicts = evaluate(Ref("branch", "main"), [rule.spec], commit=COMMIT)
    order = Order(cause=Build.Cause.PUSH)
    first = request_builds(rule.source, Ref("branch", "main"), COMMIT, verdicts, order)
    second = request_builds(rule.source, Ref("branch", "main"), COMMIT, verdicts, order)
    assert first == second
    assert Build.objects.count() == 1


def test_a_long_history_does_not_slow_the_queue_down():
    """The policy looks at what waits and what runs, never at what ended: a claim holds up every other writer.

    With subqueries SQLite took minutes for 1,000 waiting builds beside 100,000 that had ended.
    """
    busy = rule_in("acme/busy")
    make_build(busy, state=State.BUILDING, attempt=1, commit="f" * 40, worker="worker-2")
    make_build(busy)
    idle = make_build(rule_in("acme/idle"))
    assert str(in_order(timezone.now()).query).count("SELECT") == 1
    run = claim_next("worker-1")
    assert run is not None
    assert run.build_id == idle.pk
