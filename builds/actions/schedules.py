"""Builds whose time has come: each run of a schedule asks for builds once, however many beats look, however late.

A run is taken by moving `schedule_next_at` on, under the condition that nobody has; the builds are asked for in the
same transaction. What was missed while nobody looked becomes one run, which says so.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction

from builds.actions.known import known_of
from builds.actions.request import Order, request_builds
from builds.core.plan import evaluate
from builds.core.rules import Ref
from builds.core.schedule import MOST_MISSED, count_missed, describe_schedule, next_run, next_runs
from builds.models import Build, BuildRule

log = structlog.get_logger(__name__)
AT_ONCE = 100
# Beat looks every 10 s; a run that is later than this was missed by somebody who was away.
LATE = timedelta(minutes=2)


def fire_due(now: datetime) -> list[Build]:
    """Ask for the builds of every schedule that is due. Twice, or on two machines at once, is harmless."""
    made: list[Build] = []
    due = BuildRule.objects.filter(schedule_next_at__lte=now).exclude(schedule="")
    for rule in due.select_related("source__repository__namespace").order_by("schedule_next_at")[:AT_ONCE]:
        try:
            made += _fire(rule, now)
        except Exception:  # the loop's edge: one rule that cannot be asked for must not keep the others from it
            log.exception("a schedule could not be run", rule=rule.pk)
    return made


def _fire(rule: BuildRule, now: datetime) -> list[Build]:
    due = rule.schedule_next_at
    assert due is not None
    with transaction.atomic():
        following = next_run(rule.schedule, rule.schedule_zone, now)
        # Also under the condition that the schedule is still this one: it may have been edited since we read it.
        mine = BuildRule.objects.filter(pk=rule.pk, schedule_next_at=due, schedule=rule.schedule)
        if not mine.update(schedule_next_at=following):
            return []
        ref, spec = Ref(rule.ref_type, rule.pattern), rule.spec  # type: ignore[arg-type]  # choices are exactly RefType
        # A schedule is asked for by itself, so it builds with autobuild off; a paused rule rests all the same.
        verdicts = evaluate(ref, [spec], manual=True, wakes_paused=False, known=known_of(rule.source, [spec]))
        order = Order(cause=Build.Cause.SCHEDULE, detail=_detail(rule, due, now))
        return request_builds(rule.source, ref, "", verdicts, order)


def _detail(rule: BuildRule, due: datetime, now: datetime) -> str:
    """What the build says: "every day at 03:00 Europe/Vienna", and what it stands for where Imageyard was away."""
    told = describe_schedule(rule.schedule, rule.schedule_zone)
    if now - due <= LATE:
        return told
    missed = count_missed(rule.schedule, rule.schedule_zone, due, now)
    if missed == 1:
        return f"{told}; late, as Imageyard was not running then"
    count = f"more than {MOST_MISSED:,}" if missed >= MOST_MISSED else str(missed)
    return f"{told}; one run for {count} that were missed while Imageyard was not running"


def mend_schedules(now: datetime) -> int:
    """Bring back runs that a wrong clock put too far off: later than the second one from now. Gives how many.

    By one run it may be off rightly: a clock that was put back a little after a run must not run it again.
    """
    mended = 0
    for rule in BuildRule.objects.exclude(schedule="").iterator():
        runs = next_runs(rule.schedule, rule.schedule_zone, now, 2)
        is_off = rule.schedule_next_at is None or (bool(runs) and rule.schedule_next_at > runs[-1])
        if runs and is_off:
            seen = BuildRule.objects.filter(pk=rule.pk, schedule_next_at=rule.schedule_next_at, schedule=rule.schedule)
            mended += seen.update(schedule_next_at=runs[0])
    return mended
