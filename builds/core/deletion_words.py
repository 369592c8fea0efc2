"""How the deletion of a tag is told: why nobody may, why it was left alone, what was done. No I/O."""

from __future__ import annotations

from builds.core.fixed_tags import never_moves
from lib.humanize import quoted

_ELSEWHERE = {
    "docker.io": "Delete it on hub.docker.com.",
    "ghcr.io": "Delete the version on the package's page at GitHub.",
}


def held_words(tag: str, by: str) -> str:
    """Why a held tag is not deleted, and what to do."""
    return f"{quoted(tag)} is not deleted: it is held by {by or 'somebody'}. Release it first."


def fixed_words(tag: str, pattern: str) -> str:
    """Why a fixed tag is not deleted, and what to do."""
    where = "Take the line out of the fixed tags in the settings first."
    return f"{quoted(tag)} is not deleted: {never_moves(pattern)}. {where}"


def unsupported_words(tag: str, host: str) -> str:
    """The registry has no way to delete one tag; nothing was changed."""
    where = _ELSEWHERE.get(host, "Delete it there, or switch deletion on in the registry.")
    return f"{quoted(tag)} is still there: {no_way_words(host)} {where}"


def no_way_words(host: str) -> str:
    """The registry's API has no such call."""
    return f"{host} lets nobody delete a tag through the registry's API."


def moved_words(tag: str, now: str) -> str:
    """The tag points elsewhere than it did when somebody looked."""
    return f"{quoted(tag)} was left alone: it points to {now} meanwhile."


def done_words(tag: str, at: str, *, by: str, why: str) -> str:
    """What stands in the history: "`latest`, which pointed to build #41, was deleted by wendy."."""
    if why:
        return f"{quoted(tag)}, which pointed to {at}, was deleted by the clean-up: {why}."
    return f"{quoted(tag)}, which pointed to {at}, was deleted by {by or 'somebody'}."
