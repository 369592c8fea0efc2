"""The rules that a delivery was judged by, as its row keeps them and as the evaluator reads them again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from builds.core.rules import RuleSpec, describe_rule

_LISTS = ("tags", "platforms", "paths_include", "paths_exclude")
_NAMES = frozenset(field.name for field in fields(RuleSpec))


def rules_as_json(rules: Iterable[RuleSpec]) -> list[dict[str, Any]]:
    """What `Delivery.rules_snapshot` keeps: each field of each rule, in the rules' order."""
    return [asdict(rule) for rule in rules]


def rules_of_snapshot(rows: Sequence[Mapping[str, Any]]) -> tuple[RuleSpec, ...]:
    """The rules again. Fields that are new since are as a rule without them has them; those that are gone are left."""
    return tuple(RuleSpec(**{**_known(row), **{n: tuple(row[n]) for n in _LISTS if n in row}}) for row in rows)


def _known(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in _NAMES}


def since_then(rules: Sequence[RuleSpec], today: Sequence[RuleSpec]) -> dict[int | str | None, str]:
    """Rule id → what became of the rule, as a sentence; "" where it is as it was."""
    now = {rule.id: rule for rule in today}
    told: dict[int | str | None, str] = {}
    for rule in rules:
        newer = now.get(rule.id)
        if newer is None:
            told[rule.id] = "Deleted since."
        elif newer == rule:
            told[rule.id] = ""
        elif describe_rule(newer) == describe_rule(rule):
            told[rule.id] = "Changed since, in what is not said here."
        else:
            told[rule.id] = f"Changed since. Today: {describe_rule(newer)}."
    return told
