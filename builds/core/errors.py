"""What can go wrong with a build, whose fault it is, and whether trying again can help. No Django, no I/O."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from lib.storable import storable


class ErrorKind(StrEnum):
    """Whose fault a failure is; `error.kind` in the API."""

    USER = "user"
    SOURCE = "source"
    REGISTRY = "registry"
    BUILDER = "builder"
    TIMEOUT = "timeout"
    LIMIT = "limit"
    PLATFORM = "platform"


class BuildError(Exception):
    """A failure with the sentence that a person reads.

    `retryable` says that the same build may succeed later without anybody changing anything (a registry that
    answered 502, a builder that went away); such a failure is tried again with backoff and does not use up the
    user's retries. One that `needs_space` met a full disk: it waits for room, and that costs it no attempt either.
    `step` is the name of the failing step, `dockerfile_line` counts from 1.
    """

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        retryable: bool = False,
        needs_space: bool = False,
        step: str | None = None,
        dockerfile_line: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        # A message quotes what strangers wrote.
        self.message = storable(message)
        self.retryable = retryable
        self.needs_space = needs_space
        self.step = step
        self.dockerfile_line = dockerfile_line


StopReason = Literal["cancelled", "timeout", "lost", "drain"]


class Stopped(Exception):  # noqa: N818 — not an error: somebody asked for it
    """The run was told to stop: a person cancelled, time ran out, the lease was lost, or the worker drains."""

    def __init__(self, reason: StopReason) -> None:
        super().__init__(reason)
        self.reason: StopReason = reason


class Skipped(Exception):  # noqa: N818 — not an error: there is nothing to do
    """The run has nothing to build; `sentence` says why, and begins with "Skipped"."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = storable(sentence)
