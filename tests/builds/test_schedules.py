"""Schedules that are due: built once, whoever looks, however late, whatever the clock does."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connections

from builds.actions import RuleDraft, RulesRefused, save_rules
from builds.actions.schedules import fire_due, mend_schedules
from builds.core.rules import RuleSpec
from builds.models import Build, BuildRule
from tests.factories import make_rule, make_source, make_user

DUE = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
TOMORROW = DUE + timedelta(days=1)


@pytest.fixture
def rule(db, rings) -> BuildRule:
    return make_rule(schedule="0 3 * * *", schedule_next_at=DUE)


def next_at(rule: BuildRule) -> datetime | None:
    rule.refresh_from_db()
    return rule.schedule_next_at


def draft(**fields) -> RuleDraft:
    schedule = fields.pop("schedule", "0 3 * * *")
    zone = fields.pop("zone", "UTC")
    spec = RuleSpec(**{"id": None, "ref_type": "branch", "pattern": "main", "tags": ("latest",), **fields})
    return RuleDraft(spec, schedule=schedule, schedule_zone=zone)


def test_it_builds_the_rules_branch_behind_everything_else(rule):
    (build,) = fire_due(DUE)
    assert (build.ref_type, build.ref, build.commit, build.cause) == ("branch", "main", "", "schedule")
    assert (build.cause_detail, build.priority) == ("every day at 03:00 UTC", Build.Priority.SCHEDULE)
    assert next_at(rule) == TOMORROW


def test_it_builds_nothing_before_the_time_has_come(rule):
    assert fire_due(DUE - timedelta(seconds=1)) == []


def test_it_builds_once_however_often_beat_looks(rule):
    fire_due(DUE)
    fire_due(DUE + timedelta(seconds=10))
    assert Build.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_it_builds_once_where_two_beats_look_at_the_same_moment():
    rule = make_rule(schedule="0 3 * * *", schedule_next_at=DUE)
    gate = threading.Barrier(4)

    def look() -> None:
        gate.wait()
        fire_due(DUE)
        connections.close_all()

    threads = [threading.Thread(target=look) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert (Build.objects.count(), next_at(rule)) == (1, TOMORROW)


def test_it_builds_with_autobuild_off_as_the_schedule_is_asked_for_by_itself(rule):
    BuildRule.objects.update(autobuild=False)
    assert len(fire_due(DUE)) == 1


def test_it_lets_a_paused_rule_rest_and_goes_on_to_the_next_run(rule):
    BuildRule.objects.update(paused_at=DUE, paused_reason="25 builds failed in a row")
    assert fire_due(DUE) == []
    assert next_at(rule) == TOMORROW


def test_it_makes_one_run_of_those_that_were_missed_and_says_so(rule):
    (build,) = fire_due(DUE + timedelta(days=3, hours=4))
    assert build.cause_detail == (
        "every day at 03:00 UTC; one run for 4 that were missed while Imageyard was not running"
    )
    assert next_at(rule) == DUE + timedelta(days=4)


def test_it_says_that_a_run_is_late(rule):
    (build,) = fire_due(DUE + timedelta(hours=4))
    assert build.cause_detail == "every day at 03:00 UTC; late, as Imageyard was not running then"


def test_it_does_not_run_again_when_the_clock_is_put_back_a_little(rule):
    fire_due(DUE)
    back = DUE - timedelta(hours=2)
    assert mend_schedules(back) == 0
    assert (fire_due(back), fire_due(DUE), Build.objects.count()) == ([], [], 1)


def test_it_comes_back_from_a_clock_that_was_years_ahead(rule):
    fire_due(DUE + timedelta(days=3650))
    assert mend_schedules(DUE) == 1
    assert next_at(rule) == TOMORROW


def test_it_makes_one_run_when_the_clock_jumps_ahead(rule):
    fire_due(DUE)
    ahead = DUE + timedelta(days=30, minutes=1)
    assert (len(fire_due(ahead)), len(fire_due(ahead))) == (1, 0)


def test_it_runs_nothing_of_a_schedule_that_was_edited_in_between(rule, monkeypatch):
    from builds.actions import schedules

    def edited(*_args):
        BuildRule.objects.update(schedule="0 4 * * *")
        return TOMORROW

    monkeypatch.setattr(schedules, "next_run", edited)
    assert fire_due(DUE) == []
    assert next_at(rule) == DUE


def test_it_does_not_keep_the_others_from_running_where_one_breaks(rule, monkeypatch):
    from builds.actions import schedules

    other = make_rule(rule.source, pattern="develop", schedule="0 3 * * *", schedule_next_at=DUE)
    real = schedules.request_builds

    def breaks(source, ref, *rest):
        if ref.name == "main":
            raise RuntimeError
        return real(source, ref, *rest)

    monkeypatch.setattr(schedules, "request_builds", breaks)
    assert [build.rule_id for build in fire_due(DUE)] == [other.pk]
    assert next_at(rule) == DUE  # its turn comes again


@time_machine.travel(DUE, tick=False)
def test_it_reckons_the_next_run_when_a_rule_is_saved(own_clock, rings):
    (rule,) = save_rules(make_user(), make_source(), [draft(zone="Europe/Vienna")])
    assert next_at(rule) == DUE + timedelta(hours=23)


@time_machine.travel(DUE + timedelta(hours=1), tick=False)
def test_it_does_not_put_a_run_off_when_the_page_is_saved_again(rule):
    save_rules(make_user(), rule.source, [draft(id=rule.pk)])
    assert next_at(rule) == DUE


def test_it_ends_with_the_field_emptied(rule):
    save_rules(make_user(), rule.source, [draft(id=rule.pk, schedule="", zone="")])
    assert (next_at(rule), rule.schedule_zone) == (None, "UTC")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"schedule": "* * * * *"}, "schedule"),
        ({"zone": "Moon/Base"}, "schedule_zone"),
        ({"pattern": "/x/"}, "schedule"),
    ],
)
def test_it_saves_nothing_of_a_bad_schedule(db, fields, field):
    with pytest.raises(RulesRefused) as refused:
        save_rules(make_user(), make_source(), [draft(**fields)])
    assert refused.value.problems[0][0].field == field
    assert not BuildRule.objects.exists()


def test_it_wakes_a_paused_rule_that_is_edited(rule):
    BuildRule.objects.update(paused_at=DUE, paused_reason="x", user_failures=25)
    save_rules(make_user(), rule.source, [draft(id=rule.pk, dockerfile="docker/Dockerfile")])
    rule.refresh_from_db()
    assert (rule.paused_at, rule.paused_reason, rule.user_failures) == (None, "", 0)


def test_it_leaves_a_rule_paused_that_is_saved_as_it_was(rule):
    BuildRule.objects.update(paused_at=DUE, paused_reason="x", user_failures=25)
    save_rules(make_user(), rule.source, [draft(pattern="new"), draft(id=rule.pk)])
    rule.refresh_from_db()
    assert (rule.paused_at, rule.user_failures, rule.position) == (DUE, 25, 1)
