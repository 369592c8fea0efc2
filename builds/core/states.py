"""The states of a build and the moves between them. Who may make a move, and when, is decided in `builds.actions`."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a build is; the words are the same in pages, API and database."""

    QUEUED = "queued"
    PREPARING = "preparing"
    BUILDING = "building"
    TESTING = "testing"
    PUBLISHING = "publishing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


FINAL: frozenset[State] = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.SUPERSEDED})
"""Nothing moves on from here by itself."""

ACTIVE: frozenset[State] = frozenset(State) - FINAL
"""Somebody owes this build a next move."""

RUNNING: frozenset[State] = ACTIVE - {State.QUEUED}
"""A worker holds the lease."""

_FORWARD: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.PREPARING}),
    State.PREPARING: frozenset({State.BUILDING}),
    State.BUILDING: frozenset({State.TESTING, State.PUBLISHING}),
    State.TESTING: frozenset({State.PUBLISHING}),
    State.PUBLISHING: frozenset({State.SUCCEEDED}),
}
_ENDED_EARLY = frozenset({State.FAILED, State.CANCELLED, State.SUPERSEDED})


def can_move(a: State, b: State) -> bool:
    """Whether a build may go from `a` to `b`.

    A running build goes back to `queued` when its worker hands it back or a platform fault is tried again. A queued
    one can fail: its source or rule may be gone. `succeeded` is reached from `publishing` alone. Nothing leaves a final
    state by a move; a person's retry opens another attempt (`can_retry`).
    """
    if a in FINAL:
        return False
    if b is State.QUEUED:
        return a in RUNNING
    return b in _FORWARD[a] or b in _ENDED_EARLY


def can_cancel(state: State) -> bool:
    """Whether a person may still stop a build in this state."""
    return state in ACTIVE


def can_retry(state: State) -> bool:
    """Whether a person may ask for another attempt; a success is built anew instead, so that its tags stay told."""
    return state in FINAL and state is not State.SUCCEEDED
