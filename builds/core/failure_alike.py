"""Which failures are alike, whatever the run: a key that two of them share, and how often one came. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from builds.core.progress_events import parse_step_name
from lib.humanize import plural, short_commit

WINDOW = 20
"""So many builds are looked back at."""

_TELLING = re.compile(
    r"\b(?:error|err|fatal|fail(?:ed|ure|s)?|exception|panic|cannot|can't|could not|couldn't|unable|not found|denied"
    r"|refused|missing|no such|undefined|unresolved|unknown|invalid|timed? ?out|killed|assert\w*|expected)\b|\w+Error\b"
    r"|✗|✕|×",
    re.IGNORECASE,
)
# Lines that stand under every failure of their program, whatever it was.
_NOISE = re.compile(
    r"complete log of this run|^npm (?:error|err!)\s*(?:$|errno|code|path|command|lifecycle|workspace|Lifecycle)"
    r"|^g?make(?:\[\d+\])?: \*\*\*|exit(?:ed)?(?: with)? (?:code|status)|returned a non-zero code|^error Command failed"
    r"|^error: subprocess-exited|^npm notice|info Visit https|^\s*$",
    re.IGNORECASE,
)


def telling_line(lines: Sequence[str]) -> str:
    """The line that tells most of why a program failed: the last that speaks of a failure of its own; "" if none."""
    spoken = [line.strip() for line in lines if not _NOISE.search(line)]
    return next((line for line in reversed(spoken) if _TELLING.search(line)), spoken[-1] if spoken else "")


_UNITS = "ns|us|µs|ms|s|secs?|seconds?|m|min|minutes?|h|hours?|d|days?|[kMGT]?i?B|bytes?"
_CHANGING: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), by)
    for pattern, by in (
        (r"\s*It was tried \d+ times\.?", ""),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "#"),
        # A hash has a digit somewhere; a word of the letters a to f has none.
        (r"\b(?:sha256:)?(?=[a-f]*\d)[0-9a-f]{7,128}\b", "#"),
        (r"(?:/var)?/tmp/[^\s'\":,)]+", "/tmp/#"),  # noqa: S108 — a pattern, no file
        (r"/root/\.npm/_logs/\S+", "#"),
        (r"exit code:? (\d+)", r"exit code <\1>"),
        (rf"(?<![<\d])\d[\d.,:]*(?![\d>])\s*(?:{_UNITS})\b", "#"),
        (r"\b0x[0-9a-f]+\b", "#"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*", "#"),
        (r"(?<![<\d])\d+(?![\d>])", "#"),
        (r"#(?:[\s.,:_-]*#)+", "#"),
        (r"\s+", " "),
    )
)


def normalised(words: str) -> str:
    """`words` without what differs from one run to the next: numbers, hashes, times, durations, sizes, temporary files.

    The exit code stays: 1 is another failure than 137.
    """
    for pattern, by in _CHANGING:
        words = pattern.sub(by, words)
    return words.strip().lower()


def failure_key(kind: str, step: str, message: str, said: str = "") -> str:
    """The same 64 characters for failures alike; "" where there is no fault.

    `said` is the telling line of the step's output. It counts for exit codes alone: there the message only says that a
    command failed, and two commands fail for two reasons.
    """
    if not kind:
        return ""
    label = parse_step_name(step)
    where = f"{label.stage} {label.platform} {label.instruction}" if step else ""
    said = said if "ended with exit code" in message else ""
    parts = (kind, normalised(where), normalised(message), normalised(said))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Ended:
    """A build of the repository that ended: `number`, and the key of its failure, "" for a success."""

    number: int
    key: str


@dataclass(frozen=True, slots=True)
class First:
    """The first build of all that failed like this one."""

    number: int
    commit: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True)
class Alike:
    """How often a failure came: `count` of the last `of` builds, this one included; `first` None where it is new."""

    count: int
    of: int
    first: First | None
    others: tuple[int, ...]

    @property
    def sentence(self) -> str:
        """`The same failure ended 4 of the last 6 builds, first #37 (commit a1b2c3d, by A. Author).`"""
        if self.first is None:
            return "No build before it failed like this." if self.of > 1 else ""
        commit = f"commit {short_commit(self.first.commit)}" if self.first.commit else ""
        about = ", ".join(part for part in (commit, f"by {self.first.author}" if self.first.author else "") if part)
        named = f"#{self.first.number}{f' ({about})' if about else ''}"
        if self.count == 1:
            return (
                f"The same failure ended build {named} before, and none of the {plural(self.of - 1, 'build')} between."
            )
        return f"The same failure ended {self.count} of the last {plural(self.of, 'build')}, first {named}."


def find_alike(number_: int, key: str, ended: Sequence[Ended], first: First | None) -> Alike:
    """How the failure of build `number_` stands among `ended`, the last builds up to it, in any order.

    The window begins where the failure first is in it, so that what was before that is not counted. `first` is the
    first build with this key, which may be long before.
    """
    window = sorted((one for one in ended if one.number <= number_), key=lambda one: one.number)
    same = [one.number for one in window if one.key == key]
    others = tuple(other for other in same if other != number_)
    is_new = first is None or first.number >= number_
    start = others[0] if others and not is_new else None
    span = [one for one in window if start is None or one.number >= start]
    return Alike(
        count=len(others) + 1,
        of=max(len(span), len(others) + 1),
        first=None if is_new else first,
        others=tuple(reversed(others)),
    )
