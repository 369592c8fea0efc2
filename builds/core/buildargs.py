"""Placeholders in the values of build arguments: those of tags, each in braces. What is none of them stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from builds.core.facts import Known
from builds.core.fill import Moment, Unset, render
from builds.core.patterns import Captures, Pattern, read_pattern
from builds.core.templates import read_template

_TOKEN = re.compile(r"\{[^{}\s\"']{1,128}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a build knows of itself once its source is checked out. `pattern` is its rule's, `at` when it was asked."""

    sourceref: str
    pattern: str
    commit: str
    build: int
    at: datetime


def expand_args(args: Mapping[str, str], facts: Facts) -> dict[str, str]:
    """The arguments with their placeholders filled in.

    An argument may hold JSON or a shell's braces, so that nothing but a known placeholder is touched. One that has
    nothing this time, such as a group that took no part in the match, is empty. `{latest}` is for tags alone.
    """
    pattern = read_pattern(facts.pattern)
    captures = pattern.match(facts.sourceref)
    if captures is None:
        pattern, captures = Pattern(facts.pattern), Captures()
    known = Known(at=facts.at, number=facts.build)
    moment = Moment(facts.sourceref, pattern, captures, facts.commit, known)
    return {name: _TOKEN.sub(lambda match: _filled(match.group(), moment), value) for name, value in args.items()}


def _filled(token: str, moment: Moment) -> str:
    pattern = moment.pattern
    template = read_template(token, group_count=pattern.group_count, group_names=pattern.group_names)
    if template.problems or any(part.kind in ("text", "latest") for part in template.parts):
        return token
    text = render(template, moment)
    return "" if isinstance(text, Unset) else text
