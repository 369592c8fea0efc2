"""Runs of the storage's clean-up: asked for by people or by the clock, taken with a lease by who reaches the folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from accounts import audit
from accounts.models import User
from lib.clock import database_now
from lib.humanize import format_size, plural
from lib.refusal import Refused
from registry.actions.own import own_registry
from registry.actions.registries import default_registry
from registry.models import CollectionRun, Registry
from registry.storage.report import Report

State = CollectionRun.State
OPEN = (State.ASKED, State.RUNNING)
LEASE = timedelta(seconds=60)
MOST_TURNS = 5
KEPT_RUNS = 200
NIGHTLY_AT = 4
"""The hour, UTC, from which on the run of the day is due."""

NOT_YOURS = "Only administrators of Imageyard clean up the registry's storage. Ask one of them."
NOT_OURS = (
    "Imageyard cleans up the storage of its own registry only, and here is none: its images lie with a registry that "
    "somebody else runs."
)


def must_be_administrator(actor: User) -> None:
    """Raises Refused for everybody else."""
    if not actor.is_superuser:
        raise Refused(NOT_YOURS, code="forbidden")


def own_or_refused() -> Registry:
    if settings.REGISTRY_AUTH != "token":
        raise Refused(NOT_OURS, code="conflict")
    return default_registry()


def ask_collection(actor: User, *, is_dry: bool, removes: Sequence[str] = ()) -> CollectionRun:
    """Have the storage cleaned up, or looked at. Asking for what is under way gives that. Raises Refused.

    `removes`: repositories that only the registry knows, of which everything goes first.
    """
    must_be_administrator(actor)
    registry = own_or_refused()
    if removes:
        _check_removals(registry, removes, is_dry=is_dry)
    run = _asked(registry, by=actor.username, is_dry=is_dry, actor=actor, removes=removes)
    if run is not None:
        return run
    run = CollectionRun.objects.filter(registry=registry, state__in=OPEN).first()
    if run is None or run.is_dry != is_dry or run.removes != list(removes):
        raise Refused("Another clean-up is under way. Wait until it has ended, and ask again.", code="conflict")
    return run


def ask_nightly(now: datetime) -> CollectionRun | None:
    """The run of the day, where it is due and nobody has asked for it yet."""
    registry = own_registry()
    due = now.astimezone(UTC).replace(hour=NIGHTLY_AT, minute=0, second=0, microsecond=0)
    due -= timedelta(days=1) if due > now else timedelta()
    if registry is None or CollectionRun.objects.filter(registry=registry, is_dry=False, asked_at__gte=due).exists():
        return None
    return _asked(registry, by="", is_dry=False, actor=None)


def _check_removals(registry: Registry, removes: Sequence[str], *, is_dry: bool) -> None:
    """Only what the last look found, by its whole name: nobody removes a repository by a slip of the hand."""
    if is_dry:
        raise Refused("A look removes nothing: ask for a clean-up to remove repositories.")
    last = CollectionRun.objects.filter(registry=registry, state=State.DONE).first()
    unknown = last.found.get("unknown", []) if last else []
    for name in removes:
        if name not in unknown:
            raise Refused(
                f"{name[:200]!r} is none of the repositories that only the registry knows, as the last look found "
                "them. Look again, and take the name from its list.",
                code="not_found",
            )


def _asked(
    registry: Registry, *, by: str, is_dry: bool, actor: User | None, removes: Sequence[str] = ()
) -> CollectionRun | None:
    try:
        with transaction.atomic():
            run = CollectionRun.objects.create(
                registry=registry, by=by, is_dry=is_dry, removes=list(removes), asked_at=database_now()
            )
            if actor is not None:
                action = "storage.look" if is_dry else "storage.clean_up"
                audit.record(actor, action, registry, f"removes {', '.join(removes)}" if removes else "")
            return run
    except IntegrityError:  # one is open
        return None


def take_run(worker: str) -> CollectionRun | None:
    """The open run, with a lease, for a worker that reaches the folder; None where there is none, or somebody has it.

    One whose workers died again and again is ended with a sentence.
    """
    registry = own_registry()
    now = database_now()
    free = Q(state=State.ASKED) | Q(state=State.RUNNING, lease_until__lt=now)
    rows = CollectionRun.objects.filter(free, registry=registry)
    for run in rows:
        if run.turns >= MOST_TURNS:
            sentence = (
                f"It was begun {run.turns} times, and each time the process that did it disappeared. What it had taken "
                "aside is put back by the next run. Look at the worker's log."
            )
            rows.filter(pk=run.pk).update(state=State.FAILED, sentence=sentence, ended_at=now, lease_until=None)
            continue
        taken = {"state": State.RUNNING, "worker": worker, "lease_until": now + LEASE, "turns": F("turns") + 1}
        if rows.filter(pk=run.pk).update(**taken, started_at=now, step="", sentence=""):
            run.refresh_from_db()
            return run
    return None


def hold_run(run: CollectionRun, step: str, report: Report) -> bool:
    """Renew the lease and tell how far it is. False where it was lost: then this worker has nothing more to do."""
    return bool(_mine(run).update(lease_until=database_now() + LEASE, step=step, **_counts(report)))


def end_run(run: CollectionRun, report: Report) -> None:
    """It did what it could: the counts, and a sentence of them."""
    gone = [name for name in run.removes if name not in report.unknown]
    found = {
        "removed": gone,
        "repositories": [list(asdict(line).values())[:4] for line in report.by_repository.values()],
        "unknown": report.unknown,
        "unknown_count": report.unknown_count,
        "doubtful": report.doubtful,
        "doubtful_count": report.doubtful_count,
    }
    sentence = would_go(report) if run.is_dry else has_gone(report)
    if gone:
        sentence = f"{plural(len(gone), 'repository was', 'repositories were')} removed. {sentence}"
    _mine(run).update(
        state=State.DONE, sentence=sentence, found=found, ended_at=database_now(), lease_until=None, **_counts(report)
    )
    _forget_old(run)


def fail_run(run: CollectionRun, sentence: str) -> None:
    """It could not be done, and nothing is missing: whatever was aside was put back."""
    _mine(run).update(state=State.FAILED, sentence=sentence, ended_at=database_now(), lease_until=None)


def hand_back(run: CollectionRun) -> None:
    """Its worker stops; another one begins it anew, at once."""
    _mine(run).update(state=State.ASKED, lease_until=None, step="", turns=F("turns") - 1)


def _mine(run: CollectionRun) -> QuerySet[CollectionRun]:
    return CollectionRun.objects.filter(pk=run.pk, state=State.RUNNING, worker=run.worker, turns=run.turns)


def _counts(report: Report) -> dict[str, int]:
    names = ("repositories", "images", "blobs", "gone_images", "gone_links", "gone_blobs", "put_back", "freed_bytes")
    return {name: getattr(report, name) for name in names}


def _forget_old(run: CollectionRun) -> None:
    kept = CollectionRun.objects.filter(registry=run.registry_id).order_by("-pk").values_list("pk", flat=True)
    oldest = kept[KEPT_RUNS - 1 : KEPT_RUNS].first()
    if oldest is not None:
        CollectionRun.objects.filter(registry=run.registry_id, pk__lt=oldest).exclude(state__in=OPEN).delete()


def has_gone(report: Report) -> str:
    """What a run did, for people."""
    if not (report.gone_images or report.gone_links or report.gone_blobs):
        return f"There was nothing to clean up.{_rest(report)}"
    return f"{_what(report)} went; {format_size(report.freed_bytes)} are free again.{_rest(report)}"


def would_go(report: Report) -> str:
    """What a dry run found, for people."""
    if not (report.gone_images or report.gone_links or report.gone_blobs):
        return f"Nothing would go now.{_rest(report)}"
    return f"{_what(report)} would go, and {format_size(report.freed_bytes)} would be free again.{_rest(report)}"


def _what(report: Report) -> str:
    images = f"{plural(report.gone_images, 'image')} that no tag leads to" if report.gone_images else ""
    blobs = plural(report.gone_blobs, "stored file") if report.gone_blobs or not images else ""
    return " and ".join(part for part in (images, blobs) if part)


def _rest(report: Report) -> str:
    told = ""
    if report.put_back:
        told += f" {plural(report.put_back, 'thing')} that turned out to be needed came back."
    if report.doubtful_count:
        some = plural(report.doubtful_count, "repository", "repositories")
        told += f" {some} could not be judged, and nothing of what is there went."
    return told
