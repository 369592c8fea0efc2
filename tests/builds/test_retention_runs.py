"""Point 6: a run deletes what its policy lets go, reports it, goes on after a death, and never takes what moved."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from builds.actions import retention_running as running
from builds.actions.retention_policies import PolicyDraft, save_policy
from builds.actions.retention_runs import ask_run, fire_retention
from builds.actions.tag_deletions import ask_deletion
from builds.models import GoneRef
from builds.pipeline import retention as pipeline
from builds.pipeline import tag_deletions
from registry.client import RegistryClient, RegistryError, RegistryErrorKind
from registry.core.manifest import ACCEPT
from registry.models import Registry, Repository, RetentionPolicy, RetentionRun, Tag, TagDeletion, TagMove
from tests.builds.deletions import pushed, rows
from tests.factories import make_build, make_user
from tests.images import Pusher, make_image
from tests.killing import Killed, die

pytestmark = pytest.mark.django_db
LAST_TWO = {"which": "build", "last": 2}


@pytest.fixture
def pusher(repository, registry_host, rings, settings, tmp_path, monkeypatch, request):
    """The real registry, with a namespace that no other test uses."""
    settings.HOME = tmp_path
    monkeypatch.setattr(tag_deletions, "LOCK_WAIT_S", 0.2)
    repository.namespace.name = f"t{abs(hash(request.node.nodeid)) % 10**12}"
    repository.namespace.save()
    Registry.objects.filter(pk=repository.registry_id).update(host=registry_host, scheme="http")
    repository.refresh_from_db()
    made = Pusher(registry_host, repository.path)
    yield made
    made.close()


@pytest.fixture
def five(repository, pusher):
    """Builds #1 to #5; `latest` points to #5."""
    return [
        pushed(pusher, repository, *(["latest"] if number == 5 else ()), commit=str(number) * 40)
        for number in range(1, 6)
    ]


def save(repository, *rules) -> RetentionPolicy:
    return save_policy(make_user("wendy"), repository, PolicyDraft(rules=list(rules)), has_seen=True)


def after(run: RetentionRun) -> RetentionRun:
    """After a worker's turn."""
    pipeline.clean_up()
    run.refresh_from_db()
    return run


def asked(repository, *, is_dry: bool = False) -> RetentionRun:
    return ask_run(make_user("wendy"), repository, is_dry=is_dry)


def tags_of(pusher: Pusher) -> set[str]:
    return set(pusher.http.get(f"{pusher.base}/tags/list").json().get("tags") or ())


def states(run: RetentionRun) -> dict[str, str]:
    return dict(TagDeletion.objects.filter(run=run).values_list("tag", "state"))


def later() -> None:
    """The leases of whoever died are over."""
    past = timezone.now() - timedelta(minutes=10)
    for rows_of in (TagDeletion.objects, RetentionRun.objects):
        rows_of.exclude(lease_until=None).update(lease_until=past)
    RetentionRun.objects.update(not_before=past)
    TagDeletion.objects.update(not_before=past)
    Repository.objects.exclude(publish_lock="").update(publish_lock_until=past)


def test_a_run_takes_what_the_policy_lets_go_and_nothing_else(repository, five, pusher):
    save(repository, LAST_TWO)
    run = after(asked(repository))
    assert (run.state, run.sentence) == ("done", "3 of 6 tags went.")
    assert rows(repository) == tags_of(pusher) == {"build-4", "build-5", "latest"}
    assert states(run) == dict.fromkeys(("build-1", "build-2", "build-3"), "done")
    assert sorted(run.reasons) == [
        [False, "a floating tag points to its image", 1],
        [False, "it is the newest image of its branch or rule", 1],
        [False, "one of the last 2 of `build-<n>`", 1],
        [True, "not one of the last 2 of `build-<n>`", 3],
    ]


def test_every_tag_that_went_says_why_in_its_history(repository, five):
    save(repository, LAST_TWO)
    after(asked(repository))
    move = TagMove.objects.filter(tag="build-1").first()
    assert (move.kind, move.by, move.from_digest, move.to_digest) == ("retention", "", five[0].digest, "")
    assert move.sentence == (
        "`build-1`, which pointed to build #1, was deleted by the clean-up: not one of the last 2 of `build-<n>`."
    )
    entries = AuditEntry.objects.filter(action__startswith="retention.").order_by("pk")
    assert [(entry.action, entry.actor and entry.actor.username) for entry in entries] == [
        ("retention.save", "wendy"),
        ("retention.run", "wendy"),
        ("retention.done", None),
    ]


def test_a_look_lists_what_would_go_and_deletes_nothing(repository, five, pusher):
    save(repository, LAST_TWO)
    run = after(asked(repository, is_dry=True))
    assert (run.state, run.sentence) == ("done", "3 of 6 tags would go; 3 stay.")
    assert states(run) == dict.fromkeys(("build-1", "build-2", "build-3"), "listed")
    assert len(tags_of(pusher)) == 6
    assert TagDeletion.objects.filter(tag="build-1").get().why == "not one of the last 2 of `build-<n>`"


def test_a_look_at_very_many_tags_keeps_the_first_lines_and_counts_all(repository, five, monkeypatch):
    monkeypatch.setattr(running, "MOST_LISTED", 2)
    save(repository, LAST_TWO)
    run = after(asked(repository, is_dry=True))
    assert (run.going, len(states(run))) == (3, 2)


def test_where_nothing_goes_it_says_so(repository, five):
    save(repository, {"days": 30})
    assert after(asked(repository)).sentence == "Nothing went: all 6 tags stay."


def test_by_schedule_it_runs_without_anybody(repository, five, pusher):
    save(repository, LAST_TWO)
    RetentionPolicy.objects.update(next_run_at=timezone.now() - timedelta(seconds=1))
    fire_retention(timezone.now())
    run = after(RetentionRun.objects.get())
    assert (run.by, run.state) == ("", "done")
    assert tags_of(pusher) == {"build-4", "build-5", "latest"}


def test_tags_die_with_their_branch(repository, pusher):
    pushed(pusher, repository, "feature-a", ref="feature/a")
    pushed(pusher, repository, "latest", ref="main")
    gone = GoneRef.objects.create(source=repository.source, ref_type="branch", ref="feature/a")
    save(repository, {"gone_days": 7})
    assert after(asked(repository)).sentence == "Nothing went: all 4 tags stay."
    GoneRef.objects.filter(pk=gone.pk).update(gone_at=timezone.now() - timedelta(days=8))
    assert after(asked(repository)).sentence == "2 of 4 tags went."
    assert tags_of(pusher) == {"build-2", "latest"}


def before_it_chose(monkeypatch):
    monkeypatch.setattr(pipeline, "choose", die)


def before_anything_was_written(monkeypatch):
    monkeypatch.setattr(running, "wake_after", die)


def between_two_tags(monkeypatch):
    carry_out, done = pipeline.carry_out, []
    monkeypatch.setattr(pipeline, "carry_out", lambda *args: die() if done else done.append(1) or carry_out(*args))


def in_the_middle_of_a_tag(monkeypatch):
    put = RegistryClient.put_manifest
    monkeypatch.setattr(RegistryClient, "put_manifest", lambda *args: (put(*args), die()))


def before_the_row_of_a_tag(monkeypatch):
    monkeypatch.setattr(tag_deletions, "finish_deletion", die)


def before_its_end(monkeypatch):
    monkeypatch.setattr(pipeline, "finish_run", die)


@pytest.mark.parametrize(
    "point",
    [
        before_it_chose,
        before_anything_was_written,
        between_two_tags,
        in_the_middle_of_a_tag,
        before_the_row_of_a_tag,
        before_its_end,
    ],
)
def test_a_run_that_is_killed_goes_on(repository, five, pusher, monkeypatch, point):
    save(repository, LAST_TWO)
    run = asked(repository)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        point(patched)
        pipeline.clean_up()
    assert after(run).is_open  # as long as its lease lasts
    later()
    after(run)
    assert (run.state, run.sentence) == ("done", "3 of 6 tags went.")
    assert rows(repository) == tags_of(pusher) == {"build-4", "build-5", "latest"}
    assert TagMove.objects.filter(kind="retention").count() == 3


def test_a_run_that_goes_on_leaves_what_is_to_stay_by_now(repository, five, pusher, monkeypatch):
    save(repository, LAST_TWO)
    run = asked(repository)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        between_two_tags(patched)
        pipeline.clean_up()
    left = TagDeletion.objects.filter(run=run).exclude(state="done").order_by("pk").last()
    Tag.objects.filter(name=left.tag).update(held_by="bob", held_since=timezone.now())
    later()
    assert after(run).sentence == "2 of 6 tags went. 1 was left alone."
    left.refresh_from_db()
    assert (left.state, left.sentence) == ("left", f"`{left.tag}` was left alone: it is held by bob.")
    assert left.tag in tags_of(pusher)


def meanwhile(monkeypatch, what) -> None:
    """Something happens between the choice and the first deletion."""
    carry_out, done = pipeline.carry_out, []

    def happens(*args):
        if not done:
            done.append(1)
            what()
        return carry_out(*args)

    monkeypatch.setattr(pipeline, "carry_out", happens)


def test_a_tag_that_was_pulled_after_the_choice_stays(repository, five, pusher, monkeypatch):
    save(repository, LAST_TWO)
    meanwhile(monkeypatch, lambda: Tag.objects.filter(name="build-2").update(last_pulled_at=timezone.now()))
    run = after(asked(repository))
    assert run.sentence == "2 of 6 tags went. 1 was left alone."
    found = TagDeletion.objects.get(tag="build-2").sentence
    assert found == "`build-2` was left alone: somebody pulled it meanwhile."
    assert "build-2" in tags_of(pusher)


def test_a_tag_that_moved_after_the_choice_stays(repository, five, pusher, monkeypatch):
    save(repository, LAST_TWO)
    other = make_image("somebody's")
    meanwhile(monkeypatch, lambda: pusher.image(other, "build-2"))
    assert after(asked(repository)).sentence == "2 of 6 tags went. 1 was left alone."
    found = pusher.http.head(f"{pusher.base}/manifests/build-2", headers={"Accept": ACCEPT})
    assert found.headers["docker-content-digest"] == other.manifest.digest


def test_a_build_tag_that_a_floating_tag_was_put_on_after_the_choice_stays(repository, five, pusher, monkeypatch):
    save(repository, LAST_TWO)

    def roll_back() -> None:
        Tag.objects.create(repository=repository, name="stable", digest=five[1].digest, build_number=2)

    meanwhile(monkeypatch, roll_back)
    after(asked(repository))
    assert TagDeletion.objects.get(tag="build-2").sentence == (
        "`build-2` was left alone: `stable` points to its image by now."
    )
    assert "build-2" in tags_of(pusher)


def test_a_policy_that_was_changed_after_it_was_asked_deletes_nothing(repository, five, pusher):
    save(repository, LAST_TWO)
    run = asked(repository)
    save(repository, {"which": "build", "last": 1})
    assert (after(run).state, len(tags_of(pusher))) == ("failed", 6)
    assert run.sentence.startswith("The clean-up was changed since this was asked for, so nothing is deleted by it.")


def test_what_a_person_asked_for_already_is_not_asked_for_twice(repository, five, pusher):
    ask_deletion(make_user("bob"), repository, "build-1")
    save(repository, LAST_TWO)
    run = after(asked(repository))
    assert (run.going, states(run)) == (3, {"build-2": "done", "build-3": "done"})
    tag_deletions.delete_tags()
    assert tags_of(pusher) == {"build-4", "build-5", "latest"}


def refusing(monkeypatch, kind: RegistryErrorKind, *, retryable: bool) -> None:
    def refuse(*_args, **_more):
        raise RegistryError("example.com said no.", kind=kind, retryable=retryable)

    monkeypatch.setattr(tag_deletions, "take_tag_away", refuse)


def test_a_registry_that_refuses_the_account_ends_the_run_at_once(repository, five, pusher, monkeypatch):
    save(repository, LAST_TWO)
    refusing(monkeypatch, RegistryErrorKind.DENIED, retryable=False)
    run = after(asked(repository))
    assert run.state == "failed"
    assert run.sentence == ("example.com said no. `build-3` is still there. 0 of 6 tags went. 3 could not be deleted.")
    assert set(states(run).values()) == {"failed"}
    assert len(tags_of(pusher)) == 6


def test_a_registry_that_is_away_is_asked_again_until_it_is_hopeless(repository, five, pusher, monkeypatch):
    save(repository, LAST_TWO)
    run = asked(repository)
    with monkeypatch.context() as patched:
        refusing(patched, RegistryErrorKind.UNAVAILABLE, retryable=True)
        after(run)
        assert (run.state, run.sentence, run.lease_until) == ("deleting", "example.com said no.", None)
        assert run.not_before > timezone.now()
        for _ in range(3):
            later()
            after(run)
    later()
    assert after(run).sentence == "3 of 6 tags went."


def test_a_registry_that_stays_away_ends_the_run(repository, five, pusher, monkeypatch):
    monkeypatch.setattr(running, "MOST_TURNS", 3)
    save(repository, LAST_TWO)
    run = asked(repository)
    refusing(monkeypatch, RegistryErrorKind.UNAVAILABLE, retryable=True)
    for _ in range(3):
        after(run)
        later()
    assert run.state == "failed"
    assert run.sentence == "example.com said no. 0 of 6 tags went. 3 could not be deleted."


def test_a_registry_that_has_no_way_to_delete_tags_is_named_at_once(repository, five, pusher):
    save(repository, LAST_TWO)
    Registry.objects.filter(pk=repository.registry_id).update(host="docker.io", kind="docker_hub")
    run = after(asked(repository))
    assert (run.state, states(run)) == ("failed", {})
    assert run.sentence == "docker.io lets nobody delete a tag through the registry's API."


def test_one_tag_that_cannot_be_deleted_keeps_no_other(repository, five, pusher, monkeypatch):
    take = tag_deletions.take_tag_away

    def refuse_one(client, path, tag, digest, **more):
        if tag == "build-2":
            raise RegistryError("That manifest cannot be read.", kind=RegistryErrorKind.INVALID)
        return take(client, path, tag, digest, **more)

    monkeypatch.setattr(tag_deletions, "take_tag_away", refuse_one)
    save(repository, LAST_TWO)
    assert after(asked(repository)).sentence == "2 of 6 tags went. 1 could not be deleted."
    assert tags_of(pusher) == {"build-2", "build-4", "build-5", "latest"}


def test_a_bug_of_ours_does_not_leave_a_run_open(repository, five, monkeypatch):
    monkeypatch.setattr(pipeline, "tag_facts", lambda _repository: 1 / 0)
    save(repository, LAST_TWO)
    run = after(asked(repository))
    assert (run.state, "ZeroDivisionError" in run.sentence) == ("failed", True)


def test_whoever_lost_the_lease_writes_nothing(repository, five):
    save(repository, LAST_TWO)
    asked(repository)
    old = running.take_run()
    assert running.take_run() is None
    later()
    new = running.take_run()
    assert not running.begin_run(old, [], None)
    running.fail_run(old, "No.")
    running.finish_run(old)
    new.refresh_from_db()
    assert new.state == "choosing"


def test_a_long_run_gives_others_their_turn(
    repository, five, pusher, monkeypatch, rings, django_capture_on_commit_callbacks
):
    ticks = iter(range(1_000))
    monkeypatch.setattr(pipeline, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    monkeypatch.setattr(pipeline, "TURN_S", 2.5)
    save(repository, LAST_TWO)
    run = asked(repository)
    with django_capture_on_commit_callbacks(execute=True):
        after(run)
    assert (run.state, run.lease_until, rings[-1]) == ("deleting", None, "builds.clean_up")
    assert list(states(run).values()).count("done") == 1
    for _ in range(3):
        after(run)
    assert (run.state, run.sentence) == ("done", "3 of 6 tags went.")


def test_builds_go_on_meanwhile(repository, five, pusher):
    """A build that is queued when the run begins keeps the image that it may replace."""
    save(repository, {"days": 1})
    Tag.objects.update(pushed_at=timezone.now() - timedelta(days=9))
    make_build(repository.source.rules.first(), ref="main", state="building")
    after(asked(repository))
    assert rows(repository) == {"build-5", "latest"}
