"""A policy of retention as a form: rows of fields for its rules, read as they are typed. Judging is the core's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import time
from typing import Any

from builds.actions.retention_policies import PolicyDraft, draft_problems
from registry.core.retention_rules import (
    MOST_RULES,
    RetentionRule,
    describe_rule,
    read_rules,
)
from registry.models import RetentionPolicy

_NUMBERS = ("last", "days", "pulled_days", "gone_days")
_MOST_DIGITS = 9
_OF_RULES = {"which", "pattern", "by", "always", "per_ref", *_NUMBERS}

SUGGESTED: tuple[dict[str, Any], ...] = (
    {"which": "build", "last": 10, "per_ref": True},
    {"which": "all", "gone_days": 7},
)
"""What a form offers where there is no policy yet; nothing of it is saved."""


@dataclass(frozen=True, slots=True)
class RuleRow:
    """The fields of one rule as they stand on the page, its sentence where it is in order, and what is wrong."""

    which: str = "build"
    pattern: str = ""
    does: str = "keep"  # keep, always or gone
    last: str = ""
    by: str = "push"
    per_ref: bool = False
    days: str = ""
    pulled_days: str = ""
    gone_days: str = ""
    sentence: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PolicyForm:
    """What stands in the form. `problems` are of the fields that are no rule's."""

    rows: tuple[RuleRow, ...] = ()
    in_use_days: str = "7"
    untagged_days: str = ""
    is_on: bool = True
    run_at: str = "03:00"
    zone: str = "UTC"
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        return not self.problems and not any(row.problems for row in self.rows)

    @property
    def is_full(self) -> bool:
        return len(self.rows) >= MOST_RULES

    def draft(self) -> PolicyDraft:
        """What is saved or tried; a text that is no number stays one, and is refused there."""
        return PolicyDraft(
            rules=[_as_rule(row) for row in self.rows],
            in_use_days=_whole(self.in_use_days, -1),
            untagged_days=_whole(self.untagged_days, 0) if self.untagged_days else None,
            is_on=self.is_on,
            run_at=_time(self.run_at) or time(3),
            zone=self.zone,
        )

    def judged(self) -> PolicyForm:
        """The same form with sentences and with what has to be mended."""
        draft = self.draft()
        found = draft_problems(draft)
        rows = []
        for position, row in enumerate(self.rows):
            wrong = {one.field: one.sentence for one in found if one.position == position and one.field in _OF_RULES}
            rules, _ = read_rules([draft.rules[position]])
            rows.append(replace(row, problems=wrong, sentence=describe_rule(rules[0]) if rules and not wrong else ""))
        others = {one.field: one.sentence for one in found if one.field not in _OF_RULES}
        if _time(self.run_at) is None:
            others["run_at"] = "Write a time of day as 03:00."
        return replace(self, rows=tuple(rows), problems=others)

    def with_row(self) -> PolicyForm:
        return self if self.is_full else replace(self, rows=(*self.rows, RuleRow()))

    def after(self, do: str) -> PolicyForm:
        """The form behind a press of `add` or `remove-<position>`; anything else leaves it as it is."""
        if do == "add":
            return self.with_row()
        position = do.removeprefix("remove-")
        if position == do or not position.isdigit():
            return self
        return self.without(int(position[:4])).judged()

    def without(self, position: int) -> PolicyForm:
        return replace(self, rows=tuple(row for index, row in enumerate(self.rows) if index != position))


def form_of(policy: RetentionPolicy | None, rules: Sequence[dict[str, Any]] | None = None) -> PolicyForm:
    """The form of a saved policy; of none with `rules`, or empty."""
    if policy is None:
        return PolicyForm(rows=_rows(rules or ()))
    return PolicyForm(
        rows=_rows(policy.rules if isinstance(policy.rules, list) else ()),
        in_use_days=str(policy.in_use_days),
        untagged_days="" if policy.untagged_days is None else str(policy.untagged_days),
        is_on=policy.is_on,
        run_at=f"{policy.run_at:%H:%M}",
        zone=policy.zone,
    )


def read_form(data: Mapping[str, Any]) -> PolicyForm:
    """The form as it was sent; takes anything."""
    total = min(max(_whole(data.get("rules", ""), 0), 0), MOST_RULES)
    return PolicyForm(
        rows=tuple(_read_row(data, f"rule-{position}-") for position in range(total)),
        in_use_days=_text(data, "in_use_days", 20),
        untagged_days=_text(data, "untagged_days", 20),
        is_on="is_on" in data,
        run_at=_text(data, "run_at", 20),
        zone=_text(data, "zone", 64) or "UTC",
    )


def _read_row(data: Mapping[str, Any], prefix: str) -> RuleRow:
    numbers: dict[str, Any] = {name: _text(data, prefix + name, 20) for name in _NUMBERS}
    return RuleRow(
        which=_text(data, f"{prefix}which", 20),
        pattern=_text(data, f"{prefix}pattern", 600),
        does=_text(data, f"{prefix}does", 20) or "keep",
        by=_text(data, f"{prefix}by", 20) or "push",
        per_ref=f"{prefix}per_ref" in data,
        **numbers,
    )


def _as_rule(row: RuleRow) -> dict[str, Any]:
    rule: dict[str, Any] = {"which": row.which}
    if row.which == "pattern":
        rule["pattern"] = row.pattern
    if row.does == "always":
        return rule | {"always": True}
    if row.does == "gone":
        return rule | {"gone_days": _number(row.gone_days) or 0}
    typed = {name: _number(getattr(row, name)) for name in ("last", "days", "pulled_days")}
    limits: dict[str, Any] = {name: value for name, value in typed.items() if value is not None}
    if "last" in limits:
        limits |= {"by": row.by, "per_ref": row.per_ref}
    return rule | limits


def _rows(rules: Sequence[dict[str, Any]]) -> tuple[RuleRow, ...]:
    return tuple(_row(rule) for rule in read_rules(list(rules))[0])


def _row(rule: RetentionRule) -> RuleRow:
    numbers: dict[str, Any] = {
        name: "" if getattr(rule, name) is None else str(getattr(rule, name)) for name in _NUMBERS
    }
    does = "gone" if rule.gone_days is not None else "always" if rule.always else "keep"
    return RuleRow(which=rule.which, pattern=rule.pattern, does=does, by=rule.by, per_ref=rule.per_ref, **numbers)


def _text(data: Mapping[str, Any], name: str, most: int) -> str:
    value = data.get(name, "")
    return value.strip()[:most] if isinstance(value, str) else ""


def _number(text: str) -> int | str | None:
    """The number; a text that is none as it is, so that it is refused; None where nothing was typed."""
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else text


def _whole(text: Any, otherwise: int) -> int:
    found = _number(text) if isinstance(text, str) else None
    return found if isinstance(found, int) else otherwise


def _time(text: str) -> time | None:
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None
