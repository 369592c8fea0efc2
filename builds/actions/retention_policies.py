"""Policies of retention: saved, taken away, looked at before they run for the first time.

What a policy lets go may change with every save, so each save that changes it raises its revision. By itself a
revision runs once somebody has seen what would go, or a day after it was saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit
from accounts.models import Namespace, User
from builds.core.schedule import next_run, zone_problem
from lib.clock import database_now
from lib.refusal import Refused
from registry.core.retention import Policy
from registry.core.retention_rules import MOST_DAYS, RetentionRule, RuleProblem, describe_rule, read_rules
from registry.models import Repository, RetentionPolicy
from registry.models.retention import IN_USE_DAYS, RUN_BY_ITSELF

FIRST_RUN_AFTER = timedelta(days=1)
"""A revision that nobody has looked at waits so long."""


class PolicyRefused(Refused):
    """The policy was not saved; `problems` say what has to be mended, each by the position of its rule."""

    def __init__(self, problems: Sequence[RuleProblem]) -> None:
        super().__init__(" ".join(dict.fromkeys(_located(problem) for problem in problems)))
        self.problems = tuple(problems)


def _located(problem: RuleProblem) -> str:
    """The sentence with its rule, where it is about one."""
    is_of_rule = problem.field in RetentionRule.__dataclass_fields__
    return f"Rule {problem.position + 1}: {problem.sentence}" if is_of_rule else problem.sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDraft:
    """What a person or the API says of a policy; `rules` as registry.core.retention_rules reads them."""

    rules: list[dict[str, Any]] = field(default_factory=list)
    in_use_days: int = IN_USE_DAYS
    untagged_days: int | None = None
    is_on: bool = True
    run_at: time = RUN_BY_ITSELF
    zone: str = "UTC"

    def as_policy(self) -> Policy:
        """What the core goes by, saved or not."""
        return as_policy(self.rules, self.in_use_days)


def read_policy(policy: RetentionPolicy | None) -> Policy:
    """What the core goes by. One that cannot be read has a problem and removes nothing; neither does none at all."""
    if policy is None:
        return Policy()
    return as_policy(policy.rules, policy.in_use_days)


def as_policy(document: Any, in_use_days: int) -> Policy:
    """The same of rules that are not saved."""
    rules, problems = read_rules(document)
    problem = " ".join(dict.fromkeys(problem.sentence for problem in problems))
    return Policy(rules=rules, in_use_days=in_use_days, problem=problem)


def draft_problems(draft: PolicyDraft) -> tuple[RuleProblem, ...]:
    """What has to be mended before the draft can be saved."""
    problems = list(read_rules(draft.rules)[1])
    if not 0 <= draft.in_use_days <= MOST_DAYS:
        problems.append(RuleProblem(0, "in_use_days", f"Write a whole number of days from 0 to {MOST_DAYS:,}."))
    if draft.untagged_days is not None and not 1 <= draft.untagged_days <= MOST_DAYS:
        said = f"Write a whole number of days from 1 to {MOST_DAYS:,}, or leave it empty to keep them."
        problems.append(RuleProblem(0, "untagged_days", said))
    if wrong := zone_problem(draft.zone):
        problems.append(RuleProblem(0, "zone", wrong))
    return tuple(problems)


def save_policy(
    actor: User, owner: Repository | Namespace, draft: PolicyDraft, *, has_seen: bool = False
) -> RetentionPolicy:
    """Save the policy of a repository, or the default of a namespace. Raises PolicyRefused; then nothing is saved.

    `has_seen`: the person has looked at what would go by exactly this draft.
    """
    if problems := draft_problems(draft):
        raise PolicyRefused(problems)
    now = timezone.now()
    rules = [rule.as_json() for rule in read_rules(draft.rules)[0]]
    plain = {"untagged_days": draft.untagged_days, "is_on": draft.is_on, "run_at": draft.run_at, "zone": draft.zone}
    chooses = {"rules": rules, "in_use_days": draft.in_use_days}
    with transaction.atomic():
        policy = _locked(owner)
        is_changed = any(getattr(policy, name) != value for name, value in chooses.items())
        for name, value in (plain | chooses).items():
            setattr(policy, name, value)
        if is_changed or policy.changed_by == "":
            policy.revision += 1
            policy.changed_by, policy.changed_at = actor.username, now
        if has_seen:
            policy.seen_revision, policy.seen_by, policy.seen_at = policy.revision, actor.username, now
        policy.next_run_at = next_run_of(policy, database_now())
        policy.save()
        audit.record(actor, "retention.save", owner, _told(policy))
    return policy


def _locked(owner: Repository | Namespace) -> RetentionPolicy:
    """The policy's row for this transaction alone; a new one where there is none."""
    key = {"repository": owner} if isinstance(owner, Repository) else {"namespace": owner}
    rows = RetentionPolicy.objects.select_for_update().filter(**key)
    found = rows.first()
    if found is not None:
        return found
    with suppress(IntegrityError), transaction.atomic():  # somebody else may make it at this moment
        RetentionPolicy.objects.create(**key)
    return rows.get()


def _told(policy: RetentionPolicy) -> str:
    rules = [describe_rule(rule) for rule in read_rules(policy.rules)[0]] or ["No rule: nothing goes."]
    when = f"Every day at {policy.run_at:%H:%M} {policy.zone}." if policy.is_on else "Not by itself."
    untagged = f"Untagged images go after {policy.untagged_days} d." if policy.untagged_days else ""
    return " ".join(filter(None, [*rules, untagged, when]))


def drop_policy(actor: User, owner: Repository | Namespace) -> None:
    """Take the policy away: a repository follows its namespace again, a namespace keeps everything. Raises Refused."""
    key = {"repository": owner} if isinstance(owner, Repository) else {"namespace": owner}
    with transaction.atomic():
        if not RetentionPolicy.objects.filter(**key).delete()[0]:
            raise Refused(f"{owner} has no clean-up of its own.", code="not_found")
        audit.record(actor, "retention.drop", owner)


def confirm_policy(actor: User, policy: RetentionPolicy, revision: int) -> None:
    """The person has looked at what would go: it need not wait a day. Raises Refused where it was changed since."""
    now = timezone.now()
    with transaction.atomic():
        mine = RetentionPolicy.objects.filter(pk=policy.pk, revision=revision)
        if not mine.update(seen_revision=revision, seen_by=actor.username, seen_at=now):
            raise Refused(
                "The clean-up was changed since you looked at what would go. Look once more.", code="conflict"
            )
        audit.record(actor, "retention.confirm", policy.repository or policy.namespace, f"revision {revision}")


def may_run(policy: RetentionPolicy, now: datetime) -> bool:
    """Whether the policy may run by itself: somebody has seen what would go, or a day has passed."""
    return policy.seen_revision == policy.revision or now >= policy.changed_at + FIRST_RUN_AFTER


def next_run_of(policy: RetentionPolicy, after: datetime) -> datetime | None:
    """When the schedule looks next; None where it does not."""
    if not policy.is_on:
        return None
    return next_run(f"{policy.run_at.minute} {policy.run_at.hour} * * *", policy.zone, after)


def first_run_of(policy: RetentionPolicy) -> datetime | None:
    """When it runs by itself next: a revision that nobody has seen waits for the first time after its day."""
    found = policy.next_run_at
    if found is None or may_run(policy, found):
        return found
    return next_run_of(policy, policy.changed_at + FIRST_RUN_AFTER - timedelta(seconds=1))


def follows(namespace: Namespace) -> Any:
    """The repositories that obey the default of a namespace: those without a policy of their own."""
    return Repository.objects.filter(namespace=namespace, retention_policy=None)
