"""What is said of a copy to a further registry. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from lib.humanize import plural


def done_words(host: str, moved: Sequence[str], not_moved: Sequence[str]) -> str:
    """`ghcr.io has the image, under build-41 and latest.`"""
    named = [f"`{tag}`" for tag in moved]
    listed = " and ".join(filter(None, (", ".join(named[:-1]), named[-1]))) if named else ""
    under = f", under {listed}" if listed else ""
    rest = f" {plural(len(not_moved), 'tag was', 'tags were')} left alone." if not_moved else ""
    return f"{host} has the image{under}.{rest}"


def left_words(tag: str, host: str, at: str) -> str:
    """Why a tag was not moved there: it has moved on here meanwhile."""
    where = f"it points to {at} here meanwhile" if at else "it is no longer there"
    return f"`{tag}` was not moved at {host}: {where}."


def again_words(sentence: str, turn: int, most: int) -> str:
    """A failure that may pass by itself."""
    return f"{sentence} It is tried again by itself ({turn} of {most})."
