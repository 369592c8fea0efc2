"""Saving build rules: all of a source at once, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from accounts import audit
from accounts.models import User
from builds.core.paths import clean_path
from builds.core.rules import MAX_RULES, Problem, RuleSpec, check_rule
from builds.core.templates import split_templates
from builds.models import BuildRule, Source
from lib.refusal import Refused


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule as somebody wants it. `spec.id` names the saved rule that it changes; None makes a new one."""

    spec: RuleSpec
    supersedes_running: bool = False
    timeout_s: int | None = None


class RulesRefused(Refused):
    """Nothing was saved. `problems` gives for each place in the list what is wrong there."""

    def __init__(self, problems: Mapping[int, tuple[Problem, ...]]) -> None:
        self.problems = dict(problems)
        first = min(self.problems)
        problem = self.problems[first][0]
        more = sum(map(len, self.problems.values())) - 1
        also = f" ({more} more)" if more else ""
        super().__init__(f"Nothing was saved. Rule {first + 1}, {problem.field}: {problem.message}{also}")


def save_rules(actor: User, source: Source, drafts: Sequence[RuleDraft]) -> list[BuildRule]:
    """Make these the rules of `source`, in this order. All or nothing; the same call again changes nothing.

    Raises RulesRefused with every problem, so that a form can show each at its field.
    """
    if len(drafts) > MAX_RULES:
        raise Refused(f"Nothing was saved: a source has at most {MAX_RULES} rules, and these are {len(drafts)}.")
    if problems := {i: found for i, draft in enumerate(drafts) if (found := check_rule(draft.spec))}:
        raise RulesRefused(problems)
    with transaction.atomic():
        # The source's row, since a source without rules has none that could be locked.
        Source.objects.select_for_update().get(pk=source.pk)
        saved = {rule.pk: rule for rule in source.rules.all()}
        rules = [_apply(saved, source, position, draft) for position, draft in enumerate(drafts)]
        source.rules.exclude(pk__in=[rule.pk for rule in rules]).delete()
        audit.record(actor, "rules.save", source.repository, f"{len(rules)} rules")
    return rules


def _apply(saved: dict[int, BuildRule], source: Source, position: int, draft: RuleDraft) -> BuildRule:
    spec = draft.spec
    rule = saved.pop(spec.id, None) if isinstance(spec.id, int) else None
    # Without an id (the API replaces the list) a rule for the same refs is the same rule: its builds stay its builds.
    rule = rule or _alike(saved, spec) or BuildRule(source=source)
    rule.position = position
    rule.ref_type = spec.ref_type
    rule.pattern = spec.pattern
    rule.tags = split_templates(spec.tags)
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
    rule.save()
    return rule


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
