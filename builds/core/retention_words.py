"""How a run of retention is told: what would go, what went, and what did not. No I/O."""

from __future__ import annotations

from collections.abc import Mapping

from lib.humanize import plural


def looked_words(going: int, total: int, *, is_dry: bool) -> str:
    """After a look: "12 of 340 tags would go; 328 stay."."""
    if not total:
        return "There are no tags."
    if not going:
        return f"Nothing {'would go' if is_dry else 'went'}: {_all(total)}."
    return (
        f"{going:,} of {plural(total, 'tag')} would go; {total - going:,} {'stays' if total - going == 1 else 'stay'}."
    )


def _all(total: int) -> str:
    return "the one tag stays" if total == 1 else f"all {total:,} tags stay"


def done_words(counts: Mapping[str, int], total: int) -> str:
    """After a run: "12 of 340 tags went. 1 was left alone. 2 could not be deleted."."""
    done, left, failed = counts.get("done", 0), counts.get("left", 0), counts.get("failed", 0)
    said = [f"{done:,} of {plural(total, 'tag')} went."]
    if left:
        said.append(f"{left:,} {'was' if left == 1 else 'were'} left alone.")
    if failed:
        said.append(f"{failed:,} could not be deleted.")
    return " ".join(said)
