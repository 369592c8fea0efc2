"""Copies of a build's image to further registries: asked for with its success, carried out by a worker.

One row for each build and destination, taken with a lease; every write of a worker names that. A destination that
fails loses nothing: the build is a success, and its row says what happened there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts import audit
from accounts.models import User
from builds import live
from builds.core.destination_words import again_words
from builds.core.states import State
from builds.models import Build, DestinationPush
from lib.clock import database_now
from lib.queue import enqueue
from lib.refusal import Refused
from lib.storable import storable
from registry.models import Destination

LEASE = timedelta(seconds=90)
MOST_TURNS = 6
# Pauses before turn 2, 3, …: a registry that is down for half an hour loses nothing.
BACKOFF_S = (10, 60, 180, 600, 1200)
_PATIENCE = timedelta(hours=2)
_State = DestinationPush.State


def ask_destination_pushes(build: Build, tags: Sequence[str], digest: str) -> None:
    """In the transaction of a build's success: its image goes to every destination that is on."""
    rows = Destination.objects.filter(repository=build.repository_id, is_on=True).select_related("registry")
    now = database_now()
    made = [
        DestinationPush(
            build=build,
            destination=row,
            host=row.registry.host,
            path=row.remote_path,
            digest=digest,
            tags=list(tags),
            not_before=now,
        )
        for row in rows
    ]
    if made:
        DestinationPush.objects.bulk_create(made, ignore_conflicts=True)
        _ring()


def ask_again(actor: User, push: DestinationPush) -> None:
    """Copy it once more from the main registry. Raises Refused."""
    if push.is_open:
        raise Refused(f"It is on its way to {push.host} already.", code="conflict")
    if push.destination_id is None:
        raise Refused(f"The repository is not copied to {push.host} any more.", code="conflict")
    if push.build.state != State.SUCCEEDED:
        raise Refused(f"Build #{push.build.number} did not succeed, so there is nothing to copy.", code="conflict")
    fields = {"state": _State.ASKED, "sentence": "", "turns": 0, "by": actor.username, "ended_at": None}
    now = timezone.now()
    with transaction.atomic():
        rows = DestinationPush.objects.filter(pk=push.pk, state__in=(_State.DONE, _State.FAILED))
        if rows.update(**fields, asked_at=now, not_before=database_now()):
            audit.record(actor, "destination.push", push.build, push.image)
            _ring()
            _wake_after(push)


def ring_for_pushes(now: datetime) -> None:
    """From the tick: copies whose ring was lost, whose worker died, or whose pause is over."""
    if DestinationPush.objects.filter(_due(now)).exists():
        _ring()


def _ring() -> None:
    enqueue("builds.push_to_destinations", expires_s=60)


def _due(now: datetime) -> Q:
    return Q(state=_State.ASKED, not_before__lte=now) | Q(state=_State.DOING, lease_until__lt=now)


def take_push() -> DestinationPush | None:
    """The copy that has waited longest, with a lease for whoever got it; None where there is nothing to do."""
    now = database_now()
    due = _due(now)
    for pk in list(DestinationPush.objects.filter(due).order_by("not_before", "pk").values_list("pk", flat=True)[:10]):
        taken = {"state": _State.DOING, "lease_until": now + LEASE, "turns": F("turns") + 1}
        if DestinationPush.objects.filter(due, pk=pk).update(**taken):
            named = ("build__repository__namespace", "build__repository__registry", "destination__registry__namespace")
            push = DestinationPush.objects.select_related(*named).get(pk=pk)
            live.wake(*_topics(push))
            return push
    return None


def hold_push(push: DestinationPush) -> bool:
    """Keep the lease; False where somebody else has taken the copy."""
    until = database_now() + LEASE
    held = bool(_mine(push).update(lease_until=until))
    if held:
        push.lease_until = until
    return held


def finish_push(push: DestinationPush, moved: Sequence[str], not_moved: Sequence[str], sentence: str) -> bool:
    """The image is there under its tags."""
    ended = {"state": _State.DONE, "ended_at": timezone.now(), "lease_until": None}
    done = _mine(push).update(**ended, moved=list(moved), not_moved=list(not_moved), sentence=storable(sentence))
    live.wake(*_topics(push))
    return bool(done)


def put_back(push: DestinationPush, sentence: str, *, wait_s: float | None = None, counts: bool = True) -> None:
    """Another turn later. One that has had its turns, or waited too long, has failed instead."""
    turn = push.turns if counts else push.turns - 1
    if (counts and push.turns >= MOST_TURNS) or (not counts and push.asked_at < timezone.now() - _PATIENCE):
        fail_push(push, f"{sentence} It was tried {push.turns} times.")
        return
    pause = BACKOFF_S[min(max(push.turns, 1), len(BACKOFF_S)) - 1] if wait_s is None else wait_s
    told = again_words(sentence, push.turns + 1, MOST_TURNS) if counts else sentence
    later: dict[str, Any] = {"state": _State.ASKED, "not_before": database_now() + timedelta(seconds=pause)}
    _mine(push).update(**later, sentence=storable(told), lease_until=None, turns=turn)
    live.wake(*_topics(push))


def fail_push(push: DestinationPush, sentence: str) -> None:
    """It is not there, and why. The image at the main registry is as it was."""
    ended = {"state": _State.FAILED, "ended_at": timezone.now(), "lease_until": None}
    _mine(push).update(**ended, sentence=storable(sentence))
    live.wake(*_topics(push))


def _mine(push: DestinationPush) -> Any:
    return DestinationPush.objects.filter(pk=push.pk, state=_State.DOING, lease_until=push.lease_until)


def _topics(push: DestinationPush) -> tuple[str, str]:
    return f"build:{push.build_id}", f"repository:{push.build.repository_id}"


def _wake_after(push: DestinationPush) -> None:
    transaction.on_commit(lambda: live.wake(*_topics(push)))
