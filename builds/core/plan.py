"""The one evaluator: a ref and the rules in, a verdict for every rule out. Creates no build and asks nobody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from builds.core.facts import NOTHING_KNOWN, Known
from builds.core.fill import Moment, Unset, render
from builds.core.patterns import read_pattern
from builds.core.refnames import MANY, ONE, Ref, quoted
from builds.core.rules import RuleSpec, rule_templates
from builds.core.tags import is_reserved, make_legal, why_illegal
from builds.core.templates import Need, Template


@dataclass(frozen=True, slots=True)
class PlannedTag:
    """A legal tag; `changed_from` is the illegal text it was made from, None where nothing had to be changed."""

    name: str
    template: str
    changed_from: str | None = None

    @property
    def written(self) -> str:
        """The text as the template made it."""
        return self.name if self.changed_from is None else self.changed_from


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says of one ref.

    `rule` is the rule's pattern, by which sentences name it. `reason` reads on after that name. `builds` says whether
    a push (or, with `manual`, a person) gets a build. `pending` holds the templates that need what was not given, such
    as the commit or the build's number: they are made at publication. `problems` are sentences on tags not made.
    """

    rule_id: int | str | None
    rule: str
    matched: bool
    builds: bool
    reason: str
    tags: tuple[PlannedTag, ...] = ()
    problems: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()


def evaluate(
    ref: Ref,
    rules: Sequence[RuleSpec],
    *,
    commit: str = "",
    manual: bool = False,
    wakes_paused: bool | None = None,
    known: Known = NOTHING_KNOWN,
) -> tuple[Verdict, ...]:
    """One verdict per rule, in the rules' order; never raises, whatever strings come in.

    `commit` is the full hash, or empty where it is not known yet. `manual` leaves the autobuild switch aside, and
    the pause of a rule that kept failing too, unless `wakes_paused` says otherwise: a machine that asks (a schedule, a
    trigger token) does not wake a paused rule. `known` is what `{date}`, `{build}` and `{latest}` go by; the tag that
    is judged need not be among its tags.
    """
    asked = _Asked(manual, manual if wakes_paused is None else wakes_paused)
    return tuple(_judge(ref, rule, commit=commit, asked=asked, known=known) for rule in rules)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the one who asks may leave aside: that autobuild is off, that the rule is paused."""

    by_hand: bool
    wakes_paused: bool


def _judge(ref: Ref, rule: RuleSpec, *, commit: str, asked: _Asked, known: Known) -> Verdict:
    pattern = read_pattern(rule.pattern)
    if pattern.problem:
        return Verdict(rule.id, rule.pattern, False, False, pattern.problem, problems=(pattern.problem,))
    if ref.type != rule.ref_type:
        wants = MANY.get(rule.ref_type, quoted(rule.ref_type))
        reason = f"did not match: wants {wants}, this is a {ONE.get(ref.type, 'ref of another kind')}"
        return Verdict(rule.id, rule.pattern, False, False, reason)
    captures = pattern.match(ref.name)
    if captures is None:
        return Verdict(rule.id, rule.pattern, False, False, _mismatch(ref, rule, is_regex=pattern.is_regex))
    return _matched(rule, Moment(ref.name, pattern, captures, commit, known), asked)


def _mismatch(ref: Ref, rule: RuleSpec, *, is_regex: bool) -> str:
    if is_regex:
        return f"did not match: {quoted(ref.name)} does not fit {quoted(rule.pattern)}"
    if ref.name.lower() == rule.pattern.lower():
        return f"did not match: wants {quoted(rule.pattern)}, and upper and lower case differ"
    return f"did not match: wants {ONE[ref.type]} {quoted(rule.pattern)}, this is {quoted(ref.name)}"


def _matched(rule: RuleSpec, moment: Moment, asked: _Asked) -> Verdict:
    if rule.ref_type == "pull_request":
        return _of_pull_request(rule, asked)
    tags: dict[str, PlannedTag] = {}
    problems: list[str] = []
    pending: list[str] = []
    unknown = _unknown(moment)
    for template in rule_templates(rule):
        if template.needs & unknown and not template.problems:
            pending.append(template.text)
            continue
        made = _make_tag(template, moment)
        if isinstance(made, PlannedTag):
            tags.setdefault(made.name, made)
        else:
            problems.extend(made)
    has_tags = bool(tags or pending)
    held = _held(rule, asked) if has_tags else ""
    return Verdict(
        rule.id,
        rule.pattern,
        matched=True,
        builds=has_tags and not held,
        reason=held or _match_reason(rule, tuple(tags.values()), problems, has_tags=has_tags),
        tags=tuple(tags.values()),
        problems=tuple(problems),
        pending=tuple(pending),
    )


def _of_pull_request(rule: RuleSpec, asked: _Asked) -> Verdict:
    """What is not merged yet is built and tested, and moves no tag whatever the rule says."""
    held = _held(rule, asked)
    reason = f"matches the base branch by {quoted(rule.pattern)}; built and tested, no tag moves"
    return Verdict(rule.id, rule.pattern, matched=True, builds=not held, reason=held or reason)


def _unknown(moment: Moment) -> frozenset[Need]:
    known = moment.known
    given = {"commit": bool(moment.commit), "date": known.at, "build": known.number, "tags": known.tags}
    return frozenset(need for need, value in given.items() if value is None or value is False)  # type: ignore[misc]


def _make_tag(template: Template, moment: Moment) -> PlannedTag | tuple[str, ...]:
    """The tag of one template, or the sentences that say why there is none."""
    if template.problems:
        return template.problems
    text = render(template, moment)
    if isinstance(text, Unset):
        return (f"The tag {quoted(template.text)} is not made: {text.why}.",)
    name = make_legal(text)
    if name is None:
        return (f"The tag {quoted(template.text)} is not made: {quoted(text)} leaves nothing, as {why_illegal(text)}.",)
    if is_reserved(name):
        return (f"The tag {quoted(template.text)} is not made: `{name}` is reserved for build {name[6:]} itself.",)
    return PlannedTag(name, template.text, None if name == text else text)


def _held(rule: RuleSpec, asked: _Asked) -> str:
    """Why a rule that matches does not build; "" where it does."""
    if rule.paused and not asked.wakes_paused:
        why = rule.paused.rstrip(".")
        return f"matches, but the rule is paused since {why}. Resume it on the Rules page, or start it by hand"
    if not rule.autobuild and not asked.by_hand:
        return "matches, but autobuild is off: start it by hand"
    return ""


def _match_reason(rule: RuleSpec, tags: tuple[PlannedTag, ...], problems: Sequence[str], *, has_tags: bool) -> str:
    if not has_tags:
        return f"matches, but makes no tag, so nothing is built: {problems[0] if problems else 'the rule has no tags.'}"
    reason = f"matches {quoted(rule.pattern)}"
    for tag in tags:
        if tag.changed_from is not None:
            reason += f"; {quoted(tag.changed_from)} became `{tag.name}`, as {why_illegal(tag.changed_from)}"
    if problems:
        reason += f"; {len(problems)} of its tags {'is' if len(problems) == 1 else 'are'} not made"
    return reason


@dataclass(frozen=True, slots=True)
class Collision:
    """One tag that several pushes would fight over: which refs make it, by which rules."""

    tag: str
    makers: tuple[tuple[Ref, str], ...]
    message: str


def find_collisions(pairs: Iterable[tuple[Ref, Sequence[Verdict]]]) -> tuple[Collision, ...]:
    """Tags that come from different names (`feature/a` and `feature-a`) or from different rules, for the rule tester.

    A tag that one rule makes from many refs by the same text (`latest`, `1.2`) moves on purpose and is not told.
    """
    makers: dict[str, list[tuple[Ref, Verdict, PlannedTag]]] = defaultdict(list)
    for ref, verdicts in pairs:
        for verdict in verdicts:
            for tag in verdict.tags:
                makers[tag.name].append((ref, verdict, tag))
    return tuple(
        _collision(name, found)
        for name, found in sorted(makers.items())
        if len({(verdict.rule_id, verdict.rule, tag.written) for _, verdict, tag in found}) > 1
    )


def _collision(name: str, found: Sequence[tuple[Ref, Verdict, PlannedTag]]) -> Collision:
    pairs = tuple(dict.fromkeys((ref, verdict.rule) for ref, verdict, _ in found))
    refs = list(dict.fromkeys(f"{ONE.get(ref.type, 'ref')} {quoted(ref.name)}" for ref, _ in pairs))
    if len(refs) == 1:
        message = f"`{name}` is made by {len(pairs) or 1} rules from {refs[0]}: two builds, and the later one has it."
    else:
        message = f"`{name}` is made from {_listed(refs)}: whichever is built last has it."
    return Collision(name, pairs, message)


def summary_sentence(ref: Ref, verdicts: Sequence[Verdict], built: Mapping[int | str | None, int] | None = None) -> str:
    """The line in the list of deliveries. `built` maps rule ids to the numbers of the builds that were made.

    "Delivered, nothing to build: no rule matches branch `docs/typo`. Rules: `main`, `/^release-/`."
    "2 rules: build #41 by `main`; `release` did not match: wants tags, this is a branch."
    """
    if not verdicts:
        return "Delivered, nothing to build: this repository has no rules yet. Add one that says which refs to build."
    if not any(verdict.matched for verdict in verdicts) and not any(verdict.problems for verdict in verdicts):
        what = f"{ONE.get(ref.type, 'ref')} {quoted(ref.name)}"
        rules = _listed([quoted(verdict.rule) for verdict in verdicts], last=", ")
        return f"Delivered, nothing to build: no rule matches {what}. Rules: {rules}."
    told = _listed([_told(verdict, built or {}).rstrip(".") for verdict in verdicts], between="; ", last="; ")
    if not any(verdict.builds for verdict in verdicts):
        return f"Delivered, nothing to build: {told}."
    return f"{len(verdicts)} rule{'' if len(verdicts) == 1 else 's'}: {told}."


def _told(verdict: Verdict, built: Mapping[int | str | None, int]) -> str:
    if not verdict.builds:
        separator = ": " if verdict.reason[:1].isupper() else " "
        return f"{quoted(verdict.rule)}{separator}{verdict.reason}"
    if verdict.rule_id in built:
        return f"build #{built[verdict.rule_id]} by {quoted(verdict.rule)}"
    return f"{quoted(verdict.rule)} builds {_listed([f'`{tag.name}`' for tag in verdict.tags] or ['an image'])}"


def _listed(items: Sequence[str], *, between: str = ", ", last: str = " and ", most: int = 8) -> str:
    """Items as words, the tail of a long list as a number."""
    if len(items) > most:
        return f"{between.join(items[:most])} and {len(items) - most} more"
    return last.join(filter(None, (between.join(items[:-1]), items[-1])))
