"""Schedules: what is wrong with one, when it is next, at the ends of summer time too, and how it reads."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from builds.core.rules import RuleSpec
from builds.core.schedule import (
    MOST_MISSED,
    count_missed,
    describe_schedule,
    next_run,
    next_runs,
    schedule_problems,
    zones,
)

VIENNA = ZoneInfo("Europe/Vienna")
FIVE = "A schedule has five fields, such as `0 3 * * *`"


def rule(pattern="main", ref_type="branch") -> RuleSpec:
    return RuleSpec(1, ref_type, pattern, ("latest",))


def problem(schedule: str, zone="UTC", **fields) -> str:
    found = schedule_problems(rule(**fields), schedule, zone)
    return found[0].message if found else ""


def times(schedule: str, after: datetime, count: int, zone="Europe/Vienna") -> list[str]:
    return [f"{run:%m-%d %H:%M %Z}" for run in next_runs(schedule, zone, after, count)]


@pytest.mark.parametrize(
    "schedule",
    ["", "0 3 * * *", "*/5 * * * *", "0,57 3 * * *", "0 3 * * MON-FRI", "30 2 L * *", "0 0 29 2 *", "  0  3 * * * "],
)
def test_it_finds_nothing_wrong_with(schedule):
    assert problem(schedule, "Europe/Vienna") == ""


@pytest.mark.parametrize(
    ("schedule", "sentence"),
    [
        ("0 3 * *", FIVE),
        ("0 0 3 * * *", FIVE),
        ("@daily", FIVE),
        ("61 * * * *", "`61 * * * *` is no schedule: something is wrong with its minute (0 to 59)."),
        ("0 24 * * *", "`0 24 * * *` is no schedule: something is wrong with its hour (0 to 23)."),
        ("0 3 32 * *", "something is wrong with its day of the month"),
        ("0 3 * 13 *", "something is wrong with its month"),
        ("0 3 * * 8", "something is wrong with its day of the week"),
        ("0 3 30 2 *", "something is wrong with its day of the month"),
        ("0 3 * * MON#6", "something is wrong with its day of the week"),
        ("\u0663 3 * * *", "something is wrong with its minute"),
        ("*/0 * * * *", "something is wrong with its minute"),
        ("* * * * *", "`* * * * *` runs more often than every 5 minutes, which is the most"),
        ("*/4 * * * *", "more often than every 5 minutes"),
        ("0,3 3 * * *", "more often than every 5 minutes"),
        ("57,0 3,4 * * *", "more often than every 5 minutes"),
        ("57,0 0,23 * * *", "more often than every 5 minutes"),
    ],
)
def test_it_says_what_is_wrong(schedule, sentence):
    assert sentence in problem(schedule)


@pytest.mark.parametrize("zone", ["Moon/Base", "europe/vienna", "", "../../etc/passwd", "CEST", "posix/Europe/Vienna"])
def test_it_refuses_what_is_no_time_zone(zone):
    assert problem("0 3 * * *", zone) == f"`{zone}` is no time zone: write one such as `Europe/Vienna`, or `UTC`."


def test_it_refuses_a_schedule_for_a_regular_expression_as_that_would_be_a_storm():
    assert problem("0 3 * * *", pattern="/^v/", ref_type="tag") == (
        "A schedule builds one branch or tag, and `/^v/` may fit many. Add a rule with the exact name, such as `main`, "
        "and give that one the schedule."
    )


def test_it_refuses_a_schedule_for_pull_requests():
    assert problem("0 3 * * *", ref_type="pull_request").startswith("A rule for pull requests cannot have a schedule")


def test_it_knows_the_zones_by_region():
    assert {"UTC", "Europe/Vienna", "America/New_York", "Asia/Kolkata"} <= zones()


def test_it_runs_a_skipped_time_at_the_first_moment_after_the_gap():
    after = datetime(2026, 3, 28, 12, tzinfo=VIENNA)
    assert times("30 2 * * *", after, 2) == ["03-29 03:00 CEST", "03-30 02:30 CEST"]


def test_it_runs_a_doubled_time_once():
    after = datetime(2026, 10, 24, 12, tzinfo=VIENNA)
    assert times("30 2 * * *", after, 2) == ["10-25 02:30 CEST", "10-26 02:30 CET"]


def test_it_does_not_go_back_when_asked_within_the_doubled_hour():
    after = datetime(2026, 10, 25, 2, 15, tzinfo=VIENNA, fold=1)  # 02:30 was an hour ago already
    run = next_run("30 2 * * *", "Europe/Vienna", after)
    assert run == datetime(2026, 10, 26, 2, 30, tzinfo=VIENNA)


def test_it_runs_what_is_hourly_by_real_time():
    after = datetime(2026, 10, 25, 1, 0, tzinfo=VIENNA)
    assert times("30 * * * *", after, 4) == [
        "10-25 01:30 CEST",
        "10-25 02:30 CEST",
        "10-25 02:30 CET",
        "10-25 03:30 CET",
    ]


def test_it_is_never_now_but_later():
    now = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
    assert next_run("0 3 * * *", "UTC", now) == datetime(2026, 11, 26, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(("schedule", "zone"), [("nonsense", "UTC"), ("0 3 * * *", "Moon/Base")])
def test_it_gives_no_run_for_what_cannot_be_read(schedule, zone):
    assert next_run(schedule, zone, datetime(2026, 11, 25, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("until", "count"),
    [(datetime(2026, 11, 25, 3, 0, tzinfo=UTC), 1), (datetime(2026, 11, 28, 12, tzinfo=UTC), 4)],
)
def test_it_counts_what_was_missed(until, count):
    assert count_missed("0 3 * * *", "UTC", datetime(2026, 11, 25, 3, 0, tzinfo=UTC), until) == count


def test_it_stops_counting_at_some_point():
    years_ago = datetime(2020, 1, 1, tzinfo=UTC)
    assert count_missed("*/5 * * * *", "UTC", years_ago, datetime(2026, 1, 1, tzinfo=UTC)) == MOST_MISSED


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("0 3 * * *", "every day at 03:00 Europe/Vienna"),
        ("*/15 * * * *", "every 15th minute of every hour, Europe/Vienna"),
        ("0 3 * * 1", "at 03:00 on Monday, Europe/Vienna"),
        ("nonsense", "`nonsense`"),
    ],
)
def test_it_says_it_in_words(schedule, words):
    assert describe_schedule(schedule, "Europe/Vienna") == words
