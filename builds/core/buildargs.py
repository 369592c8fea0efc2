"""Placeholders in the values of build arguments: those of tags, each in braces. What is none of them stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from builds.core.patterns import read_pattern
from builds.core.templates import MAX_GROUP
from builds.core.versions import read_version

_TOKEN = re.compile(r"\{(?P<inside>\\?[A-Za-z0-9_]{1,128})\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a build knows of itself once its source is checked out. `pattern` is its rule's, `day` in UTC."""

    sourceref: str
    pattern: str
    commit: str
    build: int
    day: date


def expand_args(args: Mapping[str, str], facts: Facts) -> dict[str, str]:
    """The arguments with their placeholders filled in.

    An argument may hold JSON or a shell's braces, so that nothing but a known name in braces is touched. A group that
    took no part in the match is empty.
    """
    known = _known(facts)
    return {
        name: _TOKEN.sub(lambda match: known.get(match["inside"].removeprefix("\\"), match.group()), value)
        for name, value in args.items()
    }


def _known(facts: Facts) -> dict[str, str]:
    known = {
        "sourceref": facts.sourceref,
        "sha": facts.commit,
        "sha7": facts.commit[:7],
        "build": str(facts.build),
        "date": f"{facts.day:%Y%m%d}",
    }
    version = read_version(facts.sourceref)
    if version is not None:
        known |= {"major": version.major, "minor": version.minor or "", "patch": version.patch or ""}
    pattern = read_pattern(facts.pattern)
    captures = None if pattern.problem else pattern.match(facts.sourceref)
    if captures is not None:
        known |= {name: value or "" for name, value in captures.named.items()}
        known |= {str(place): value or "" for place, value in enumerate(captures.groups[:MAX_GROUP], 1)}
    return known
