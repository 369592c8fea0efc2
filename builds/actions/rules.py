"""Saving build rules: all of a source at once, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.models import User
from builds.actions.pausing import AWAKE
from builds.core.examples import Example, check_examples, example_problems, example_rows
from builds.core.paths import clean_path
from builds.core.rules import MAX_RULES, Problem, RuleSpec, check_rule
from builds.core.schedule import next_run, schedule_problems
from builds.core.templates import split_templates
from builds.models import BuildRule, Source
from lib.clock import database_now
from lib.refusal import Refused


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule as somebody wants it. `spec.id` names the saved rule that it changes; None makes a new one.

    `schedule` is five cron fields in the time zone `schedule_zone`, or "". `examples` None keeps what is saved, and
    asks nothing of it: whoever does not know of examples breaks none.
    """

    spec: RuleSpec
    supersedes_running: bool = False
    timeout_s: int | None = None
    schedule: str = ""
    schedule_zone: str = "UTC"
    examples: tuple[Example, ...] | None = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that can be known to be wrong with it; () is good."""
        found = check_rule(self.spec) + schedule_problems(self.spec, self.schedule, self.schedule_zone)
        return found + tuple(Problem("examples", text) for text in example_problems(self.examples or ()))

    @property
    def broken(self) -> tuple[Problem, ...]:
        """The examples that the rule does not keep."""
        return tuple(
            Problem("examples", checked.sentence)
            for checked in check_examples(self.spec, self.examples or ())
            if not checked.is_good
        )


class RulesRefused(Refused):
    """Nothing was saved. `problems` gives for each place in the list what is wrong there."""

    def __init__(self, problems: Mapping[int, tuple[Problem, ...]]) -> None:
        self.problems = dict(problems)
        first = min(self.problems)
        problem = self.problems[first][0]
        more = sum(map(len, self.problems.values())) - 1
        also = f" ({more} more)" if more else ""
        super().__init__(f"Nothing was saved. Rule {first + 1}, {problem.field}: {problem.message}{also}")


class ExamplesBroken(RulesRefused):
    """The rules are good, and break examples that stand with them: somebody must say that this is meant."""

    def __init__(self, problems: Mapping[int, tuple[Problem, ...]]) -> None:
        super().__init__(problems)
        count = sum(map(len, problems.values()))
        first = min(problems)
        also = f" {count - 1} more {'is' if count == 2 else 'are'} broken too." if count > 1 else ""  # noqa: PLR2004
        self.sentence = f"Nothing was saved. Rule {first + 1}: {problems[first][0].message}{also}"


def save_rules(
    actor: User | None, source: Source, drafts: Sequence[RuleDraft], *, force: bool = False, from_file: bool = False
) -> list[BuildRule]:
    """Make these the rules of `source`, in this order. All or nothing; the same call again changes nothing.

    Raises RulesRefused with every problem, so that a form can show each at its field, and ExamplesBroken where all is
    good but the examples and nobody says `force`. While the rules come from a file nobody else changes them.
    """
    if len(drafts) > MAX_RULES:
        raise Refused(f"Nothing was saved: a source has at most {MAX_RULES} rules, and these are {len(drafts)}.")
    if problems := {i: found for i, draft in enumerate(drafts) if (found := draft.problems)}:
        raise RulesRefused(problems)
    if not force and (broken := {i: found for i, draft in enumerate(drafts) if (found := draft.broken)}):
        raise ExamplesBroken(broken)
    with transaction.atomic():
        # The source's row, since a source without rules has none that could be locked.
        now = Source.objects.select_for_update().get(pk=source.pk)
        if (now.rules_from == Source.RulesFrom.FILE) != from_file:
            raise Refused(_OTHER_SOURCE[now.rules_from], code="conflict")
        saved = {rule.pk: rule for rule in source.rules.all()}
        rules = [_apply(saved, source, position, draft) for position, draft in enumerate(drafts)]
        source.rules.exclude(pk__in=[rule.pk for rule in rules]).delete()
        audit.record(actor, "rules.save", source.repository, f"{len(rules)} rules")
    return rules


_OTHER_SOURCE = {
    "file": "Nothing was saved: the rules come from `.imageyard.yml` of the default branch. Change them there, or take "
    "them back to the Rules page first.",
    "page": "The rules were taken back to the Rules page meanwhile, so the file changes nothing.",
}


def _apply(saved: dict[int, BuildRule], source: Source, position: int, draft: RuleDraft) -> BuildRule:
    spec = draft.spec
    rule = saved.pop(spec.id, None) if isinstance(spec.id, int) else None
    # Without an id (the API replaces the list) a rule for the same refs is the same rule: its builds stay its builds.
    rule = rule or _alike(saved, spec) or BuildRule(source=source)
    before = _content(rule)
    rule.position = position
    rule.ref_type = spec.ref_type
    rule.pattern = spec.pattern
    rule.tags = list(split_templates(spec.tags))
    rule.dockerfile = clean_path(spec.dockerfile, "dockerfile")
    rule.context = clean_path(spec.context, "context")
    rule.target = spec.target
    rule.platforms = list(spec.platforms)
    rule.build_args = dict(spec.build_args)
    rule.autobuild = spec.autobuild
    rule.cache = spec.cache
    rule.paths_include = list(spec.paths_include)
    rule.paths_exclude = list(spec.paths_exclude)
    rule.supersedes_running = draft.supersedes_running
    rule.timeout_s = draft.timeout_s
    if draft.examples is not None:
        rule.examples = example_rows(draft.examples)
    _set_schedule(rule, draft)
    _save(rule, is_edited=_content(rule) != before)
    return rule


def _set_schedule(rule: BuildRule, draft: RuleDraft) -> None:
    """The next run is reckoned anew only where the schedule is another one: saving the page must not put it off."""
    was = rule.schedule, rule.schedule_zone
    rule.schedule = " ".join(draft.schedule.split())
    rule.schedule_zone = (draft.schedule_zone if rule.schedule else "") or "UTC"
    if not rule.schedule:
        rule.schedule_next_at = None
    elif rule.schedule_next_at is None or was != (rule.schedule, rule.schedule_zone):
        rule.schedule_next_at = next_run(rule.schedule, rule.schedule_zone, database_now())


# Not what a person edits; the counters are also written by builds that end in this moment.
_BESIDE = {"id", "source", "position", "schedule_next_at", "examples", *AWAKE}


def _content(rule: BuildRule) -> dict[str, Any]:
    fields = rule._meta.concrete_fields  # noqa: SLF001 — Django documents it for this use
    return {field.name: getattr(rule, field.attname) for field in fields if field.name not in _BESIDE}


def _save(rule: BuildRule, *, is_edited: bool) -> None:
    """A rule that was paused for its failures gets a new chance once it is edited."""
    if rule._state.adding:  # noqa: SLF001 — Django documents it for this use
        rule.save()
        return
    columns = {*_content(rule), "position", "schedule_next_at", "examples"}
    if is_edited:
        for name, value in AWAKE.items():
            setattr(rule, name, value)
        columns |= set(AWAKE)
    rule.save(update_fields=columns)


def _alike(saved: dict[int, BuildRule], spec: RuleSpec) -> BuildRule | None:
    for pk, rule in saved.items():
        if (rule.ref_type, rule.pattern, rule.dockerfile, rule.target) == (
            spec.ref_type,
            spec.pattern,
            spec.dockerfile,
            spec.target,
        ):
            return saved.pop(pk)
    return None
