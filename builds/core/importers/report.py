"""What an import gives: the rules, and for everything that was given what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from builds.core.rules import RuleSpec

Level = Literal["same", "changed", "lost"]
"""`same`: carried over as it was; `changed`: carried over, and the sentence says how; `lost`: not carried over."""

MAX_PASTE = 64 * 1024
"""Characters of what is pasted."""


@dataclass(frozen=True, slots=True)
class ReportLine:
    """What became of one thing that was given; `given` is it as it was given, cut where nobody would read on."""

    level: Level
    given: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Imported:
    """Rules without ids, each good by `check_rule`, and the report in the order of what was given."""

    rules: tuple[RuleSpec, ...] = ()
    report: tuple[ReportLine, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left behind."""
        return not any(line.level == "lost" for line in self.report)


def too_long(text: str) -> Imported | None:
    """The answer to a paste that nobody reads; None for one of a good length."""
    if len(text) <= MAX_PASTE:
        return None
    sentence = f"This has {len(text):,} characters; {MAX_PASTE:,} is the most. Paste the rules alone."
    return Imported((), (ReportLine("lost", f"{text[:60]}…", sentence),))
