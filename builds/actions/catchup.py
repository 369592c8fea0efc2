"""Catch-up: looks at what the forge has are planned and written down, and members decide what is built of it.

The comparing is the core's (`builds.core.missed`), the asking of Git servers the pipeline's.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import audit
from accounts.models import User
from builds.actions.known import known_of
from builds.actions.missed import find_missed, key_of, push_of, row_of
from builds.actions.request import Order, request_builds
from builds.core.missed import Missed, newest_of_each_rule
from builds.core.plan import evaluate
from builds.core.rules import Ref
from builds.models import Build, CatchUp, CatchUpLook, Source
from lib.clock import database_now
from lib.humanize import plural
from lib.queue import enqueue
from lib.refusal import Refused

BY_ITSELF = "Imageyard"
RINGS = 8
# Whoever takes a look has so long; then it is anybody's again.
TAKEN_FOR = timedelta(minutes=5)
# A push that a look sees may be on its way to us: it is missed if the next look finds it too.
ONCE_MORE = timedelta(minutes=2)
_FIRST_BACKOFF, _MOST_BACKOFF = timedelta(minutes=5), timedelta(hours=6)
_SENTENCE = 500


def ring_for_looks(now: datetime) -> None:
    """One ring for each source whose turn it is. A source that was linked just now gets its first look."""
    new = Source.objects.filter(catch_up_look=None).values_list("pk", flat=True)[: 100 * RINGS]
    CatchUpLook.objects.bulk_create([CatchUpLook(source_id=pk, next_look_at=now) for pk in new], ignore_conflicts=True)
    # Whoever asked waits at a page.
    due = CatchUpLook.objects.filter(next_look_at__lte=now).order_by(F("asked_at").asc(nulls_last=True), "next_look_at")
    for pk in due.values_list("pk", flat=True)[:RINGS]:
        enqueue("builds.look_for_missed", str(pk), expires_s=9)


def ring_for_asked(now: datetime) -> None:
    """One ring for each look that a person asked for and whose bell another look was too busy to hear."""
    asked = CatchUpLook.objects.filter(next_look_at__lte=now).exclude(asked_at=None).order_by("asked_at")
    for pk in asked.values_list("pk", flat=True)[:RINGS]:
        enqueue("builds.look_for_missed", str(pk), expires_s=9)


def look_soon(now: datetime) -> None:
    """A worker has started: something may have been missed while there was none. Spread over a minute."""
    spread = timedelta(seconds=60 * random.random())  # noqa: S311 — spreads load
    rows = CatchUpLook.objects.filter(looked_at__lt=now - TAKEN_FOR, failures=0)
    rows.filter(next_look_at__gt=now + spread).update(next_look_at=now + spread)


def ask_look(actor: User, source: Source) -> None:
    """Look now, because a person wants to know."""
    now = database_now()
    with transaction.atomic():
        CatchUpLook.objects.get_or_create(source=source)
        CatchUpLook.objects.filter(source=source).update(asked_at=now, next_look_at=now)
        audit.record(actor, "catch_up.look", source.repository)
        enqueue("builds.look_for_missed", str(source.pk), expires_s=60)


def set_automatic(actor: User, source: Source, *, on: bool) -> None:
    """Whether the newest missed pushes are built without asking."""
    with transaction.atomic():
        CatchUpLook.objects.update_or_create(source=source, defaults={"automatic": on})
        audit.record(actor, "catch_up.automatic", source.repository, "on" if on else "off")


def take_look(source_id: str, now: datetime) -> CatchUpLook | None:
    """The look that is due, for whoever asks first; None for everybody else."""
    rows = CatchUpLook.objects.filter(pk=UUID(source_id), next_look_at__lte=now)
    if not rows.update(next_look_at=now + TAKEN_FOR):
        return None
    return CatchUpLook.objects.select_related("source__repository__namespace").get(pk=UUID(source_id))


def record_failure(look: CatchUpLook, sentence: str, now: datetime) -> None:
    """The forge did not answer. The next look comes later each time, up to every six hours."""
    wait = min(_FIRST_BACKOFF * 2 ** min(look.failures, 10), _MOST_BACKOFF) * random.uniform(0.8, 1.2)  # noqa: S311
    again = f" It is asked again in about {plural(max(1, round(wait.total_seconds() / 60)), 'minute')}."
    CatchUpLook.objects.filter(pk=look.pk).update(
        failures=F("failures") + 1,
        next_look_at=now + wait,
        asked_at=None,
        sentence=f"The last look came to nothing: {sentence[: _SENTENCE - len(again) - 40]}{again}",
    )


def record_look(look: CatchUpLook, tips: Mapping[Ref, str], now: datetime) -> CatchUp | None:
    """Compare, and write down what was found; gives the question that is open now. Twice is harmless."""
    with transaction.atomic():
        source = Source.objects.select_for_update().filter(pk=look.pk).first()
        if source is None or source.clone_url != look.source.clone_url:
            return None  # unlinked, or linked to another repository while we looked
        question = CatchUp.objects.filter(source=source, decided_at=None).first()
        found = find_missed(source, look, tips, question)
        sure, unsure = _divided(found, look, question)
        seen = {key_of(ref): commit for ref, commit in tips.items()}
        for push in unsure:  # not seen yet: the next look has to find them
            seen[key_of(push.ref)] = look.seen.get(key_of(push.ref), "")
        every = timedelta(seconds=settings.CATCH_UP_EVERY_S * random.uniform(0.8, 1.2))  # noqa: S311
        CatchUpLook.objects.filter(pk=look.pk).update(
            clone_url=source.clone_url,
            seen=seen,
            suspects=[[key_of(push.ref), push.commit] for push in unsure],
            asked_at=None,
            looked_at=now,
            next_look_at=now + (ONCE_MORE if unsure else every),
            failures=0,
            sentence=_sentence(tips, sure, unsure),
        )
        question = _ask(source, question, sure)
        if question is not None and look.automatic:
            decide_catch_up(None, question, CatchUp.Choice.NEWEST)
            return None
    return question


def _divided(found: Iterable[Missed], look: CatchUpLook, question: CatchUp | None) -> tuple[list[Missed], list[Missed]]:
    """What was missed for sure, and what may be on its way. A person who asks is shown everything."""
    known = {(key, commit) for key, commit in look.suspects}
    # A ref that is asked about stays so when it moves on: its webhook did not come the last time either.
    asked = {push_of(row).ref for row in question.missed} if question else set()
    sure: list[Missed] = []
    unsure: list[Missed] = []
    for push in found:
        is_sure = look.asked_at is not None or push.ref in asked or (key_of(push.ref), push.commit) in known
        (sure if is_sure else unsure).append(push)
    return sure, unsure


def _sentence(tips: Mapping[Ref, str], sure: list[Missed], unsure: list[Missed]) -> str:
    what = f"{plural(len(tips), 'branch or tag', 'branches and tags')} compared with what was built: "
    if sure:
        return f"{what}{plural(len(sure), 'push', 'pushes')} missed."
    if unsure:
        return f"{what}{plural(len(unsure), 'push', 'pushes')} not heard of yet; they are looked at again in 2 minutes."
    return f"{what}nothing was missed."


def _ask(source: Source, question: CatchUp | None, pushes: list[Missed]) -> CatchUp | None:
    """One question at a time: what it is about changes until it is decided, and it goes when nothing is missed."""
    rows = [row_of(push) for push in pushes]
    if question is None:
        return CatchUp.objects.create(source=source, missed=rows) if rows else None
    still = CatchUp.objects.filter(pk=question.pk, decided_at=None)
    if not rows:
        still.delete()
        return None
    still.update(missed=rows)
    question.missed = rows
    return question


def decide_catch_up(actor: User | None, question: CatchUp, choice: str) -> list[Build]:
    """Build the newest of each rule, all, or none; what is left out is not asked about again. Raises Refused."""
    if choice not in CatchUp.Choice.values:
        raise Refused(f"Choose one of: {', '.join(CatchUp.Choice.values)}.")
    who = actor.get_username() if actor else BY_ITSELF
    with transaction.atomic():
        mine = CatchUp.objects.filter(pk=question.pk, decided_at=None)
        if not mine.update(choice=choice, decided_at=timezone.now(), decided_by=who):
            by = CatchUp.objects.filter(pk=question.pk).values_list("decided_by", flat=True).first()
            raise Refused(f"{by or 'Somebody'} has decided this already.", code="conflict")
        question.refresh_from_db()
        pushes = [push_of(row) for row in question.missed]
        wanted = {"all": pushes, "newest": list(newest_of_each_rule(pushes)), "none": []}[choice]
        builds = [build for push in wanted for build in _build(question.source, push, who)]
        mine = CatchUp.objects.filter(pk=question.pk)
        mine.update(build_ids=[build.pk for build in builds])
        audit.record(actor, "catch_up.decide", question.source.repository, f"{choice}: {len(builds)} builds")
    return builds


def _build(source: Source, push: Missed, who: str) -> list[Build]:
    """By the rules as they are now, and only those that missed it."""
    specs: Any = [rule.spec for rule in source.rules.all() if rule.pk in push.rule_ids]
    verdicts = evaluate(push.ref, specs, commit=push.commit, known=known_of(source, specs))
    done = Build.objects.filter(source=source, ref_type=push.ref.type, ref=push.ref.name, commit=push.commit)
    have = set(done.values_list("rule_id", flat=True))
    verdicts = tuple(verdict for verdict in verdicts if verdict.rule_id not in have)
    order = Order(cause=Build.Cause.CATCH_UP, detail=f"a push that was missed, by {who}", before=push.before)
    return request_builds(source, push.ref, push.commit, verdicts, order)
