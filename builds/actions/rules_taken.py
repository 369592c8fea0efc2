"""What a reading of `.imageyard.yml` changes: the rules, and the builds of the push that brought them.

Who asks for a reading stands in `rules_file`; the file's text is read by the core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from builds.actions.known import known_of
from builds.actions.request import Order, request_builds
from builds.actions.rules import ExamplesBroken, RuleDraft, RulesRefused, save_rules
from builds.actions.runs import record_event
from builds.core.examples import example_rows, examples_of
from builds.core.plan import evaluate
from builds.core.rules import Ref
from builds.core.rulesfile import FILE_NAME, RuleFileRule, read_rules_file
from builds.core.states import RUNNING, State
from builds.models import Build, BuildRule, RulesFileRead, Source
from builds.models.build import HALF_PUBLISHED

BY_ITSELF = "Imageyard"
MOST_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class Found:
    """What a worker found on the default branch: the file at `commit`, None where there is none."""

    commit: str
    text: bytes | None


def apply_reading(reading: RulesFileRead, found: Found) -> list[Build]:
    """Make the file's rules the rules, and judge the push that brought them by those that are new or changed.

    A file with a problem changes nothing: the rules that were there stay, and the page says what is wrong where.
    Again is harmless: then nothing is new.
    """
    with transaction.atomic():
        rows = Source.objects.select_for_update(of=("self",)).select_related("repository__namespace")
        source = rows.get(pk=reading.pk)
        builds: list[Build] = []
        if source.rules_from == Source.RulesFrom.FILE:
            before = {rule.pk: _content(rule) for rule in source.rules.all()}
            problems = _apply(source, found)
            Source.objects.filter(pk=source.pk).update(
                rules_file={
                    "commit": found.commit,
                    "read_at": timezone.now().isoformat(),
                    "problems": problems[:MOST_PROBLEMS],
                }
            )
            if not problems:
                builds = _judge_again(source, reading.push, before)
        mine = RulesFileRead.objects.filter(pk=reading.pk, asked_at=reading.asked_at)
        mine.update(asked_at=None, failures=0, push={})
    return builds


def _apply(source: Source, found: Found) -> list[dict[str, Any]]:
    """What is wrong with the file, as `{line, column, message}`; [] where its rules are in force now."""
    if found.text is None:
        where = f"branch `{source.default_branch}`" if source.default_branch else "the default branch"
        return [_problem(0, f"There is no `{FILE_NAME}` on {where}. The rules that were there stay in force.")]
    read = read_rules_file(found.text)
    if read.problems:
        return [_problem(each.line, each.message, each.column) for each in read.problems]
    if [_wanted(rule) for rule in read.rules] == [_content(rule) for rule in source.rules.all()]:
        return []
    try:
        save_rules(None, source, [draft_of(rule) for rule in read.rules], from_file=True)
    except (ExamplesBroken, RulesRefused) as refused:
        return [
            _problem(read.rules[place].line, problem.message)
            for place, problems in sorted(refused.problems.items())
            for problem in problems
        ]
    return []


def _problem(line: int, message: str, column: int = 0) -> dict[str, Any]:
    return {"line": line, "column": column, "message": message}


def draft_of(rule: RuleFileRule) -> RuleDraft:
    """A rule of a file as the action takes it."""
    return RuleDraft(
        rule.spec,
        supersedes_running=rule.supersedes_running,
        timeout_s=rule.timeout_s,
        schedule=rule.schedule,
        schedule_zone=rule.schedule_zone,
        examples=rule.examples,
    )


def file_rule_of(rule: BuildRule) -> RuleFileRule:
    """A saved rule as a file holds it; its spec keeps the rule's id."""
    return RuleFileRule(
        rule.spec,
        supersedes_running=rule.supersedes_running,
        timeout_s=rule.timeout_s,
        schedule=rule.schedule,
        schedule_zone=rule.schedule_zone if rule.schedule else "UTC",
        examples=examples_of(rule.examples),
    )


def _content(rule: BuildRule) -> tuple[object, ...]:
    """What a file says of a rule, to tell an edit from none."""
    return _wanted(file_rule_of(rule))


def _wanted(rule: RuleFileRule) -> tuple[object, ...]:
    spec = rule.spec
    return (
        *(spec.ref_type, spec.pattern, spec.tags, spec.dockerfile, spec.context, spec.target, spec.platforms),
        *(tuple(spec.build_args.items()), spec.autobuild, spec.cache, spec.paths_include, spec.paths_exclude),
        *(rule.supersedes_running, rule.timeout_s, rule.schedule, rule.schedule_zone),
        tuple((row["ref_type"], row["ref"], *row["tags"]) for row in example_rows(rule.examples)),
    )


def _judge_again(source: Source, push: dict[str, Any], before: dict[int, tuple[object, ...]]) -> list[Build]:
    """Build the push by the rules that are new or changed; what it asked for by a rule as it was is pointless now."""
    rules = list(source.rules.all())
    fresh = [rule for rule in rules if before.get(rule.pk, ())[:-1] != _content(rule)[:-1]]  # not the examples
    gone = set(before) - {rule.pk for rule in rules}
    if not push or not (fresh or gone):
        return []
    ref, commit = Ref("branch", push["ref"]), push["commit"]
    delivery = UUID(push["delivery_id"]) if push["delivery_id"] else None
    stale = Build.objects.active().filter(source=source, ref_type=ref.type, ref=ref.name, commit=commit)
    changed = [rule.pk for rule in fresh if rule.pk in before]
    _stop(stale.filter(cause=Build.Cause.PUSH, rule_id__in=changed))
    _stop(stale.filter(cause=Build.Cause.PUSH, delivery_id=delivery, rule=None))
    specs = [rule.spec for rule in fresh]
    verdicts = evaluate(ref, specs, commit=commit, known=known_of(source, specs))
    order = Order(
        cause=Build.Cause.PUSH,
        detail=f"{push['detail']}; the push changed `{FILE_NAME}`".removeprefix("; "),
        delivery_id=delivery,
        before=push["before"],
        forced=push["forced"],
        commit_message=push["message"],
        commit_author=push["author"],
    )
    return request_builds(source, ref, commit, verdicts, order)


def _stop(rows: Any) -> None:
    now = timezone.now()
    asked = {"cancelled_by": BY_ITSELF, "cancel_reason": f"The same push changed this rule in `{FILE_NAME}`."}
    for build in list(rows):
        waiting = Build.objects.filter(pk=build.pk, state=State.QUEUED).exclude(HALF_PUBLISHED)
        running = Build.objects.filter(pk=build.pk, state__in=RUNNING, cancel_requested_at=None)
        if waiting.update(state=State.CANCELLED, cancel_requested_at=now, finished_at=now, wait_reason="", **asked):
            record_event(build.pk, "finished", build.attempt, state=State.CANCELLED.value)
        elif running.update(cancel_requested_at=now, **asked):
            record_event(build.pk, "cancel", build.attempt, by=BY_ITSELF)
