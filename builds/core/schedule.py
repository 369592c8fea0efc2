"""Schedules of rules: five cron fields in a time zone. Says what is wrong, when it is next, and how it reads.

As Debian's cron does at the ends of summer time: a fixed time that the clock skips runs at the first moment after the
gap, one that comes twice runs once; what is written with `*` or a step for the hour goes by real time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError

from builds.core.patterns import read_pattern
from builds.core.refnames import quoted
from builds.core.rules import Problem, RuleSpec

MIN_GAP_MIN = 5
MOST_MISSED = 1000
_FIELDS = 5
_HOURS = 24
_MINUTES = 60
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_EVERY_DAY = re.compile(r"At (\d\d:\d\d) every day")
_FIELD_WORDS = {
    "minute": "minute (0 to 59)",
    "hour": "hour (0 to 23)",
    "day-of-month": "day of the month (1 to 31, `L` for the last)",
    "month": "month (1 to 12, or `JAN` to `DEC`)",
    "day-of-week": "day of the week (0 to 7, or `SUN` to `SAT`)",
}


def schedule_problems(rule: RuleSpec, schedule: str, zone: str) -> tuple[Problem, ...]:
    """What is wrong with a rule's schedule; `()` is good, and so is no schedule."""
    if not schedule.strip():
        return ()
    problems = []
    if wrong := _rule_problem(rule) or _text_problem(schedule):
        problems.append(Problem("schedule", wrong))
    if wrong := zone_problem(zone):
        problems.append(Problem("schedule_zone", wrong))
    return tuple(problems)


def _rule_problem(rule: RuleSpec) -> str:
    """A schedule builds one ref: of an expression that fits many it would be a storm, every time."""
    if rule.ref_type == "pull_request":
        return "A rule for pull requests cannot have a schedule: each of them is built when it changes."
    if read_pattern(rule.pattern).is_regex:
        return (
            f"A schedule builds one branch or tag, and {quoted(rule.pattern)} may fit many. Add a rule with the exact "
            "name, such as `main`, and give that one the schedule."
        )
    return ""


def _text_problem(schedule: str) -> str:
    text = schedule.strip()
    if len(text.split()) != _FIELDS:
        return (
            "A schedule has five fields, such as `0 3 * * *`: minute, hour, day of the month, month, day of the week."
        )
    try:
        sim = CronSim(text, _FIRST)
        next(sim)
    except CronSimError as error:
        field = str(error).removeprefix("Bad ")
        return f"{quoted(text)} is no schedule: something is wrong with its {_FIELD_WORDS.get(field, field)}."
    except (StopIteration, ValueError, OverflowError):
        return f"{quoted(text)} names a day that never comes."
    if _is_too_often(sim):
        return (
            f"{quoted(text)} runs more often than every {MIN_GAP_MIN} minutes, which is the most: builds would wait for"
            f" each other. Write `*/{MIN_GAP_MIN} * * * *` or less often."
        )
    return ""


def _is_too_often(sim: CronSim) -> bool:
    minutes = sorted(sim.minutes)
    if any(later - earlier < MIN_GAP_MIN for earlier, later in pairwise(minutes)):
        return True
    has_neighbours = any((hour + 1) % _HOURS in sim.hours for hour in sim.hours)
    return has_neighbours and minutes[0] + _MINUTES - minutes[-1] < MIN_GAP_MIN


def zone_problem(zone: str) -> str:
    """Why `zone` is no time zone; "" if it is one."""
    if zone in zones():
        return ""
    return f"{quoted(zone)} is no time zone: write one such as `Europe/Vienna`, or `UTC`."


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """Names of time zones by region, as this machine knows them, and `UTC`."""
    known = {
        name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix/", "right/"))
    }
    return frozenset(known | {"UTC"})


def next_runs(schedule: str, zone: str, after: datetime, count: int) -> tuple[datetime, ...]:
    """The next `count` moments later than `after` (aware), in the zone. Fewer, or none, where there are no more."""
    return tuple(islice(_runs(schedule, zone, after), count))


def next_run(schedule: str, zone: str, after: datetime) -> datetime | None:
    """The first moment later than `after`; None where the schedule is broken or never comes again."""
    return next(_runs(schedule, zone, after), None)


def _runs(schedule: str, zone: str, after: datetime) -> Iterator[datetime]:
    last = after.astimezone(UTC)
    try:
        for moment in CronSim(schedule.strip(), after.astimezone(ZoneInfo(zone))):
            # A time that the clock shows twice is meant once, the first time: asked between the two, it is over.
            if moment.astimezone(UTC) > last:
                last = moment.astimezone(UTC)
                yield moment
    except (CronSimError, ZoneInfoNotFoundError, ValueError, OverflowError):
        return


def count_missed(schedule: str, zone: str, due: datetime, now: datetime) -> int:
    """How many runs lie between `due`, which is one, and `now`, both of them counted; at most `MOST_MISSED`."""
    runs = _runs(schedule, zone, due)
    return 1 + sum(1 for _ in islice(_until(runs, now), MOST_MISSED - 1))


def _until(runs: Iterator[datetime], now: datetime) -> Iterator[datetime]:
    for run in runs:
        if run > now:
            return
        yield run


def also_scheduled(schedule: str, zone: str) -> str:
    """What follows a rule's own sentence: ", also every day at 03:00 Europe/Vienna"; "" without a schedule."""
    return f", also {describe_schedule(schedule, zone)}" if schedule else ""


def describe_schedule(schedule: str, zone: str) -> str:
    """How it reads: "every day at 03:00 Europe/Vienna". Also of what cannot be read, which is then quoted."""
    try:
        text = CronSim(schedule.strip(), _FIRST).explain()
    except (CronSimError, ValueError):
        return quoted(schedule)
    text = _EVERY_DAY.sub(r"every day at \1", text)
    separator = " " if text.startswith("every day at") else ", "
    return f"{text[:1].lower()}{text[1:]}{separator}{zone}"
