"""What two hosts do to one build at the same moment, and what a death between two writes leaves behind."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from builds.actions import (
    Order,
    RuleDraft,
    SourceDraft,
    cancel_build,
    lifecycle,
    request_builds,
    save_rules,
    save_source,
)
from builds.actions.claim import claim_next
from builds.actions.request import supersede_older
from builds.actions.runs import Run, advance, note, renew_lease
from builds.core.errors import BuildError, ErrorKind, Stopped
from builds.core.plan import evaluate
from builds.core.rules import Ref, RuleSpec
from builds.core.states import State
from builds.engine.hookfiles import FoundHooks
from builds.models import Build, BuildEvent, Step
from builds.pipeline import publish as publishing
from builds.pipeline import stages
from builds.pipeline.hooks import Hooks
from lib.refusal import Refused
from registry.actions import default_registry, publish_lock
from registry.client import RegistryError, RegistryErrorKind
from registry.models import Repository
from tests.factories import COMMIT, make_admin, make_build, make_repository, make_rule, make_source

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
FAULT = BuildError(ErrorKind.REGISTRY, "The registry answered 502.", retryable=True)


def claimed(**fields: object) -> tuple[Build, Run]:
    build = make_build(**fields)
    run = claim_next("worker-1")
    assert run is not None
    return build, run


def now_is(build: Build) -> str:
    build.refresh_from_db()
    return build.state


def cancel_between(monkeypatch, build: Build) -> None:
    """A person cancels after the run was read and before it is written."""
    reason = lifecycle._shortened

    def cancelled_meanwhile(text: str, length: int) -> str:
        Build.objects.filter(pk=build.pk).update(cancel_requested_at=timezone.now(), cancelled_by="alice")
        return reason(text, length)

    monkeypatch.setattr(lifecycle, "_shortened", cancelled_meanwhile)


def test_a_build_cancelled_at_the_last_moment_does_not_wait_for_another_attempt(monkeypatch):
    build, run = claimed()
    cancel_between(monkeypatch, build)
    assert lifecycle.fail(run, FAULT)
    assert now_is(build) == State.CANCELLED


def test_a_build_cancelled_while_its_worker_drains_is_not_handed_back():
    build, run = claimed()
    cancel_build(make_admin(), build)
    assert lifecycle.hand_back(run)
    assert now_is(build) == State.CANCELLED


def test_a_cancel_meets_a_build_that_goes_back_to_the_queue_between_two_looks(monkeypatch):
    build, run = claimed()
    looks = []
    from builds.actions import cancel

    look = cancel._cancelled

    def first_look_misses(*args) -> bool:
        looks.append(args)
        if len(looks) == 1:  # seen running by the first update, queued by the second
            lifecycle.hand_back(run)
            return False
        return look(*args)

    monkeypatch.setattr(cancel, "_cancelled", first_look_misses)
    cancel_build(make_admin(), build)
    assert (now_is(build), len(looks)) == (State.CANCELLED, 2)


def test_cancelling_a_finished_build_says_how_it_ended():
    build = make_build(state="superseded", finished_at=timezone.now())
    with pytest.raises(Refused, match=r"Build #1 is over already: it was superseded\."):
        cancel_build(make_admin(), build)


def test_a_heartbeat_between_look_and_sweep_keeps_the_build():
    build, run = claimed()
    moment = timezone.now()
    Step.objects.create(build=build, attempt=1, index=0, name="Check out", state=Step.State.RUNNING)
    late = Run(build.pk, run.attempt, lapsed=moment)  # the sweep has read the row with an old lease
    assert renew_lease(run).held
    assert not lifecycle.fail(late, FAULT)
    assert now_is(build) == State.PREPARING
    assert Step.objects.get().state == Step.State.RUNNING


def test_one_build_that_cannot_be_ended_keeps_no_other_from_being_swept(monkeypatch):
    lost = [make_build(make_rule(pattern=name), commit=name * 40, state="building", attempt=1) for name in "ab"]
    Build.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
    fail = lifecycle.fail

    def broken_for_one(run: Run, *args, **kwargs) -> bool:
        if run.build_id == min(build.pk for build in lost):
            raise RuntimeError("a row that cannot be written")
        return fail(run, *args, **kwargs)

    monkeypatch.setattr(lifecycle, "fail", broken_for_one)
    assert lifecycle.sweep(timezone.now()) == 1
    assert sorted(Build.objects.values_list("state", flat=True)) == ["building", "queued"]


def push(source, commit: str) -> list[Build]:
    ref = Ref("branch", "main")
    verdicts = evaluate(ref, [rule.spec for rule in source.rules.all()], commit=commit)
    with transaction.atomic():
        return request_builds(source, ref, commit, verdicts, Order(cause=Build.Cause.PUSH))


def test_a_push_of_a_commit_whose_build_is_being_cancelled_is_built():
    source = make_source()
    make_rule(source)
    [first] = push(source, COMMIT)
    assert claim_next("worker-1")
    cancel_build(make_admin(), first)
    [second] = push(source, COMMIT)
    assert second.pk != first.pk
    assert now_is(second) == State.QUEUED


def test_superseding_a_running_build_is_in_the_outbox():
    rule = make_rule(supersedes_running=True)
    old = make_build(rule, state="building", attempt=1, commit="a" * 40)
    new = make_build(rule, commit="b" * 40)
    supersede_older(new, rule)
    assert BuildEvent.objects.get(build=old).kind == "cancel"


def test_a_build_that_was_to_be_superseded_and_succeeded_first_is_superseded_by_nothing():
    build, run = claimed()
    newer = make_build(make_rule(pattern="other"), commit="b" * 40)
    advance(run, State.PUBLISHING, superseded_by=newer)
    assert lifecycle.succeed(run, build, [], media_type="", size_bytes=1, digest="sha256:1")
    build.refresh_from_db()
    assert build.superseded_by is None


def test_a_build_cut_off_while_its_tags_moved_is_finished_before_it_can_be_cancelled():
    """7. All tags of a build appear together or none does."""
    build, run = claimed()
    note(run, publication={"digest": "sha256:1", "tags": ["latest", "1.2"]})
    lifecycle.fail(run, FAULT)
    with pytest.raises(Refused, match="while its tags were being put"):
        cancel_build(make_admin(), build)
    assert now_is(build) == State.QUEUED


def test_a_publication_that_outlasts_its_lock_writes_nothing_down():
    build = make_build()
    with publish_lock(build.repository_id) as lock:
        Repository.objects.update(publish_lock_until=timezone.now() - timedelta(seconds=1))
        with publish_lock(build.repository_id) as other:
            assert other.renew()
            with pytest.raises(BuildError, match="took over the right to move tags"):
                publishing._hold(lock)


def test_a_cancelled_build_does_not_wait_for_the_right_to_move_tags():
    def stopped(_seconds: float) -> None:
        raise Stopped("cancelled")

    build = make_build()
    with publish_lock(build.repository_id), pytest.raises(Stopped), publish_lock(build.repository_id, wait=stopped):
        pass


@pytest.mark.parametrize(("resumes", "retryable"), [(True, True), (False, False)])
def test_an_image_that_an_earlier_attempt_pushed_and_is_gone_is_built_again(monkeypatch, resumes, retryable):
    build, run = claimed()
    gone = RegistryError("There is no such image.", kind=RegistryErrorKind.NOT_FOUND, status=404, retryable=False)

    def lost(*_):
        raise gone

    monkeypatch.setattr(publishing.Publisher, "_put_and_write_down", lost)
    monkeypatch.setattr(publishing, "look_for_tags", lambda _: None)
    job = SimpleNamespace(
        build=build, stop=None, run=run, note=lambda **fields: note(run, **fields), advance=lambda _: None
    )
    with pytest.raises(BuildError) as caught:
        publishing.Publisher(job, None, Hooks(job, FoundHooks(".", ()))).publish(resumes=resumes)
    assert caught.value.retryable is retryable


def test_a_repository_that_is_deleted_under_its_build_ends_the_run_quietly(monkeypatch, caplog, redis_url):
    build, run = claimed()
    monkeypatch.setattr(settings, "REDIS_URL", redis_url)
    monkeypatch.setattr(stages, "check_registries", lambda _job: None)
    monkeypatch.setattr(stages, "check_out", lambda _job: build.repository.delete() and None)
    stages.carry_out(run, "worker-1")
    assert not Build.objects.exists()
    assert not Path(settings.WORK_DIR, f"{run.build_id}.1").exists()


def test_it_clears_what_another_database_left_where_it_works(monkeypatch):
    folder = Path(settings.WORK_DIR, "7.1")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "left").touch()
    monkeypatch.setattr(stages, "skip_unwatched", lambda *_, **__: None)
    monkeypatch.setattr(stages, "check_out", lambda job: pytest.fail(f"{list(job.work_dir.iterdir())}"))
    job = SimpleNamespace(work_dir=folder, build=SimpleNamespace(is_pushed=False, source=None))
    with pytest.raises(pytest.fail.Exception, match=r"\[\]"):
        stages._go(job)
    shutil.rmtree(folder)


def at_once(act: Callable[[], object], times: int = 4) -> list[object]:
    """Do it in threads that start together; what each gave or raised."""
    found: list[object] = []
    start = threading.Barrier(times)

    def run() -> None:
        start.wait()
        try:
            found.append(act())
        except Exception as error:  # noqa: BLE001 — for the assertion
            found.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.django_db(transaction=True)
def test_a_source_that_two_link_at_once_is_made_once_and_shows_one_secret():
    repository, actor = make_repository(), make_admin()
    draft = SourceDraft(forge="github", clone_url="https://git.example.com/acme/web.git")
    found = at_once(lambda: save_source(actor, repository, draft).new_secret)
    assert len([secret for secret in found if secret]) == 1, found
    assert found.count(None) == 3


@pytest.mark.django_db(transaction=True)
def test_the_default_registry_that_many_ask_for_first_is_made_once():
    found = at_once(lambda: default_registry().host)
    assert found == [settings.REGISTRY_HOST] * 4


@pytest.mark.django_db(transaction=True)
def test_rules_that_two_save_at_once_are_those_of_one():
    """Nobody finds the rules of both, which would build everything twice."""
    source, actor = make_source(), make_admin()
    draft = RuleDraft(RuleSpec(None, "branch", "main", ("latest",)))
    found = at_once(lambda: len(save_rules(actor, source, [draft])))
    assert (found, source.rules.count()) == ([1] * 4, 1)
