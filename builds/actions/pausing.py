"""A rule that only fails is paused, so that it does not take turns from those that work; and it is woken again.

Counted are builds that came by themselves: one that a person asks for tells nothing of what pushes will do, and what
strangers send in pull requests must not be able to pause a rule.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import audit
from accounts.models import User
from builds.actions.runs import record_event
from builds.actions.turns import note_turn
from builds.core.states import State
from builds.models import Build, BuildRule
from lib.humanize import plural
from lib.refusal import Refused

_BY_HAND = (Build.Cause.MANUAL, Build.Cause.RETRY, Build.Cause.BACK_FILL)
AWAKE: dict[str, Any] = {"user_failures": 0, "platform_failures": 0, "paused_at": None, "paused_reason": ""}


def note_end(build_id: int, attempt: int, state: State, *, is_platform: bool = False) -> None:
    """Count the end of a build at its rule, inside the transaction of that end.

    `is_platform`: the fault was not the repository's, but that of a builder, a registry, a Git server or Imageyard.
    """
    if state not in (State.SUCCEEDED, State.FAILED):
        return
    names = ("repository_id", "rule_id", "ref_type", "ref", "number", "turn", "cause", "untrusted")
    build = Build.objects.filter(pk=build_id).values(*names).first()
    if build is None or build["rule_id"] is None or build["untrusted"]:
        return
    note_turn(build_id, build, state)
    rules = BuildRule.objects.filter(pk=build["rule_id"])
    if state is State.SUCCEEDED:
        if rules.exclude(paused_at=None).update(**AWAKE):
            record_event(build_id, "rule_resumed", attempt)
        rules.exclude(user_failures=0, platform_failures=0).update(user_failures=0, platform_failures=0)
    elif build["cause"] not in _BY_HAND:
        _count(rules, build_id, attempt, is_platform=is_platform)


def _count(rules: Any, build_id: int, attempt: int, *, is_platform: bool) -> None:
    counter = "platform_failures" if is_platform else "user_failures"
    most = settings.PAUSE_PLATFORM_FAILURES if is_platform else settings.PAUSE_USER_FAILURES
    rules.update(**{counter: F(counter) + 1})
    count = rules.values_list(counter, flat=True).first() or 0
    whose = " by a fault that was not the repository's" if is_platform else ""
    reason = f"{plural(count, 'build')} failed in a row{whose}"
    # Of several that end at once one pauses it.
    if rules.filter(paused_at=None, **{f"{counter}__gte": most}).update(paused_at=timezone.now(), paused_reason=reason):
        record_event(build_id, "rule_paused", attempt, reason=reason, failures=count, platform=is_platform)


def resume_rule(actor: User, rule: BuildRule) -> None:
    """Let a paused rule build again. Raises Refused where it is not paused."""
    with transaction.atomic():
        if not BuildRule.objects.filter(pk=rule.pk).exclude(paused_at=None).update(**AWAKE):
            raise Refused(f"The rule `{rule.pattern}` is not paused.", code="conflict")
        audit.record(actor, "rule.resume", rule.source.repository, str(rule))
