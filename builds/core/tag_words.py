"""How a person's move of a tag is told: before it is confirmed, when it was done, and why it was not. No I/O."""

from __future__ import annotations

from builds.core.fixed_tags import never_moves
from builds.core.refnames import quoted
from registry.core.origin import Origin


def image_words(build_number: int | None, digest: str, origin: Origin | None = None) -> str:
    """What a tag points to, in a sentence: "build #41", "acme/web build #41 (`sha256:…`)", or the beginning of a digest
    that no build has.
    """
    if build_number:
        return f"build #{build_number}"
    algorithm, _, digits = digest.partition(":")
    shown = f"`{algorithm}:{digits[:12]}`"
    if origin is None:
        return shown
    return (
        f"{origin.path} build #{origin.build_number} ({shown})" if origin.build_number else f"{shown} of {origin.path}"
    )


def promoted_words(tag: str, before: str, after: str, by: str, *, hold: bool | None) -> str:
    """What was done: "`latest` was promoted from acme/web build #41 (`sha256:…`) by wendy. Before, it was at …"."""
    held = " It is held there." if hold else ""
    was = f" Before, it was at {before}." if before else ""
    return f"{quoted(tag)} was promoted from {after} by {by}.{was}{held}"


def moved_words(tag: str, before: str, after: str, by: str, *, is_rollback: bool, hold: bool | None) -> str:
    """What was done: "`latest` was rolled back from build #43 to build #41 by wendy. It is held there."."""
    held = " It is held there." if hold else ""
    if not before:
        return f"{quoted(tag)} was put on {after} by {by}.{held}"
    if before == after:
        return f"{quoted(tag)} is at {after}, as it was; {by} asked for it.{held}"
    verb = "rolled back" if is_rollback else "moved"
    return f"{quoted(tag)} was {verb} from {before} to {after} by {by}.{held}"


def fixed_words(tag: str, pattern: str, at: str) -> str:
    """Why nobody can move it, and what to do."""
    where = f" and points to {at}" if at else ", put by hand"
    return f"{quoted(tag)} was not moved: {never_moves(pattern)}, and this one is there{where}. Choose another tag."


def overtaken_words(tag: str, now: str, wanted: str) -> str:
    """The tag moved between the question and the answer."""
    return f"{quoted(tag)} was not moved: it points to {now} meanwhile. Ask again if you still want it at {wanted}."
