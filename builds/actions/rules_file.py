"""Rules that come from `.imageyard.yml`: who says so, who asks for a reading, and when it is tried again.

The file is read by a worker (`builds.pipeline.rules_file`); what it changes stands in `rules_taken`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import audit
from accounts.models import User
from builds.actions.request import Order
from builds.core.rules import Ref
from builds.core.rulesfile import FILE_NAME
from builds.models import RulesFileRead, Source
from lib.clock import database_now
from lib.queue import enqueue
from lib.refusal import Refused

RINGS = 8
# Whoever reads has so long; then it is anybody's again.
TAKEN_FOR = timedelta(minutes=15)
_FIRST_BACKOFF, _MOST_BACKOFF = timedelta(seconds=20), timedelta(hours=1)


def set_rules_from(actor: User, source: Source, where: str) -> None:
    """Whether the Rules page or the file says the rules. The rules themselves stay until the file was read."""
    if where not in Source.RulesFrom.values:
        raise Refused(f"Rules come from one of: {', '.join(Source.RulesFrom.values)}.")
    with transaction.atomic():
        Source.objects.filter(pk=source.pk).update(rules_from=where, rules_file={})
        source.rules_from, source.rules_file = where, {}
        audit.record(actor, "rules.source", source.repository, where)
        if where == Source.RulesFrom.FILE:
            ask_reading(source)


def read_again(source: Source) -> None:
    """A person wants the file read now. Raises Refused where the rules do not come from it."""
    if source.rules_from != Source.RulesFrom.FILE:
        raise Refused(f"The rules come from the Rules page, not from `{FILE_NAME}`.", code="conflict")
    with transaction.atomic():
        ask_reading(source)


def ask_reading(source: Source, push: dict[str, Any] | None = None) -> None:
    """Have a worker read the file; `push` is judged again once it has. A later wish takes the place of an earlier one.

    Harmless where the rules do not come from the file. Inside the caller's transaction.
    """
    if source.rules_from != Source.RulesFrom.FILE:
        return
    now = database_now()
    wish: dict[str, Any] = {"asked_at": now, "not_before": now, "failures": 0}
    if push is not None:
        wish["push"] = push
    RulesFileRead.objects.update_or_create(source_id=source.pk, defaults=wish)
    enqueue("builds.read_rules_file", str(source.pk), expires_s=60)


def ask_reading_for_push(source: Source, ref: Ref, commit: str, order: Order, *, judged: bool) -> bool:
    """A push came: one of the default branch may bring other rules, and only then the file is read.

    `judged`: the push is to be built by them. Gives whether a reading was asked for.
    """
    if source.rules_from != Source.RulesFrom.FILE or ref.type != "branch":
        return False
    if source.default_branch and ref.name != source.default_branch:
        return False
    push = {
        "ref": ref.name,
        "commit": commit,
        "before": order.before,
        "forced": order.forced,
        "message": order.commit_message[:10_000],
        "author": order.commit_author[:255],
        "detail": order.detail[:300],
        "delivery_id": str(order.delivery_id) if order.delivery_id else "",
    }
    # One that is not to be built leaves the push before it, whose rules may not have been read yet.
    ask_reading(source, push if judged else None)
    return True


def note_tips(source: Source, tips: Mapping[str, str]) -> None:
    """A look at the server found these commits of branches: a push that never reached us may have changed the file."""
    source = Source.objects.get(pk=source.pk)  # the look may have told which branch is the default one
    tip = tips.get(source.default_branch, "")
    if tip and source.rules_file.get("commit") != tip:
        with transaction.atomic():
            ask_reading(source)


def ring_for_readings(now: datetime) -> None:
    """One ring for each file that somebody wants read and nobody is reading."""
    due = RulesFileRead.objects.filter(asked_at__isnull=False, not_before__lte=now).order_by("not_before")
    for pk in due.values_list("pk", flat=True)[:RINGS]:
        enqueue("builds.read_rules_file", str(pk), expires_s=9)


def take_reading(source_id: str, now: datetime) -> RulesFileRead | None:
    """The reading that is due, for whoever asks first; None for everybody else."""
    rows = RulesFileRead.objects.filter(pk=UUID(source_id), asked_at__isnull=False, not_before__lte=now)
    if not rows.update(not_before=now + TAKEN_FOR):
        return None
    return RulesFileRead.objects.select_related("source__repository__namespace").get(pk=UUID(source_id))


def record_unread(reading: RulesFileRead, sentence: str, now: datetime) -> None:
    """The Git server did not give the file. It is asked again, later each time; the rules stay as they are."""
    wait = min(_FIRST_BACKOFF * 2 ** min(reading.failures, 10), _MOST_BACKOFF)
    rows = RulesFileRead.objects.filter(pk=reading.pk, asked_at=reading.asked_at)
    rows.update(failures=F("failures") + 1, not_before=now + wait)
    said = {**reading.source.rules_file, "sentence": sentence, "tried_at": timezone.now().isoformat()}
    Source.objects.filter(pk=reading.pk, rules_from=Source.RulesFrom.FILE).update(rules_file=said)
