"""Whose move it is after a failure, and what to try: each with the line that it goes by. Decides nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from builds.core.advice_clue import ADMIN
from builds.core.advice_message import MESSAGE_CLUES
from builds.core.advice_output import OUTPUT_CLUES
from builds.core.errors import ErrorKind
from builds.core.failure_digest import FailureDigest, LastLine
from builds.core.failure_evidence import code
from lib.humanize import format_duration

MOST_HINTS = 2
# A step that was silent for this long, or for this part of its time, waited for something.
_SILENT_S = 300.0
_SILENT_PART = 0.5


@dataclass(frozen=True, slots=True)
class Hint:
    """What a line of the step's output gives away. `line` is where it stands in the log."""

    what: str
    line: LastLine


@dataclass(frozen=True, slots=True)
class Advice:
    """`whose` names who can do something about it, `what` says what to try; `hints` are what the output gives away."""

    whose: str
    what: str
    hints: tuple[Hint, ...] = ()


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
        ADMIN,
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
# The output of a step says something of the step: not of a push, a worker or a Git server that failed.
_SPEAKS_OF = {ErrorKind.USER, ErrorKind.LIMIT, ErrorKind.TIMEOUT}
_RAN = re.compile(r"exit code|was killed|timed out|failed")


def advice_for(kind: str, message: str) -> Advice | None:
    """The advice for a fault by its sentence alone; None where there is no fault (`kind` empty or unknown)."""
    try:
        fault = ErrorKind(kind)
    except ValueError:
        return None
    for clue in MESSAGE_CLUES:
        match = clue.pattern.search(message) if fault in clue.kinds else None
        if match:
            return Advice(clue.whose or _ADVICE[fault].whose, _filled(clue.what, match))
    return _ADVICE[fault]


def advise(digest: FailureDigest) -> Advice | None:
    """The advice for a failure with all that is known of it; None as above."""
    advice = advice_for(digest.kind, digest.message)
    if advice is None:
        return None
    if digest.kind == ErrorKind.TIMEOUT and digest.silent_s is not None:
        advice = Advice(advice.whose, _of_silence(digest.silent_s, digest.step_s))
    hints = hints_in(digest.lines) if digest.kind in _SPEAKS_OF and _is_of_the_step(digest) else ()
    if hints and advice.what == _ADVICE[ErrorKind.USER].what:
        # "The last lines name the cause" need not be said above the line that does.
        advice = Advice(advice.whose, hints[0].what)
    return Advice(advice.whose, advice.what, hints)


def _is_of_the_step(digest: FailureDigest) -> bool:
    """Whether the lines are those of a command that failed, and not what buildx said of a step that runs none."""
    return digest.log_index == digest.step_index and _RAN.search(digest.message) is not None


def hints_in(lines: Sequence[LastLine]) -> tuple[Hint, ...]:
    """What lines of output give away, the most certain first; each thing once."""
    found: list[Hint] = []
    spoken = [(line, line.plain) for line in reversed(lines)]
    taken: set[int] = set()
    for pattern, what in OUTPUT_CLUES:
        for line, plain in spoken:
            match = pattern.search(plain)
            if match and line.number not in taken and what not in {hint.what for hint in found}:
                found.append(Hint(_filled(what, match), line))
                taken.add(line.number)
                break
        if len(found) == MOST_HINTS:
            break
    return tuple(found)


def _of_silence(silent_s: float, step_s: float | None) -> str:
    if silent_s >= min(_SILENT_S, (step_s or 2 * _SILENT_S) * _SILENT_PART):
        return (
            f"The step printed nothing for its last {format_duration(silent_s)}: it probably waited, for an answer to "
            "a "
            "question, a server, or a lock. Make it talk (`-v`, `--progress`), or let it not ask (`-y`, "
            "`DEBIAN_FRONTEND=noninteractive`)."
        )
    return (
        f"The step was still at work: it printed something {format_duration(silent_s)} before its time ran out. Give "
        "the "
        "rule a longer time limit, or let the cache do more: what changes often belongs below what takes long."
    )


_GROUP = re.compile(r"\{(\w+)\}")


def _filled(what: str, match: re.Match[str]) -> str:
    """`what` with the groups of the match in it, as code: they are words of strangers."""
    named = match.groupdict()
    return _GROUP.sub(lambda group: code(named[group[1]]) if named.get(group[1]) else "", what) if named else what
