"""Point 6: policies are saved whole or not at all, followed by repositories, and seen before they run by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from builds.actions import retention_runs as runs
from builds.actions.retention_policies import (
    PolicyDraft,
    PolicyRefused,
    confirm_policy,
    drop_policy,
    first_run_of,
    read_policy,
    save_policy,
)
from builds.actions.retention_runs import ask_run, fire_retention, forget_runs, mend_retention, ring_for_runs
from builds.models import Source
from lib.refusal import Refused
from registry.models import RetentionPolicy, RetentionRun, Tag, TagDeletion
from tests.factories import make_repository, make_source, make_user

pytestmark = pytest.mark.django_db
LAST_TEN = [{"which": "build", "last": 10}]


@pytest.fixture
def wendy(db):
    return make_user("wendy")


@pytest.fixture
def repository(db):
    repository = make_repository("acme/web")
    Tag.objects.create(repository=repository, name="build-1", digest="d")
    return repository


def save(owner, *rules, has_seen=True, **fields) -> RetentionPolicy:
    draft = PolicyDraft(rules=list(rules) or LAST_TEN, **fields)
    return save_policy(make_user("wendy"), owner, draft, has_seen=has_seen)


def due(policy: RetentionPolicy) -> datetime:
    """Its time has come."""
    now = timezone.now()
    RetentionPolicy.objects.filter(pk=policy.pk).update(next_run_at=now - timedelta(seconds=1))
    return now


def test_it_is_saved_with_who_saved_it(repository, wendy):
    policy = save(repository, *LAST_TEN, {"gone_days": 7, "last": None}, untagged_days=14, run_at=time(4, 30))
    policy.refresh_from_db()
    assert policy.rules == [{"which": "build", "last": 10}, {"which": "all", "gone_days": 7}]
    assert (policy.untagged_days, policy.changed_by, policy.namespace) == (14, "wendy", None)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target) == ("retention.save", "acme/web")
    assert entry.detail == (
        "Of `build-<n>` stay the last 10; the others go. "
        "Tags go 7 days after their branch was deleted or their pull request was closed. "
        "Untagged images go after 14 d. Every day at 04:30 UTC."
    )


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"rules": [{"last": 0}]}, [(0, "last")]),
        ({"rules": [{"last": 1}, {"which": "pattern", "always": True}]}, [(1, "pattern")]),
        ({"in_use_days": -1}, [(0, "in_use_days")]),
        ({"untagged_days": 0}, [(0, "untagged_days")]),
        ({"zone": "Nowhere/City"}, [(0, "zone")]),
    ],
)
def test_what_cannot_be_read_is_not_saved_and_said_where(repository, wendy, fields, where):
    save(repository)
    with pytest.raises(PolicyRefused) as caught:
        save_policy(wendy, repository, PolicyDraft(**fields))
    assert [(problem.position, problem.field) for problem in caught.value.problems] == where
    assert RetentionPolicy.objects.get().rules == LAST_TEN


def test_a_repository_follows_its_namespace_unless_it_has_its_own(repository):
    in_force = RetentionPolicy.objects.in_force
    assert in_force(repository) is None
    default = save(repository.namespace)
    assert in_force(repository) == default
    assert in_force(make_repository("other/web")) is None
    own = save(repository, untagged_days=3)
    assert in_force(repository) == own
    drop_policy(make_user("wendy"), repository)
    assert in_force(repository) == default
    drop_policy(make_user("wendy"), repository.namespace)
    with pytest.raises(Refused, match="has no clean-up of its own"):
        drop_policy(make_user("wendy"), repository)


def test_an_empty_policy_of_its_own_leaves_the_default(repository):
    save(repository.namespace)
    own = save_policy(make_user("wendy"), repository, PolicyDraft())
    assert RetentionPolicy.objects.in_force(repository) == own
    assert read_policy(own).rules == ()


def test_rules_that_were_broken_in_the_database_remove_nothing(repository):
    policy = save(repository)
    policy.rules = [{"last": "ten"}]
    assert read_policy(policy).problem == "Write a whole number from 1 to 10,000."


def test_the_schedule_is_a_time_of_day_in_a_zone(repository, monkeypatch):
    from builds.actions import retention_policies

    monkeypatch.setattr(retention_policies, "database_now", lambda: datetime(2026, 11, 29, 12, tzinfo=UTC))
    assert save(repository, run_at=time(3), zone="Europe/Vienna").next_run_at == datetime(2026, 11, 30, 2, tzinfo=UTC)
    assert save(repository, run_at=time(14), zone="Europe/Vienna").next_run_at == datetime(2026, 11, 29, 13, tzinfo=UTC)
    assert save(repository, is_on=False).next_run_at is None


def test_its_time_has_come_once(repository, rings, django_capture_on_commit_callbacks):
    policy = save(repository)
    now = due(policy)
    with django_capture_on_commit_callbacks(execute=True):
        assert fire_retention(now) == 1
    assert rings == ["builds.clean_up"]
    assert fire_retention(now) == 0
    run = RetentionRun.objects.get()
    told = (run.repository, run.policy, run.revision, run.state, run.by, run.is_dry)
    assert told == (repository, policy, policy.revision, "asked", "", False)
    policy.refresh_from_db()
    assert now < policy.next_run_at <= now + timedelta(days=1)


def test_runs_that_were_missed_become_one(repository):
    policy = save(repository)
    now = timezone.now()
    RetentionPolicy.objects.update(next_run_at=now - timedelta(days=9))
    assert fire_retention(now) == 1
    policy.refresh_from_db()
    assert policy.next_run_at > now


def test_of_two_beats_one_asks(repository, monkeypatch):
    now = due(save(repository))
    stale = list(RetentionPolicy.objects.select_related("namespace", "repository"))
    assert [runs._fire(stale[0], now), runs._fire(stale[0], now)] == [1, 0]


def test_a_default_runs_in_every_repository_that_follows_it_and_has_tags(repository):
    policy = save(repository.namespace)
    own, empty, other = (make_repository(path) for path in ("acme/own", "acme/empty", "other/web"))
    for one in (own, other):
        Tag.objects.create(repository=one, name="build-1", digest="d")
    save(own, is_on=False)
    assert fire_retention(due(policy)) == 1
    assert [run.repository for run in RetentionRun.objects.all()] == [repository]
    assert empty.tags.count() == 0


def test_a_policy_that_is_off_or_has_no_rule_asks_for_nothing(repository):
    save(repository, is_on=False)
    RetentionPolicy.objects.update(next_run_at=timezone.now() - timedelta(seconds=1))
    assert fire_retention(timezone.now()) == 0
    save_policy(make_user("wendy"), repository, PolicyDraft(), has_seen=True)
    assert fire_retention(due(RetentionPolicy.objects.get())) == 0
    assert not RetentionRun.objects.exists()


def test_what_nobody_has_seen_waits_a_day(repository):
    policy = save(repository, has_seen=False)
    assert fire_retention(due(policy)) == 0
    RetentionPolicy.objects.update(changed_at=timezone.now() - timedelta(hours=25))
    assert fire_retention(due(policy)) == 1


def test_what_somebody_has_seen_runs_at_its_next_time(repository, wendy):
    policy = save(repository, has_seen=False)
    confirm_policy(wendy, policy, policy.revision)
    assert fire_retention(due(policy)) == 1


def test_every_change_is_to_be_seen_anew(repository, wendy):
    policy = save(repository)
    changed = save(repository, {"which": "build", "last": 1}, has_seen=False)
    assert changed.revision == policy.revision + 1
    assert fire_retention(due(changed)) == 0
    with pytest.raises(Refused, match="was changed since you looked"):
        confirm_policy(wendy, changed, policy.revision)


def test_another_time_of_day_is_no_change_of_what_goes(repository):
    policy = save(repository)
    changed = save(repository, run_at=time(23), untagged_days=9, has_seen=False)
    assert (changed.revision, changed.seen_revision) == (policy.revision, policy.revision)
    assert fire_retention(due(changed)) == 1


def test_the_page_says_when_it_runs_first(repository):
    policy = save(repository, has_seen=False)
    first = first_run_of(policy)
    assert first >= policy.changed_at + timedelta(days=1)
    assert first <= policy.changed_at + timedelta(days=2)
    assert (first.hour, first.minute) == (3, 0)
    policy.seen_revision = policy.revision
    assert first_run_of(policy) == policy.next_run_at


def test_before_a_run_for_deleted_branches_somebody_looks_at_the_branches(repository):
    source = make_source(repository)
    Source.objects.update(probe_state="good", probed_at=timezone.now())
    policy = save(repository, {"gone_days": 7})
    fire_retention(due(policy))
    assert Source.objects.get().probe_state == "good"
    Source.objects.update(probed_at=timezone.now() - timedelta(days=1))
    RetentionRun.objects.all().delete()
    fire_retention(due(policy))
    source.refresh_from_db()
    assert source.probe_state == "asked"


def test_a_clock_that_was_wrong_is_mended(repository):
    policy = save(repository)
    right = policy.next_run_at
    now = timezone.now()
    assert mend_retention(now) == 0
    for wrong in (now + timedelta(days=300), None):
        RetentionPolicy.objects.update(next_run_at=wrong)
        assert mend_retention(now) == 1
        policy.refresh_from_db()
        assert policy.next_run_at == right


def test_a_person_has_it_run_now(repository, wendy, rings, django_capture_on_commit_callbacks):
    policy = save(repository)
    with django_capture_on_commit_callbacks(execute=True):
        run = ask_run(wendy, repository, is_dry=False, revision=policy.revision)
    assert (run.by, run.state, rings[-1]) == ("wendy", "asked", "builds.clean_up")
    assert ask_run(make_user("bob"), repository, is_dry=False) == run
    with pytest.raises(Refused, match="A clean-up is under way in acme/web"):
        ask_run(wendy, repository, is_dry=True)
    assert AuditEntry.objects.filter(action="retention.run").count() == 1


def test_a_person_is_told_why_it_cannot_run(repository, wendy):
    with pytest.raises(Refused, match="has no clean-up: say first what is to stay"):
        ask_run(wendy, repository, is_dry=True)
    policy = save(repository)
    with pytest.raises(Refused, match="was changed since you looked at what would go"):
        ask_run(wendy, repository, is_dry=False, revision=policy.revision - 1)
    RetentionPolicy.objects.update(rules=[{"last": -1}])
    with pytest.raises(Refused, match="removes nothing until it is mended: Write a whole number"):
        ask_run(wendy, repository, is_dry=False)


def test_a_lost_bell_costs_a_tick(repository, wendy, rings, django_capture_on_commit_callbacks):
    save(repository)
    ask_run(wendy, repository, is_dry=True)
    with django_capture_on_commit_callbacks(execute=True):
        ring_for_runs(timezone.now() + timedelta(seconds=1))
    assert rings == ["builds.clean_up"]


def test_old_reports_go_and_with_them_their_lines(repository, wendy):
    save(repository)
    now = timezone.now()
    ages = {"new": (1, False), "old": (91, False), "look": (15, True), "new look": (13, True)}
    for word, (days, is_dry) in ages.items():
        ended = now - timedelta(days=days)
        run = RetentionRun.objects.create(
            repository=repository, state="done", sentence=word, ended_at=ended, is_dry=is_dry
        )
        TagDeletion.objects.create(repository=repository, run=run, tag=word, digest="d", state="done", ended_at=ended)
    TagDeletion.objects.create(
        repository=repository, tag="hand", digest="d", state="done", ended_at=now - timedelta(91)
    )
    forget_runs(now)
    assert set(RetentionRun.objects.values_list("sentence", flat=True)) == {"new", "new look"}
    assert set(TagDeletion.objects.values_list("tag", flat=True)) == {"new", "new look"}
