"""Whether a floating tag may move from the build that has it to the one that just ended. Moves nothing itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from builds.core.fixed_tags import never_moves
from builds.core.refnames import RefType
from lib.versions import parse_version

Relation = Literal["same", "ancestor", "descendant", "diverged", "unknown"]
"""Of the candidate's commit to the holder's: `ancestor` means that the candidate is the older one."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The build that has the tag now; `forced` if a forced push made it, which may have gone back on purpose."""

    build_number: int
    commit: str
    ref_type: RefType
    ref: str
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """The build that would have the tag; `forced` if a forced push made it."""

    build_number: int
    commit: str
    ref_type: RefType
    ref: str
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A tag that builds leave alone: a person holds it (`by`, `since` as it is told), or it matches `pattern`.

    `at` says what it points to: "build #41", or the digest of an image that no build made.
    """

    at: str
    by: str = ""
    since: str = ""
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """The decision, and what the build's page says of it."""

    moves: bool
    sentence: str


def decide_move(
    holder: Holder | None, candidate: Candidate, relation: Relation, *, tag: str = "", kept: Kept | None = None
) -> Move:
    """A floating tag never goes back: neither to an older commit nor to a lower version, whichever build ends last.

    In order: a tag that is held or fixed stays where it is; a tag that nobody has is given; between two version tags
    the version decides; of the same commit the later build has it; a build that was made earlier takes the tag only
    with a newer commit; one that was made later is kept off only by an older commit that no forced push asked for.
    Roll back and promotion do not come here.
    """
    name = f"`{tag}`" if tag else "The tag"
    is_own = holder is not None and candidate.build_number == holder.build_number
    if kept is not None and not is_own:
        return Move(False, f"{name} was not moved: {_kept_back(kept)}.")
    if holder is None:
        return Move(True, f"{name} is new: build #{candidate.build_number} has it.")
    if candidate.build_number == holder.build_number:
        return Move(True, f"{name} stays with build #{holder.build_number}.")
    refused = (
        _refused_by_version(holder, candidate)
        if _both_versions(holder, candidate)
        else _refused_by_commit(holder, candidate, relation)
    )
    if refused:
        return Move(False, f"{name} was not moved: {refused}")
    return Move(True, f"{name} moved from build #{holder.build_number} to build #{candidate.build_number}.")


def _kept_back(kept: Kept) -> str:
    if kept.pattern:
        return never_moves(kept.pattern)
    return f"it is held at {kept.at} by {kept.by} since {kept.since}"


def _both_versions(holder: Holder, candidate: Candidate) -> bool:
    """Whether the two stand on Git tags that name versions of different rank."""
    if holder.ref_type != "tag" or candidate.ref_type != "tag":
        return False
    held, offered = parse_version(holder.ref), parse_version(candidate.ref)
    return held is not None and offered is not None and held != offered


def _refused_by_version(holder: Holder, candidate: Candidate) -> str:
    held, offered = parse_version(holder.ref), parse_version(candidate.ref)
    if held is None or offered is None or offered > held:
        return ""
    return f"build #{holder.build_number}, of the higher version `{holder.ref}`, already has it."


def _refused_by_commit(holder: Holder, candidate: Candidate, relation: Relation) -> str:
    if relation == "same" or candidate.commit == holder.commit:
        later = candidate.build_number > holder.build_number
        return "" if later else f"build #{holder.build_number}, a later one of the same commit, already has it."
    if candidate.build_number < holder.build_number:
        return _refused_as_earlier_build(holder, candidate, relation)
    if relation == "ancestor" and not candidate.forced:
        return (
            f"build #{holder.build_number}, of a newer commit, already has it. "
            f"To go back on purpose, roll back to build #{candidate.build_number}."
        )
    return ""


def _refused_as_earlier_build(holder: Holder, candidate: Candidate, relation: Relation) -> str:
    """A build that was made before the holder's ended after it."""
    went_back = holder.forced and (holder.ref_type, holder.ref) == (candidate.ref_type, candidate.ref)
    if went_back:
        return f"build #{holder.build_number}, of a later forced push, already has it."
    if relation == "descendant":
        return ""
    newer = "a newer commit" if relation == "ancestor" else "a later push"
    return f"build #{holder.build_number}, of {newer}, already has it."
