"""Which pushes never reached us: the refs as the forge has them now, compared with what was built. Asks nobody."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from builds.core.facts import NOTHING_KNOWN, Known
from builds.core.plan import evaluate
from builds.core.refnames import Ref
from builds.core.rules import RuleSpec
from lib.versions import parse_version

RuleId = int | str | None
Done = tuple[RuleId, Ref, str]
"""A rule, a ref and a commit that were dealt with. Rule None: for every rule; commit "": whatever is newest."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A ref whose newest commit is not built by rules that build it. `before` is the commit that was built last."""

    ref: Ref
    commit: str
    before: str = ""
    rule_ids: tuple[RuleId, ...] = ()
    rules: tuple[str, ...] = ()


def missed(
    tips: Mapping[Ref, str],
    rules: Sequence[RuleSpec],
    *,
    seen: Mapping[Ref, str] | None,
    built: Mapping[tuple[RuleId, Ref], str],
    done: Collection[Done] = (),
    asked: Collection[Ref] = (),
    known: Known = NOTHING_KNOWN,
) -> tuple[Missed, ...]:
    """What the rules build of a push and nobody has built, by kind and name of the ref.

    `tips` are the refs now, `seen` those of the look before: only what moved since can have been missed, since what
    stood there before a rule was made, or before the repository was linked, is for back-fill. Without a look before
    (`seen` None) only refs that were built already count. `built` is the last commit built of each rule and ref.
    `asked` are refs that a question is open about; they are looked at again.
    """
    found = []
    for ref, commit in sorted(tips.items(), key=lambda item: (item[0].type, item[0].name)):
        if seen is not None and seen.get(ref) == commit and ref not in asked:
            continue
        judging = rules if seen is not None else [rule for rule in rules if (rule.id, ref) in built]
        verdicts = [
            verdict
            for verdict in evaluate(ref, judging, commit=commit, known=known)
            if verdict.builds and not _is_done(verdict.rule_id, ref, commit, done)
        ]
        if verdicts:
            before = next((built[v.rule_id, ref] for v in verdicts if (v.rule_id, ref) in built), "")
            ids, patterns = tuple(v.rule_id for v in verdicts), tuple(v.rule for v in verdicts)
            found.append(Missed(ref, commit, before, ids, patterns))
    return tuple(found)


def _is_done(rule: RuleId, ref: Ref, commit: str, done: Collection[Done]) -> bool:
    return any((one, ref, which) in done for one in (rule, None) for which in (commit, ""))


def newest_of_each_rule(pushes: Sequence[Missed]) -> tuple[Missed, ...]:
    """For each rule the one that is newest: the highest version, or the last by name, where a rule fits many refs.

    Each is left with the rules that it is the newest of.
    """
    best: dict[RuleId, Missed] = {}
    for push in pushes:
        for rule in push.rule_ids:
            best[rule] = max(best.get(rule, push), push, key=_age)
    return tuple(_narrowed(push, best) for push in pushes if push in best.values())


def _age(push: Missed) -> tuple[bool, object, str]:
    version = parse_version(push.ref.name)
    return version is not None, version or (), push.ref.name


def _narrowed(push: Missed, best: Mapping[RuleId, Missed]) -> Missed:
    kept = [(rule, text) for rule, text in _pairs(push) if best[rule] == push]
    return Missed(push.ref, push.commit, push.before, tuple(r for r, _ in kept), tuple(text for _, text in kept))


def _pairs(push: Missed) -> Iterator[tuple[RuleId, str]]:
    return zip(push.rule_ids, push.rules, strict=True)
