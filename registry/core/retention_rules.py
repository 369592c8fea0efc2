"""Rules of retention: which tags each speaks of, what it keeps of them, and how that reads. No I/O, no clock.

A rule as JSON, in `RetentionPolicy.rules`, with what is left out being off:

    {which: "all" | "build" | "version" | "other" | "pattern", pattern, always, last, by: "push" | "version", per_ref,
     days, pulled_days, gone_days}
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from lib.humanize import plural, quoted
from lib.patterns import Regex, compile_regex, valid_unicode
from registry.core.reference import is_valid_tag
from registry.core.tag_key import BUILD, VERSION, tag_key

Which = Literal["all", "build", "version", "other", "pattern"]
Order = Literal["push", "version"]
TagKind = Literal["build", "version", "other"]

MOST_RULES = 20
MOST_LAST = 10_000
MOST_DAYS = 3_650
MOST_PATTERN = 500

_NOUNS: dict[str, str] = {"all": "all tags", "build": "`build-<n>`", "version": "versions", "other": "the other tags"}
_LIMITS = {"last": MOST_LAST, "days": MOST_DAYS, "pulled_days": MOST_DAYS, "gone_days": MOST_DAYS}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRule:
    """One rule. It keeps what is `always` so, one of the `last`, younger than `days`, or pulled within `pulled_days`;
    of the tags that it speaks of the others go. One with `gone_days` keeps nothing: its tags go so many days after
    their branch was deleted or their pull request was closed.
    """

    which: Which = "all"
    pattern: str = ""
    always: bool = False
    last: int | None = None
    by: Order = "push"
    per_ref: bool = False
    days: int | None = None
    pulled_days: int | None = None
    gone_days: int | None = None

    @property
    def noun(self) -> str:
        """What it speaks of, as it stands in sentences: `build-<n>`, versions, `/^v/`."""
        return quoted(self.pattern) if self.which == "pattern" else _NOUNS[self.which]

    @property
    def has_limit(self) -> bool:
        """Whether it keeps some and lets the others go."""
        return self.last is not None or self.days is not None or self.pulled_days is not None

    def speaks_of(self, name: str, kind: TagKind) -> bool:
        """Whether the rule is about the tag; a pattern that cannot be read is about none."""
        if self.last is not None and self.by == "version" and kind == "other":
            return False  # a word has no place among versions
        if self.which == "pattern":
            return _matches(self.pattern, name)
        return self.which in ("all", kind)

    def as_json(self) -> dict[str, Any]:
        """As it is stored: what is off is left out."""
        usual = RetentionRule()
        return {key: value for key, value in asdict(self).items() if key == "which" or value != getattr(usual, key)}


@functools.lru_cache(maxsize=32_768)
def kind_of(name: str) -> TagKind:
    """What a tag is by its name: that of a build, a version, or any other."""
    first = tag_key(name)[:1]
    return "build" if first == BUILD else "version" if first == VERSION else "other"


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """What is wrong with the rule at `position` (from 0), and in which field."""

    position: int
    field: str
    sentence: str


def read_rules(document: object) -> tuple[tuple[RetentionRule, ...], tuple[RuleProblem, ...]]:
    """Read rules as they are stored or sent, whatever they are; never raises. With a problem they remove nothing."""
    if not isinstance(document, list):
        return (), (RuleProblem(0, "rules", "The rules are no list."),)
    if len(document) > MOST_RULES:
        said = f"These are {len(document)} rules; {MOST_RULES} is the most. Join some patterns in one regex."
        return (), (RuleProblem(0, "rules", said),)
    rules, problems = [], []
    for position, item in enumerate(document):
        rule, wrong = _read(position, item)
        problems += [RuleProblem(position, field, sentence) for field, sentence in wrong]
        if rule is not None:
            rules.append(rule)
    return tuple(rules), tuple(problems)


def _read(position: int, item: object) -> tuple[RetentionRule | None, list[tuple[str, str]]]:
    if not isinstance(item, Mapping):
        return None, [("rules", f"Rule {position + 1} is no object.")]
    known = {field.name for field in fields(RetentionRule)}
    if strange := sorted(str(key)[:40] for key in item if key not in known):
        return None, [("rules", f"Rule {position + 1} has a field that there is not: {quoted(strange[0])}.")]
    wrong = _wrong_values(item)
    if wrong:
        return None, wrong
    rule = RetentionRule(**{str(key): value for key, value in item.items() if value is not None})
    return rule, check_rule(rule)


def _wrong_values(item: Mapping[Any, Any]) -> list[tuple[str, str]]:
    wrong = []
    if item.get("which", "all") not in get_args(Which):
        wrong.append(("which", f"A rule is about one of {', '.join(get_args(Which))}."))
    if item.get("by", "push") not in get_args(Order):
        wrong.append(("by", "Tags are counted by push or by version."))
    if not isinstance(item.get("pattern", ""), str):
        wrong.append(("pattern", "The pattern is no text."))
    wrong += [
        (name, "That is yes or no.") for name in ("always", "per_ref") if not isinstance(item.get(name, False), bool)
    ]
    for name, most in _LIMITS.items():
        value = item.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most):
            wrong.append((name, f"Write a whole number from 1 to {most:,}."))
    return wrong


def check_rule(rule: RetentionRule) -> list[tuple[str, str]]:
    """What has to be mended before the rule can be saved, by field."""
    wrong = []
    if rule.which == "pattern" and (problem := pattern_problem(rule.pattern)):
        wrong.append(("pattern", problem))
    if rule.which != "pattern" and rule.pattern:
        wrong.append(("pattern", "A pattern counts only where the rule is about tags that match one."))
    if not (rule.always or rule.has_limit or rule.gone_days is not None):
        wrong.append(
            ("last", "Say what the rule keeps: the last ones, the young ones, those that were pulled, or all.")
        )
    if rule.always and rule.has_limit:
        wrong.append(("always", "What always stays needs no number beside it. Take one or the other away."))
    if rule.gone_days is not None and (rule.always or rule.has_limit):
        wrong.append(("gone_days", "A rule for deleted branches keeps nothing by itself. Make two rules of it."))
    return wrong


def pattern_problem(pattern: str) -> str:
    """Why no tag can match, as a sentence; "" where one can: an exact tag, or a regex between slashes (RE2)."""
    if not pattern.strip():
        return "Name a tag, or write a regex between slashes."
    if len(pattern) > MOST_PATTERN:
        return f"The pattern has {len(pattern)} characters; {MOST_PATTERN} is the most."
    if _is_regex(pattern):
        found = _compiled(pattern)
        return found if isinstance(found, str) else ""
    return "" if is_valid_tag(pattern) else f"{quoted(pattern)} cannot be a tag. A regex stands between slashes."


def _is_regex(pattern: str) -> bool:
    return len(pattern) > 2 and pattern.startswith("/") and pattern.endswith("/")  # noqa: PLR2004 — both slashes


def _matches(pattern: str, name: str) -> bool:
    if not _is_regex(pattern):
        return name == pattern
    found = _compiled(pattern)
    return not isinstance(found, str) and found.search(name) is not None


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str) -> Regex | str:
    if pattern != valid_unicode(pattern) or "\x00" in pattern:
        return "The pattern holds a character that no tag can have."
    return compile_regex(pattern)


def describe_rule(rule: RetentionRule) -> str:
    """The rule as a sentence: "Of `build-<n>` the last 10 of each branch stay, and those younger than 30 days."."""
    noun = rule.noun
    if rule.gone_days is not None:
        whose = "Tags" if rule.which == "all" else f"Of {noun} those"
        days = plural(rule.gone_days, "day")
        return f"{whose} go {days} after their branch was deleted or their pull request was closed."
    if rule.always:
        return f"{noun[0].upper()}{noun[1:]} always {'stays' if _is_one(rule) else 'stay'}."
    kept = list(kept_words(rule))
    return f"Of {noun} stay {_listed(kept)}; the others go."


def kept_words(rule: RetentionRule) -> Iterable[str]:
    """What a rule with limits keeps, a phrase for each: "the last 10 of each branch", "those younger than 30 days"."""
    if rule.last is not None:
        by = " by version" if rule.by == "version" else ""
        each = " of each branch" if rule.per_ref else ""
        yield f"the last {rule.last:,}{by}{each}" if rule.last > 1 else f"the last one{by}{each}"
    if rule.days is not None:
        yield f"those younger than {plural(rule.days, 'day')}"
    if rule.pulled_days is not None:
        yield f"those pulled within {plural(rule.pulled_days, 'day')}"


def _is_one(rule: RetentionRule) -> bool:
    return rule.which == "pattern" and not _is_regex(rule.pattern)


def _listed(phrases: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(phrases[:-1]), phrases[-1])))
