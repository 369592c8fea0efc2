"""How a promotion is told before it is asked for: what it costs, and who will see the image. No I/O."""

from __future__ import annotations

from lib.humanize import format_size


def cost_words(size_bytes: int | None, here: str, there: str) -> str:
    """What has to be copied: `there` is the other registry, "" where it is one."""
    if not there:
        return f"Both are in {here}: its parts are linked there, and nothing is sent, if that registry can do so."
    known = f"Up to {format_size(size_bytes)} go" if size_bytes is not None else "The image goes"
    return f"{known} from {here} to {there}; parts that are there already are left out."


def shown_words(source: str, target: str) -> str:
    """A private image that becomes public."""
    return (
        f"{source} is private and {target} is public: everybody may pull the image then, and sees where it came from."
    )
