"""What can go wrong with a registry: the kinds, the error, and the sentences for no answer and for wrong clocks.

What an answer that refuses means is in `registry.core.refusal`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from lib.humanize import format_duration

SKEW_WORTH_NAMING_S = 5.0


class RegistryErrorKind(StrEnum):
    """Why a registry did not do what was asked."""

    UNAUTHORIZED = "unauthorized"
    DENIED = "denied"
    NOT_FOUND = "not_found"
    TOO_LARGE = "too_large"
    QUOTA = "quota"
    RATE_LIMIT = "rate_limit"
    UNAVAILABLE = "unavailable"
    NETWORK = "network"
    CLOCK = "clock"
    UNSUPPORTED = "unsupported"
    INCOMPLETE = "incomplete"
    INVALID = "invalid"


class RegistryError(Exception):
    """A registry refused or failed. `message` is a sentence for people and holds no secret.

    `status` is the HTTP status, 0 where there was no answer. `code` is the registry's own (`DENIED`), if it gave one.
    `retryable` says that the same call may succeed later without anybody changing anything, `retry_after_s` when, where
    the registry says so.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: RegistryErrorKind,
        status: int = 0,
        retryable: bool = False,
        code: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.status = status
        self.retryable = retryable
        self.code = code
        self.retry_after_s = retry_after_s


Action = Literal["push", "pull", "deletion", "tag list", "health check", "log-in"]


@dataclass(frozen=True)
class Asked:
    """What was asked of whom, for the sentence. `name` is `acme/web` or `acme/web:latest`; empty `user`: nobody."""

    host: str
    action: Action
    name: str = ""
    user: str = ""

    @property
    def what(self) -> str:
        """`push of acme/web`."""
        return f"{self.action} of {self.name}" if self.name else self.action


def unreachable(asked: Asked, reason: str, *, retryable: bool) -> RegistryError:
    """Make the error for a request that got no answer; `reason` is a clause, "the connection was refused"."""
    sentence = f"{asked.host} cannot be reached for the {asked.what}: {reason}."
    return RegistryError(sentence, kind=RegistryErrorKind.NETWORK, retryable=retryable)


def distrusted(asked: Asked, issuer: str, *, status: int) -> RegistryError:
    """Make the error for a fresh token that the registry does not believe (`invalid_token`, RFC 6750 section 3.1)."""
    sentence = (
        f"{asked.host} refused the {asked.what}: it does not trust the token that {issuer} has just made. "
        "The key or issuer set in the registry does not belong to that token server."
    )
    return RegistryError(sentence, kind=RegistryErrorKind.UNAUTHORIZED, status=status)


def wrong_clock(asked: Asked, whose: str, skew_s: float, *, status: int) -> RegistryError:
    """Make the error for a log-in that failed because two clocks differ. `skew_s`: that clock minus ours, seconds."""
    # `Date` has whole seconds and came some time ago: past two minutes the seconds would be invented.
    shown_s = round(abs(skew_s) / 60) * 60 if abs(skew_s) > 120 else round(abs(skew_s))  # noqa: PLR2004
    way = "ahead of" if skew_s > 0 else "behind"
    sentence = (
        f"{asked.host} did not take the log-in for the {asked.what}: the clock of {whose} is "
        f"{format_duration(shown_s)} {way} this machine's, so its tokens are not valid now. "
        "Set the clock that is wrong (NTP)."
    )
    return RegistryError(sentence, kind=RegistryErrorKind.CLOCK, status=status)
