"""What `builds.core.missed` has to be told, from the rows: what was built, what was skipped, what was decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from django.db.models import Max

from builds.actions.known import known_of
from builds.core.missed import Done, Missed, RuleId, missed
from builds.core.rules import Ref
from builds.core.states import ACTIVE
from builds.models import Build, CatchUp, CatchUpLook, SkippedPush, Source

T = TypeVar("T")
_DECISIONS = 50
_CHUNK = 500


def key_of(ref: Ref) -> str:
    """A ref as `CatchUpLook.seen` names it: "branch main"."""
    return f"{ref.type} {ref.name}"


def ref_of(key: str) -> Ref:
    """The ref behind such a key."""
    ref_type, _, name = key.partition(" ")
    return _ref(ref_type, name)


def _ref(ref_type: str, name: str) -> Ref:
    return Ref(ref_type, name)  # type: ignore[arg-type]  # what the rows hold is exactly RefType


def row_of(push: Missed) -> dict[str, Any]:
    """A missed push as `CatchUp.missed` keeps it."""
    return {
        "ref_type": push.ref.type,
        "ref": push.ref.name,
        "commit": push.commit,
        "before": push.before,
        "rule_ids": list(push.rule_ids),
        "rules": list(push.rules),
    }


def push_of(row: Mapping[str, Any]) -> Missed:
    return Missed(
        Ref(row["ref_type"], row["ref"]), row["commit"], row["before"], tuple(row["rule_ids"]), tuple(row["rules"])
    )


def find_missed(
    source: Source, look: CatchUpLook, tips: Mapping[Ref, str], question: CatchUp | None
) -> tuple[Missed, ...]:
    """What was missed of `source`, whose refs are `tips` now."""
    if look.looked_at is not None and look.clone_url != source.clone_url:
        return ()  # another Git repository since the last look: nothing of it can have been missed yet
    seen = {ref_of(key): commit for key, commit in look.seen.items()} if look.looked_at is not None else None
    asked = {push_of(row).ref for row in question.missed} if question else set()
    moved = {
        ref: commit for ref, commit in tips.items() if seen is None or seen.get(ref) != commit or ref in asked
    }  # what stands where it stood needs no look at the rows
    rules = [rule.spec for rule in source.rules.all()]
    if not rules or not moved:
        return ()
    return missed(
        moved,
        rules,
        seen=seen,
        built=_built(source, moved),
        done=set(_done(source, moved)),
        asked=asked,
        known=known_of(source, rules),
    )


def _built(source: Source, tips: Mapping[Ref, str]) -> dict[tuple[RuleId, Ref], str]:
    """The commit of the newest build of each rule and ref."""
    rows = Build.objects.filter(source=source, rule__isnull=False).exclude(commit="").exclude(ref_type="pull_request")
    newest: list[int] = []
    for names in _chunks([ref.name for ref in tips]):
        groups = rows.filter(ref__in=names).order_by().values("rule_id", "ref_type", "ref")
        newest += groups.annotate(newest=Max("pk")).values_list("newest", flat=True)
    found: dict[tuple[RuleId, Ref], str] = {}
    for keys in _chunks(newest):
        values = Build.objects.filter(pk__in=keys).values_list("rule_id", "ref_type", "ref", "commit")
        found |= {(rule, _ref(ref_type, name)): commit for rule, ref_type, name, commit in values}
    return found


def _done(source: Source, tips: Mapping[Ref, str]) -> Iterator[Done]:
    """Builds in any state, those that wait for the newest commit, skipped pushes, and what members decided."""
    builds = Build.objects.filter(source=source)
    skips = SkippedPush.objects.filter(source=source)
    for commits in _chunks(list(set(tips.values()))):
        values = builds.filter(commit__in=commits).values_list("rule_id", "ref_type", "ref", "commit")
        for rule, ref_type, ref, commit in values:
            # A build whose rule was deleted counts for every rule: the commit was dealt with.
            yield rule, _ref(ref_type, ref), commit
        for ref_type, ref, commit in skips.filter(commit__in=commits).values_list("ref_type", "ref", "commit"):
            yield None, _ref(ref_type, ref), commit
    waiting = builds.filter(commit="", state__in=ACTIVE).values_list("rule_id", "ref_type", "ref")
    yield from ((rule, _ref(ref_type, ref), "") for rule, ref_type, ref in waiting)
    decided = CatchUp.objects.filter(source=source).exclude(decided_at=None)
    for rows in decided.values_list("missed", flat=True)[:_DECISIONS]:
        for push in map(push_of, rows):
            yield from ((rule, push.ref, push.commit) for rule in push.rule_ids)


def _chunks(values: list[T]) -> Iterator[list[T]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
