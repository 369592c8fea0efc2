"""Rules held against many refs at once: what each ref would make, why, what clashes, and the counts. Asks nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from builds.core.facts import Known
from builds.core.plan import PlannedTag, Verdict, evaluate, find_collisions
from builds.core.refnames import Ref
from builds.core.rules import RuleSpec, check_rules

Show = Literal["all", "built", "not", "clash"]
SHOWS: tuple[Show, ...] = ("all", "built", "not", "clash")
MOST_JUDGED = 200_000
"""Verdicts at once: on a slow machine about a second. More refs than that are left out, and it is said."""

MOST_WARNINGS = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a tag's text; `was` is what stood there in the illegal name, None where nothing was changed."""

    text: str
    was: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A tag with the place of its rule, from 1; `clashes` says with what, "" for nothing."""

    place: int
    tag: PlannedTag
    clashes: str = ""

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return changed_pieces(self.tag)


@dataclass(frozen=True, slots=True)
class Tried:
    """What the rules make of one ref."""

    ref: Ref
    verdicts: Sequence[Verdict]
    clashing: dict[str, str]

    @property
    def is_built(self) -> bool:
        return any(verdict.builds for verdict in self.verdicts)

    @property
    def builds(self) -> int:
        return sum(verdict.builds for verdict in self.verdicts)

    @property
    def places(self) -> list[int]:
        """The rules that match it."""
        return [place for place, verdict in enumerate(self.verdicts, 1) if verdict.matched]

    @property
    def made(self) -> list[Made]:
        return [
            Made(place, tag, self.clashing.get(tag.name, ""))
            for place, verdict in enumerate(self.verdicts, 1)
            for tag in verdict.tags
        ]

    @property
    def pending(self) -> list[tuple[int, str]]:
        return [(place, text) for place, verdict in enumerate(self.verdicts, 1) for text in verdict.pending]

    @property
    def remarks(self) -> list[tuple[int, str]]:
        """What a person should know of rules that match: tags that are not made, autobuild that is off."""
        matching = [(place, verdict) for place, verdict in enumerate(self.verdicts, 1) if verdict.matched]
        off = [(place, verdict.reason) for place, verdict in matching if not verdict.builds and not verdict.problems]
        return off + [(place, text) for place, verdict in matching for text in verdict.problems]

    @property
    def key(self) -> str:
        """How a form names the ref."""
        return f"{self.ref.type} {self.ref.name}"

    @property
    def clashes(self) -> list[str]:
        return list(dict.fromkeys(self.clashing.values()))

    @property
    def reasons(self) -> list[tuple[int, str]]:
        """Of every rule, why it matches or does not."""
        return [(place, verdict.reason) for place, verdict in enumerate(self.verdicts, 1)]


@dataclass(frozen=True, slots=True)
class Judged:
    """All refs that were judged. `left_out` were not, as there are too many; `warnings` are sentences on clashes."""

    tried: tuple[Tried, ...]
    warnings: tuple[str, ...]
    left_out: int = 0

    @property
    def images(self) -> int:
        return sum(one.builds for one in self.tried)

    @property
    def counts(self) -> dict[Show, int]:
        built = sum(one.is_built for one in self.tried)
        clash = sum(bool(one.clashing) for one in self.tried)
        return {"all": len(self.tried), "built": built, "not": len(self.tried) - built, "clash": clash}

    @property
    def sentence(self) -> str:
        """The whole answer: "These rules would have built 20 images from 34 refs."."""
        refs = len(self.tried)
        if not refs:
            return ""
        images = f"{self.images} image{'' if self.images == 1 else 's'}" if self.images else "nothing"
        return f"These rules would have built {images} from {refs} ref{'' if refs == 1 else 's'}."

    def chosen(self, show: Show, find: str = "") -> tuple[Tried, ...]:
        """The refs of one filter, and among them those whose name or tag has `find` in it."""
        wanted = find.strip().lower()
        return tuple(one for one in self.tried if _shows(one, show) and (not wanted or _has(one, wanted)))


def _shows(one: Tried, show: Show) -> bool:
    return {"built": one.is_built, "not": not one.is_built, "clash": bool(one.clashing)}.get(show, True)


def _has(one: Tried, wanted: str) -> bool:
    return wanted in one.ref.name.lower() or any(
        wanted in tag.name.lower() for verdict in one.verdicts for tag in verdict.tags
    )


def judge_refs(refs: Sequence[Ref], rules: Sequence[RuleSpec], known: Known) -> Judged:
    """Ask the evaluator about each ref, in their order, as far as `MOST_JUDGED` goes."""
    most = max(1, MOST_JUDGED // max(1, len(rules)))
    verdicts = [(ref, evaluate(ref, rules, known=known)) for ref in refs[:most]]
    found = find_collisions(verdicts)
    clashing: dict[Ref, dict[str, str]] = {}
    for collision in found:
        for ref, _ in collision.makers:
            clashing.setdefault(ref, {})[collision.tag] = collision.message
    warnings = [clash.message for clash in check_rules(rules)] + [one.message for one in found]
    more = len(dict.fromkeys(warnings)) - MOST_WARNINGS
    told = list(dict.fromkeys(warnings))[:MOST_WARNINGS]
    if more > 0:
        what, them = ("clash", "it") if more == 1 else ("clashes", "them")
        told.append(f"{more} more {what}: choose Clashing to see {them}.")
    tried = tuple(Tried(ref, judged, clashing.get(ref, {})) for ref, judged in verdicts)
    return Judged(tried, tuple(told), max(0, len(refs) - most))


def changed_pieces(tag: PlannedTag) -> tuple[Piece, ...]:
    """The tag in pieces, those marked that are not as the template made them."""
    if tag.changed_from is None:
        return (Piece(tag.name),)
    pieces: list[Piece] = []
    dropped = ""
    for what, i, j, start, end in SequenceMatcher(None, tag.changed_from, tag.name, autojunk=False).get_opcodes():
        was, text = tag.changed_from[i:j], tag.name[start:end]
        if what == "equal":
            # What was dropped has no place of its own to mark, so its neighbour says it.
            if dropped:
                pieces.append(Piece(text[:1], dropped + text[:1]))
                dropped, text = "", text[1:]
            pieces += [Piece(text)] if text else []
        elif text:
            pieces.append(Piece(text, dropped + was))
            dropped = ""
        else:
            dropped += was
    if dropped and pieces:
        last = pieces.pop()
        pieces += [Piece(last.text[:-1], last.was)] if last.text[:-1] else []
        pieces.append(Piece(last.text[-1:], (last.text[-1:] if last.was is None else last.was) + dropped))
    return tuple(pieces)
