"""Whose move it is after a failure, and what to try: one or two sentences below the one that says what happened."""

from __future__ import annotations

import re
from dataclasses import dataclass

from builds.core.errors import ErrorKind


@dataclass(frozen=True, slots=True)
class Advice:
    """`whose` names who can do something about it, `what` says what to try."""

    whose: str
    what: str


_ADVICE: dict[ErrorKind, Advice] = {
    ErrorKind.USER: Advice(
        "Your move",
        "The last lines of the step usually name the cause. Mend it and push, or retry if it lay outside, for example "
        "in a package mirror that was down.",
    ),
    ErrorKind.SOURCE: Advice(
        "Your move",
        "Check the clone address, the deploy key or token, and the ref in the repository's settings, then retry.",
    ),
    ErrorKind.REGISTRY: Advice(
        "Your move",
        "Check that the registry is up and that its account may push to this repository, then retry: the steps are "
        "cached, so that only the push is done again.",
    ),
    ErrorKind.BUILDER: Advice(
        "The administrator's move",
        "The builder did not do its part; the commit is not to blame. Look at the worker's disk and its Docker "
        "Engine, then retry.",
    ),
    ErrorKind.TIMEOUT: Advice(
        "Your move",
        "Look for a step that waits for something that never comes, or give the rule a longer time limit, then retry.",
    ),
    ErrorKind.LIMIT: Advice(
        "Your move",
        "Make the build need less, or ask the administrator for a higher limit, then retry.",
    ),
    ErrorKind.PLATFORM: Advice(
        "Imageyard's move",
        "The fault is on our side and the commit is not to blame. Retry; if it comes back, tell the administrator.",
    ),
}

# More precise words where the failing step or its message gives itself away.
_CLUES: tuple[tuple[ErrorKind, re.Pattern[str], str], ...] = (
    (
        ErrorKind.USER,
        re.compile(r"exit code:? 127\b|not found in PATH", re.IGNORECASE),
        (
            "Exit code 127 means that a command was not found in the image: install it in an earlier step, or mind its "
            "spelling and PATH."
        ),
    ),
    (
        ErrorKind.USER,
        re.compile(r"exit code:? 137\b|killed for using", re.IGNORECASE),
        (
            "Exit code 137 means that the step was killed, most often for using too much memory: build with "
            "fewer jobs, or give the builder more memory."
        ),
    ),
    (
        ErrorKind.USER,
        re.compile(r"no such file or directory|not found.*\bCOPY\b|failed to compute cache key", re.IGNORECASE),
        "Paths count from the rule's build context, and `.dockerignore` takes files away from it.",
    ),
    (
        ErrorKind.USER,
        re.compile(r"no space left on device", re.IGNORECASE),
        "The disk of the builder is full: ask the administrator to free some, then retry.",
    ),
)


def advice_for(kind: str, message: str) -> Advice | None:
    """The advice for a failed build; None where there is no fault to speak of (`kind` empty or of another version)."""
    try:
        fault = ErrorKind(kind)
    except ValueError:
        return None
    for of, clue, what in _CLUES:
        if of is fault and clue.search(message):
            return Advice(_ADVICE[fault].whose, what)
    return _ADVICE[fault]
