"""What a repository's followers can be told of, and which of it one event of a build is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EVENTS: dict[str, str] = {
    "started": "a worker takes a build",
    "succeeded": "a build succeeds",
    "fixed": "a build succeeds after one that failed",
    "failed": "a build fails",
    "first_failure": "a build fails and the one before did not",
    "cancelled": "a build is cancelled",
    "superseded": "a newer build takes a build's place",
    "skipped": "a queued build is skipped",
    "approval_needed": "a pull request waits for approval",
    "rule_paused": "a rule is paused because it only fails",
    "base_moved": "a base image moved, and its image is built again",
}
"""Name → the end of "Tell me when …". "Before" is the last build of the same rule and ref that came to an end."""

USUAL = ("first_failure", "fixed", "approval_needed", "rule_paused")
"""What people want to hear who said nothing else: changes, and what waits for them."""

TEST = "test"


def events_of(
    kind: str,
    detail: Mapping[str, Any],
    *,
    previous: str = "",
    cause: str = "",
    skipped: bool = False,
    taken_again: bool = False,
) -> tuple[str, ...]:
    """Names out of `EVENTS` that a `BuildEvent` of `kind` with `detail` is, the most telling first; () for none.

    `previous` is how the build before ended: "succeeded", "failed", or "" where there is none. `cause` is the build's.
    `skipped`: the build has a reason why it was skipped. `taken_again`: the run before was handed back, which is no
    news.
    """
    if kind == "queued":
        # Without a detail it was asked for; with one it is built again, by a person or because a worker gave up.
        return ("base_moved",) if cause == "base_image" and not detail else ()
    if kind in ("approval_needed", "rule_paused"):
        return (kind,)
    state = str(detail.get("state", ""))
    if kind == "state" and state == "preparing":
        return () if taken_again else ("started",)
    if kind != "finished":
        return ()
    ends = {
        "succeeded": ("fixed", "succeeded") if previous == "failed" else ("succeeded",),
        "failed": ("failed",) if previous == "failed" else ("first_failure", "failed"),
        "cancelled": ("skipped",) if skipped else ("cancelled",),
        "superseded": ("superseded",),
    }
    return ends.get(state, ())
