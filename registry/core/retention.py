"""Retention: which tags stay and which go, each with the sentence of the rule that decided. No I/O, no clock.

Keeping wins over removing, and a tag that no rule speaks of stays. Whatever the rules say, a tag stays that somebody
holds, that never moves, that is in use, that is the newest image of a branch that is there, and a build tag whose image
a floating tag that stays points to. Rules that cannot be read remove nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lib.humanize import plural, quoted
from registry.core.retention_rules import RetentionRule, TagKind, kind_of
from registry.core.tag_key import tag_key


@dataclass(frozen=True, slots=True, kw_only=True)
class TagFacts:
    """What is known of one tag. Build and ref are those of the build that put it; empty where none did.

    `ref_type` is branch, tag or pull_request, `ref` its name or number; `gone_at` when it was deleted or closed, None
    while it is there or nobody knows. `fixed` and `in_use` are clauses that say why it stays ("it is a base image of
    another repository"), `newest_of` names the live ref whose newest image it has ("branch `main`"); "" where not so.
    """

    name: str
    digest: str
    pushed_at: datetime
    last_pulled_at: datetime | None = None
    pulls: int = 0
    build_number: int | None = None
    ref_type: str = ""
    ref: str = ""
    gone_at: datetime | None = None
    is_held: bool = False
    held_by: str = ""
    fixed: str = ""
    in_use: str = ""
    newest_of: str = ""
    size_bytes: int | None = None

    @property
    def kind(self) -> TagKind:
        return kind_of(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is obeyed. With a `problem` (a sentence) nothing goes. `in_use_days` of 0: pulls do not count as use."""

    rules: tuple[RetentionRule, ...] = ()
    in_use_days: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """One tag: whether it goes, the clause that says why, and the same clause without what is the tag's own."""

    tag: TagFacts
    goes: bool
    because: str
    why: str

    @property
    def sentence(self) -> str:
        return f"{'goes' if self.goes else 'stays'}: {self.because}"


def choose(tags: Sequence[TagFacts], policy: Policy, now: datetime) -> tuple[Decision, ...]:
    """Decide every tag of one repository, in the order in which they are given."""
    if policy.problem:
        return tuple(_stays(tag, f"the policy removes nothing until it is mended: {policy.problem}") for tag in tags)
    if not policy.rules:
        return tuple(_stays(tag, "there is no rule") for tag in tags)
    dead = {tag.name for tag in tags if _is_dead(tag, policy, now)}
    judges = [_judge(rule, tags, dead, now) for rule in policy.rules]
    decided: dict[str, Decision] = {}
    staying: dict[str, str] = {}  # the floating tags that stay, by the image that they point to
    for tag in sorted(tags, key=lambda one: one.kind == "build"):
        decision = _guarded(tag, policy, staying, now) or _judged(tag, judges)
        decided[tag.name] = decision
        if tag.kind != "build" and not decision.goes:
            staying.setdefault(tag.digest, tag.name)
    return tuple(decided[tag.name] for tag in tags)


def _guarded(tag: TagFacts, policy: Policy, floating: dict[str, str], now: datetime) -> Decision | None:
    """What no rule can take away."""
    return _wanted(tag) or _pulled(tag, policy.in_use_days, now) or _newest(tag, floating)


def _wanted(tag: TagFacts) -> Decision | None:
    if tag.is_held:
        return _stays(tag, f"it is held by {tag.held_by}" if tag.held_by else "it is held", "somebody holds it")
    if tag.fixed:
        return _stays(tag, tag.fixed, "it is one of the fixed tags")
    return _stays(tag, tag.in_use, "it is in use") if tag.in_use else None


def _pulled(tag: TagFacts, days: int, now: datetime) -> Decision | None:
    pulled = tag.last_pulled_at
    if not days or pulled is None or pulled <= now - timedelta(days=days):
        return None
    said = f"pulled within {plural(days, 'day')}, so it is in use"
    return _stays(tag, f"{said}: last on {_day(pulled)}", said)


def _newest(tag: TagFacts, floating: dict[str, str]) -> Decision | None:
    if tag.kind != "build":
        if not tag.newest_of:
            return None
        return _stays(tag, f"it is the newest image of {tag.newest_of}", "it is the newest image of its branch or rule")
    other = floating.get(tag.digest)
    if not other:
        return None
    said = f"{quoted(other)} points to its image, and a roll back needs it"
    return _stays(tag, said, "a floating tag points to its image")


_Judge = Callable[[TagFacts], "Decision | None"]


def _judged(tag: TagFacts, judges: Iterable[_Judge]) -> Decision:
    goes: Decision | None = None
    for judge in judges:
        said = judge(tag)
        if said is not None and not said.goes:
            return said
        goes = goes or said
    if goes is not None:
        return goes
    if tag.gone_at is not None:
        return _stays(tag, f"{_ref(tag)} {_ended(tag)}, and no rule takes it yet", "no rule speaks of it")
    return _stays(tag, "no rule speaks of it")


def _judge(rule: RetentionRule, tags: Sequence[TagFacts], dead: set[str], now: datetime) -> _Judge:
    """What a rule says of a tag; None where it does not speak of it."""
    if rule.gone_days is not None:
        return lambda tag: _judge_gone(rule, tag, now)
    lasting = _last(rule, tags, dead)

    def judge(tag: TagFacts) -> Decision | None:
        if not rule.speaks_of(tag.name, tag.kind):
            return None
        if rule.always:
            return _stays(tag, f"{rule.noun} always {'stays' if rule.pattern == tag.name else 'stay'}")
        return _kept(rule, tag, lasting, now) or _let_go(rule, tag)

    return judge


def _kept(rule: RetentionRule, tag: TagFacts, lasting: set[str], now: datetime) -> Decision | None:
    if tag.name in lasting:
        each = f" that {_ref(tag)} made" if rule.per_ref and tag.ref else ""
        return _stays(tag, f"{_one_of(rule)}{each}", f"{_one_of(rule)}{' of each branch' if rule.per_ref else ''}")
    if rule.days is not None and tag.pushed_at > now - timedelta(days=rule.days):
        return _stays(tag, f"younger than {plural(rule.days, 'day')}")
    pulled = tag.last_pulled_at
    if rule.pulled_days is not None and pulled is not None and pulled > now - timedelta(days=rule.pulled_days):
        said = f"pulled within {plural(rule.pulled_days, 'day')}"
        return _stays(tag, f"{said}, last on {_day(pulled)}", said)
    return None


def _let_go(rule: RetentionRule, tag: TagFacts) -> Decision:
    own, alike = [], []
    if rule.last is not None:
        each = f" that {_ref(tag)} made" if rule.per_ref and tag.ref else ""
        own.append(f"not {_one_of(rule)}{each}")
        alike.append(f"not {_one_of(rule)}{' of each branch' if rule.per_ref else ''}")
    if rule.days is not None:
        own.append(f"older than {plural(rule.days, 'day')}")
        alike.append(own[-1])
    if rule.pulled_days is not None:
        own.append(f"not pulled since {_day(tag.last_pulled_at)}" if tag.last_pulled_at else "never pulled")
        alike.append(f"not pulled within {plural(rule.pulled_days, 'day')}")
    return Decision(tag, True, _listed(own), _listed(alike))


def _judge_gone(rule: RetentionRule, tag: TagFacts, now: datetime) -> Decision | None:
    assert rule.gone_days is not None
    if tag.gone_at is None or not rule.speaks_of(tag.name, tag.kind):
        return None
    if tag.gone_at > now - timedelta(days=rule.gone_days):
        return None  # its time has not come, and other rules may speak
    why = f"its branch or pull request is gone for {plural(rule.gone_days, 'day')}"
    return Decision(tag, True, f"{_ref(tag)} {_ended(tag)}", why)


def _is_dead(tag: TagFacts, policy: Policy, now: datetime) -> bool:
    return any(rule.gone_days is not None and _judge_gone(rule, tag, now) is not None for rule in policy.rules)


def _last(rule: RetentionRule, tags: Sequence[TagFacts], dead: set[str]) -> set[str]:
    """The names of the last ones: of all that the rule speaks of, or of each ref that still lives."""
    if rule.last is None:
        return set()
    groups: dict[tuple[str, str], list[TagFacts]] = {}
    for tag in tags:
        if rule.speaks_of(tag.name, tag.kind) and not (rule.per_ref and tag.name in dead):
            groups.setdefault((tag.ref_type, tag.ref) if rule.per_ref else ("", ""), []).append(tag)
    newest_first = _by_version if rule.by == "version" else _by_push
    return {tag.name for group in groups.values() for tag in sorted(group, key=newest_first, reverse=True)[: rule.last]}


def _by_push(tag: TagFacts) -> tuple[datetime, bytes, str]:
    return tag.pushed_at, tag_key(tag.name), tag.name


def _by_version(tag: TagFacts) -> tuple[bytes, datetime, str]:
    return tag_key(tag.name), tag.pushed_at, tag.name


def _stays(tag: TagFacts, because: str, why: str = "") -> Decision:
    return Decision(tag, False, because, why or because)


def _one_of(rule: RetentionRule) -> str:
    by = " by version" if rule.by == "version" else ""
    return f"one of the last {rule.last:,}{by} of {rule.noun}" if rule.last != 1 else f"the last{by} of {rule.noun}"


def _ref(tag: TagFacts) -> str:
    if tag.ref_type == "pull_request":
        return f"pull request #{tag.ref}"
    return f"{tag.ref_type or 'ref'} {quoted(tag.ref)}"


def _ended(tag: TagFacts) -> str:
    assert tag.gone_at is not None
    return f"was {'closed' if tag.ref_type == 'pull_request' else 'deleted'} on {_day(tag.gone_at)}"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y}"


def _listed(phrases: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(phrases[:-1]), phrases[-1])))
