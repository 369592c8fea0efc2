"""Images of everything before a failing step: asked for by a person, made and removed by a worker, gone in time.

One lives for each build at most. Every write of a worker names its lease, as those of a run do.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from accounts import audit
from accounts.models import User
from builds import live
from builds.core.debug_step import why_not
from builds.models import Build, DebugImage, Step, Worker
from lib.clock import database_now
from lib.queue import enqueue
from lib.refusal import Refused
from registry.models import Tag

LEASE = timedelta(seconds=45)
# What came before the step is in the cache of the builder that ran it: its host has so long to take the order.
OWN_HOST_FIRST = timedelta(seconds=25)
# An order that nobody could carry out for so long is given up.
PATIENCE = timedelta(minutes=30)
AGAIN = timedelta(minutes=5)
MOST_AN_HOUR = 30
MOST_PASSES = 8
RINGS = 8
State = DebugImage.State
_LIVING = [State.ASKED, State.MAKING, State.READY]


def why_no_debug_image(build: Build) -> str:
    """Why nobody can have an image of what came before the failing step; "" where everybody with a role can."""
    return why_not(
        state=build.state,
        untrusted=build.untrusted,
        is_pushed=build.is_pushed,
        has_source=build.source_id is not None,
        line=build.error_line,
        step=build.error_step,
    )


def newest_of(build: Build) -> DebugImage | None:
    """The newest debug image of the build, whatever became of it."""
    image = DebugImage.objects.filter(build=build).first()
    if image is not None:
        image.build = build  # spares the query for what is at hand
    return image


def ask_debug_image(actor: User, build: Build) -> DebugImage:
    """Have a worker make `debug-<build>`; the living one where there is one. Raises Refused."""
    if reason := why_no_debug_image(build):
        raise Refused(reason, code="conflict")
    with transaction.atomic():
        Build.objects.select_for_update().filter(pk=build.pk).first()  # of two who ask one makes the row
        rows = DebugImage.objects.filter(build=build)
        now = database_now()
        living = rows.filter(state__in=_LIVING).exclude(_leaving(now)).first()
        if living is not None:
            return living
        _check_free(actor, build, now)
        image = DebugImage.objects.create(
            build=build,
            attempt=build.attempt,
            step_index=_failing_step(build),
            step_name=build.error_step,
            asked_by=actor,
            asked_at=now,
            sentence="Waiting for a worker.",
        )
        audit.record(actor, "debug_image.ask", build)
        enqueue("builds.make_debug_image", image.pk, expires_s=60)
    return image


def _check_free(actor: User, build: Build, now: datetime) -> None:
    asked = DebugImage.objects.filter(asked_by=actor, asked_at__gt=now - timedelta(hours=1)).count()
    if asked >= MOST_AN_HOUR:
        raise Refused(f"You asked for {asked} debug images within an hour. Ask again later.", code="conflict")
    if DebugImage.objects.filter(Q(lease_until__gt=now) | _leaving(now), build=build).exists():
        raise Refused("The last debug image is being removed just now. Ask again in a minute.", code="conflict")
    tag = f"debug-{build.number}"
    if Tag.objects.filter(repository_id=build.repository_id, name=tag).exists():
        raise Refused(
            f"`{tag}` is a tag that a rule of yours puts, so a debug image cannot have it. Rename that tag first.",
            code="conflict",
        )


def _failing_step(build: Build) -> int:
    failed = Step.objects.filter(build=build, attempt=build.attempt, state=Step.State.FAILED)
    named = failed.filter(name=build.error_step).values_list("index", flat=True).first()
    return named if named is not None else failed.values_list("index", flat=True).first() or 0


def remove_debug_image(actor: User, image: DebugImage) -> None:
    """Let it go now, also where it is still being made. Again is harmless."""
    with transaction.atomic():
        now = database_now()
        rows = DebugImage.objects.filter(pk=image.pk)
        ended = rows.filter(state__in=[State.ASKED, State.MAKING]).update(
            state=State.FAILED, sentence=f"{actor.get_username()} did not want it any more.", expires_at=now
        )
        if ended or rows.filter(state=State.READY).update(expires_at=now):
            audit.record(actor, "debug_image.remove", image.build)
        _changed(image)
        enqueue("builds.remove_debug_image", image.pk, expires_s=60)


def take_debug_image(pk: int, worker: str, host: str) -> DebugImage | None:
    """The order, for the worker that may carry it out now; None for any other."""
    now = database_now()
    image = _with_build(pk)
    if image is None or image.state != State.ASKED:
        return None
    first = _host_of(image.build.worker, now)
    if first not in ("", host) and now - image.asked_at < OWN_HOST_FIRST:
        return None
    rows = DebugImage.objects.filter(pk=pk, state=State.ASKED)
    if not rows.update(state=State.MAKING, worker=worker, lease_until=now + LEASE, sentence="Fetching the commit."):
        return None
    _changed(image)
    return _with_build(pk)


def pass_on(pk: int, times: int) -> None:
    """A worker that does not make it now heard the bell: let another one hear it."""
    if times < MOST_PASSES and DebugImage.objects.filter(pk=pk, state=State.ASKED).exists():
        enqueue("builds.make_debug_image", pk, times + 1, expires_s=9)


def _host_of(worker: str, now: datetime) -> str:
    """The host of a worker that ran a build, where a worker of that host still lives."""
    host = Worker.objects.filter(name=worker).values_list("host", flat=True).first()
    return host if host and Worker.objects.alive(now).filter(host=host).exists() else ""


def _mine(image: DebugImage) -> Any:
    """The row as long as its maker holds it."""
    return DebugImage.objects.filter(pk=image.pk, state=State.MAKING, worker=image.worker)


def hold(image: DebugImage) -> bool:
    """Say that the maker lives; False where it is not wanted any more, or somebody else's."""
    return bool(_mine(image).update(lease_until=database_now() + LEASE))


def tell(image: DebugImage, sentence: str, *, name: str = "") -> bool:
    """What the maker does now, and under which name the image may be in the registry from now on; False as above."""
    named = {"image": name} if name else {}
    done = bool(_mine(image).update(sentence=sentence[:500], **named))
    if done:
        _changed(image)
    return done


def record_ready(image: DebugImage, *, digest: str, facts: dict[str, Any]) -> bool:
    """It is in the registry. False: nobody wants it any more, and it goes again."""
    now = database_now()
    fields = {"digest": digest, "facts": facts, "ready_at": now, "lease_until": None, "sentence": ""}
    until = now + timedelta(hours=settings.DEBUG_HOURS)
    with transaction.atomic():
        done = bool(_mine(image).update(state=State.READY, expires_at=until, **fields))
        _changed(image)
    return done


def record_failed(image: DebugImage, sentence: str, *, may_be_pushed: bool) -> None:
    """It could not be made. What may have reached the registry goes with the next round."""
    expires_at = database_now() if may_be_pushed else None
    _mine(image).update(state=State.FAILED, sentence=sentence, lease_until=None, expires_at=expires_at)
    _changed(image)


def hand_back(image: DebugImage) -> None:
    """The worker leaves: another one makes it."""
    _mine(image).update(state=State.ASKED, worker="", lease_until=None, sentence="Waiting for another worker.")
    _changed(image)


def take_removal(pk: int, now: datetime) -> DebugImage | None:
    """An image whose time is over, for the worker that removes it; None where there is nothing to remove.

    Where a newer one of the build lives, it has the tag by now, and this one is only written off.
    """
    with transaction.atomic():
        image = _with_build(pk)
        if image is None:
            return None
        Build.objects.select_for_update().filter(pk=image.build_id).first()
        rows = DebugImage.objects.filter(_gone(now), pk=pk)
        newer = DebugImage.objects.filter(build=image.build_id, state__in=_LIVING, pk__gt=pk).exists()
        if newer:
            rows.update(expires_at=None)
            return None
        return image if rows.update(lease_until=now + LEASE) else None


def record_removed(image: DebugImage, sentence: str) -> None:
    """It is gone, or cannot be removed, which `sentence` then says."""
    rows = DebugImage.objects.filter(pk=image.pk)
    rows.filter(state=State.READY).update(state=State.EXPIRED, sentence=sentence)
    rows.update(lease_until=None, expires_at=None)
    _changed(image)


def postpone_removal(image: DebugImage) -> None:
    """The registry did not answer: later again."""
    DebugImage.objects.filter(pk=image.pk).update(lease_until=database_now() + AGAIN)


def _leaving(now: datetime) -> Q:
    """Ready, but its time is over: a worker removes it now or soon, and its tag may be gone already."""
    return Q(state=State.READY, expires_at__lte=now)


def _gone(now: datetime) -> Q:
    """Past their time and in nobody's hands."""
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    return Q(expires_at__lte=now, state__in=[State.READY, State.FAILED]) & free


def sweep_debug_images(now: datetime) -> None:
    """From beat: makers that died, orders that nobody took, and a ring for each thing to do."""
    lapsed = DebugImage.objects.filter(state=State.MAKING, lease_until__lt=now)
    lapsed.filter(asked_at__gte=now - PATIENCE).update(
        state=State.ASKED, worker="", lease_until=None, sentence="Its worker disappeared. Waiting for another one."
    )
    given_up = DebugImage.objects.filter(state__in=[State.ASKED, State.MAKING], asked_at__lt=now - PATIENCE)
    given_up.filter(Q(lease_until=None) | Q(lease_until__lt=now)).update(
        state=State.FAILED, expires_at=now, lease_until=None, sentence="No worker made it in time. Ask for it again."
    )
    for pk in DebugImage.objects.filter(state=State.ASKED).order_by("asked_at").values_list("pk", flat=True)[:RINGS]:
        enqueue("builds.make_debug_image", pk, expires_s=9)
    for pk in DebugImage.objects.filter(_gone(now)).order_by("expires_at").values_list("pk", flat=True)[:RINGS]:
        enqueue("builds.remove_debug_image", pk, expires_s=9)


def tags_of(repository_id: int) -> list[str]:
    """The tags of debug images that the registry may have, for a repository that goes."""
    rows = DebugImage.objects.filter(
        Q(state__in=_LIVING) | Q(expires_at__isnull=False), build__repository=repository_id
    )
    return [f"debug-{number}" for number in rows.values_list("build__number", flat=True).distinct()]


def _with_build(pk: int) -> DebugImage | None:
    rows = DebugImage.objects.select_related("build__repository__namespace", "build__repository__registry")
    return rows.select_related("build__source", "build__rule").filter(pk=pk).first()


def _changed(image: DebugImage) -> None:
    transaction.on_commit(lambda: live.wake(f"build:{image.build_id}"))
