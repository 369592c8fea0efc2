"""Asking for builds: by a push, by a person, and again after one ended. Each only writes rows and rings the bell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts import audit
from accounts.models import User
from builds.actions.cancel import supersede_older
from builds.actions.holds import APPROVAL, ask_for_approval, held_again, trust_fields
from builds.actions.known import known_of
from builds.actions.runs import record_event
from builds.core.plan import Verdict, evaluate, summary_sentence
from builds.core.pull_requests import PullRequest, judge, read_pull_request
from builds.core.refnames import commit_problem
from builds.core.rules import Ref, RuleSpec, describe_rule
from builds.core.states import FINAL, State, can_retry
from builds.models import Build, BuildRule, BuildSequence, Source
from lib.clock import database_now
from lib.queue import enqueue
from lib.refusal import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who or what asks for builds, and what is known of the commit without asking Git."""

    cause: Build.Cause
    detail: str = ""
    delivery_id: UUID | None = None
    before: str = ""
    forced: bool = False
    commit_message: str = ""
    commit_author: str = ""
    pull_request: PullRequest | None = None
    judged_by: Mapping[int | str | None, RuleSpec] = field(default_factory=dict)
    """The rules to build by, by id, where these need not be today's. Rules that are gone since build nothing.

    A build that waits by another content of its rule is then not taken for the one that is asked for.
    """

    @property
    def priority(self) -> int:
        return _PRIORITY[Build.Cause(self.cause)]


_PRIORITY = {
    Build.Cause.MANUAL: Build.Priority.MANUAL,
    Build.Cause.RETRY: Build.Priority.MANUAL,
    Build.Cause.PUSH: Build.Priority.PUSH,
    Build.Cause.TRIGGER: Build.Priority.PUSH,
    Build.Cause.CATCH_UP: Build.Priority.PUSH,
    Build.Cause.PULL_REQUEST: Build.Priority.PULL_REQUEST,
    Build.Cause.BASE_IMAGE: Build.Priority.BASE_IMAGE,
    Build.Cause.SCHEDULE: Build.Priority.SCHEDULE,
    Build.Cause.BACK_FILL: Build.Priority.SCHEDULE,
}


_MACHINES = (Build.Cause.TRIGGER, Build.Cause.SCHEDULE)


class NothingMatches(Refused):
    """No rule builds the ref. `verdicts` says of every rule why."""

    def __init__(self, sentence: str, verdicts: Sequence[Verdict]) -> None:
        super().__init__(sentence)
        self.verdicts = tuple(verdicts)


def request_builds(source: Source, ref: Ref, commit: str, verdicts: Sequence[Verdict], order: Order) -> list[Build]:
    """One build for each verdict that builds, inside the caller's transaction.

    A build of the same rule, ref and commit that is not over yet is returned instead of a second one (field case
    W09). Older queued builds of the same rule and ref become superseded. The bell rings after the commit.
    """
    rules = {rule.pk: rule for rule in source.rules.all()}
    builds = []
    for verdict in verdicts:
        rule = rules.get(verdict.rule_id) if isinstance(verdict.rule_id, int) else None
        if verdict.builds and rule is not None:
            spec = order.judged_by.get(rule.pk) or rule.spec
            builds.append(_request_one(source, rule, ref, commit, plan_of(spec, verdict), order))
    return builds


def _request_one(
    source: Source, rule: BuildRule, ref: Ref, commit: str, plan: dict[str, Any], order: Order, *, again: bool = False
) -> Build:
    same = Build.objects.active().filter(rule=rule, ref_type=ref.type, ref=ref.name, commit=commit)
    if order.judged_by:
        alike = [known.pk for known in same if _is_by_same_rule(known.plan, plan)]
        same = same.filter(pk__in=alike)
    if order.pull_request is not None:  # one commit may be the head of several
        same = same.filter(pull_request__number=order.pull_request.number)
    if commit and (known := same.filter(cancel_requested_at=None).first()):
        # A person who asks for what a push asked for already does not wait behind other pushes.
        Build.objects.filter(pk=known.pk, state=State.QUEUED, priority__gt=order.priority).update(
            priority=order.priority
        )
        return known
    # A machine that asks for the newest commit again before it was looked up: the build that waits will build it.
    waiting = same.filter(state=State.QUEUED, attempt=0, commit="", cancel_requested_at=None)
    if order.cause in _MACHINES and (known := waiting.first()):
        return known
    try:
        with transaction.atomic():
            build = Build.objects.create(
                repository=source.repository,
                source=source,
                rule=rule,
                number=next_number(source.repository_id),
                plan=plan,
                ref_type=ref.type,
                ref=ref.name,
                commit=commit,
                before=order.before,
                commit_message=order.commit_message[:10_000],
                commit_author=order.commit_author[:255],
                forced=order.forced,
                cause=order.cause,
                cause_detail=order.detail[:300],
                delivery_id=order.delivery_id,
                priority=order.priority,
                not_before=database_now(),
                timeout_s=rule.timeout_s or settings.BUILD_TIMEOUT_S,
                **trust_fields(rule, ref, commit, order.pull_request),
            )
    except IntegrityError:
        # Two deliveries of one push at the same moment: the other one was first.
        twin = same.filter(cause=Build.Cause.PUSH, cancel_requested_at=None).first()
        if twin is None:  # it ended between the two looks: ask again, unless the fault was another one
            if again:
                raise
            return _request_one(source, rule, ref, commit, plan, order, again=True)
        return twin
    record_event(build.pk, "queued")
    ask_for_approval(build)
    supersede_older(build, rule)
    enqueue("builds.run_next", expires_s=60)
    return build


def next_number(repository_id: int) -> int:
    """The next build number of a repository; the row stays locked until the caller's transaction ends."""
    rows = BuildSequence.objects.filter(repository_id=repository_id)
    if not rows.update(last=F("last") + 1):  # the first build
        BuildSequence.objects.get_or_create(repository_id=repository_id)
        rows.update(last=F("last") + 1)
    return int(rows.values_list("last", flat=True)[0])


def _is_by_same_rule(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return {**one, **_OF_THE_MOMENT} == {**other, **_OF_THE_MOMENT}


_OF_THE_MOMENT: dict[str, Any] = {"asked_at": "", "tags": [], "problems": [], "pending": []}


def plan_of(rule: RuleSpec, verdict: Verdict) -> dict[str, Any]:
    """The rule as it is now, kept with the build: what is built does not change when the rule is edited."""
    return {
        "rule": describe_rule(rule),
        "ref_type": rule.ref_type,
        "pattern": rule.pattern,
        "templates": list(rule.tags),
        "tags": [
            {"name": tag.name, "template": tag.template, "changed_from": tag.changed_from} for tag in verdict.tags
        ],
        "problems": list(verdict.problems),
        "pending": list(verdict.pending),
        # What `{date}` goes by: trying the build again must make the same tag.
        "asked_at": timezone.now().isoformat(),
        "paths_include": list(rule.paths_include),
        "paths_exclude": list(rule.paths_exclude),
        "dockerfile": rule.dockerfile,
        "context": rule.context,
        "target": rule.target,
        "platforms": list(rule.platforms),
        "build_args": dict(rule.build_args),
        "cache": rule.cache,
    }


def trigger_builds(actor: User, source: Source, ref: Ref, commit: str = "") -> list[Build]:
    """Build a branch, a tag or a commit because a person says so; switched-off autobuild does not matter then.

    Without `commit` the checkout decides what the ref points to. Raises NothingMatches with the verdicts, and Refused
    for a commit that is none.
    """
    if commit and (wrong := commit_problem(commit)):
        raise Refused(wrong)
    rules = [rule.spec for rule in source.rules.all()]
    verdicts = evaluate(ref, rules, commit=commit, manual=True, known=known_of(source, rules))
    if not any(verdict.builds for verdict in verdicts):
        sentence = summary_sentence(ref, verdicts).removeprefix("Delivered, ")
        raise NothingMatches(sentence[:1].upper() + sentence[1:], verdicts)
    order = Order(cause=Build.Cause.MANUAL, detail=f"by {actor.get_username()}")
    with transaction.atomic():
        builds = request_builds(source, ref, commit, verdicts, order)
        audit.record(actor, "build.trigger", source.repository, f"{ref.type} {ref.name} {commit}".strip())
    return builds


def retry_build(actor: User, build: Build) -> Build:
    """Try a build that ended again: the same build with one more attempt, its earlier logs kept.

    A success is built anew as a build of its own, since `build-<n>` never moves. Raises Refused while it runs.
    """
    if build.state == State.SUCCEEDED:
        return _build_anew(actor, build)
    if not can_retry(State(build.state)):
        raise Refused(f"Build #{build.number} is still {build.state}. Cancel it first, or wait.", code="conflict")
    try:
        with transaction.atomic():
            changed = Build.objects.filter(pk=build.pk, state__in=FINAL - {State.SUCCEEDED}).update(
                state=State.QUEUED,
                queued_at=timezone.now(),
                not_before=database_now(),
                wait_reason=f"Tried again by {actor.get_username()}.",
                priority=Build.Priority.MANUAL,
                platform_failures=0,
                **_CLEARED,
                **(held_again() if build.hold == APPROVAL else {}),
            )
            if changed:
                record_event(build.pk, "queued", build.attempt, by=actor.get_username())
                build.refresh_from_db()
                ask_for_approval(build)
                audit.record(actor, "build.retry", build)
                enqueue("builds.run_next", expires_s=60)
    except IntegrityError as error:
        raise Refused("Another build of the same commit and rule is under way.", code="conflict") from error
    build.refresh_from_db()
    return build


_CLEARED: dict[str, Any] = {
    "error_kind": "",
    "error_message": "",
    "error_step": "",
    "error_line": None,
    "failure_key": "",
    "cancel_requested_at": None,
    "cancelled_by": "",
    "cancel_reason": "",
    "skip_reason": "",
    "superseded_by": None,
    "lease_until": None,
    "worker": "",
    "started_at": None,
    "finished_at": None,
    "deadline_at": None,
    "log_clipped": "",
}


def _build_anew(actor: User, build: Build) -> Build:
    if build.source is None or build.rule is None:
        raise Refused("The source or the rule of this build is gone, so it cannot be built again.", code="conflict")
    ref = Ref(build.ref_type, build.ref)  # type: ignore[arg-type]  # choices are exactly RefType
    rules, pull_request = [build.rule.spec], read_pull_request(build.pull_request)
    if pull_request is not None:
        verdicts = judge(pull_request, rules, commit=build.commit, manual=True)
    else:
        verdicts = evaluate(ref, rules, commit=build.commit, manual=True, known=known_of(build.source, rules))
    if not verdicts[0].builds:
        raise NothingMatches(summary_sentence(ref, verdicts), verdicts)
    order = Order(
        cause=Build.Cause.RETRY,
        detail=f"build #{build.number} again, by {actor.get_username()}",
        commit_message=build.commit_message,
        commit_author=build.commit_author,
        pull_request=pull_request,
    )
    with transaction.atomic():
        made = request_builds(build.source, ref, build.commit, verdicts, order)
        Build.objects.filter(pk=made[0].pk).update(retry_of=build)
        audit.record(actor, "build.retry", build)
    return made[0]
