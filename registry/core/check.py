"""The lines of a registry's check: what was tried, how it went, and what to do. Asks nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from lib.humanize import format_duration
from registry.core.errors import SKEW_WORTH_NAMING_S, RegistryError, RegistryErrorKind

What = Literal["reach", "clock", "log-in", "pull", "push", "rate"]
_NAMES: dict[str, str] = {
    "reach": "Connection",
    "clock": "Clock",
    "log-in": "Log-in",
    "pull": "Pull",
    "push": "Push",
    "rate": "Pulls left",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was tried. `ok` of None: it could not be found out, or need not be. `remedy` says what to do."""

    what: What
    ok: bool | None
    sentence: str
    remedy: str = ""

    @property
    def name(self) -> str:
        return _NAMES[self.what]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def read_lines(document: Any) -> tuple[Line, ...]:
    """The lines as a row keeps them; what is none is left out."""
    rows = document if isinstance(document, list) else []
    return tuple(
        Line(row["what"], row.get("ok"), str(row.get("sentence", "")), str(row.get("remedy", "")))
        for row in rows
        if isinstance(row, dict) and row.get("what") in _NAMES
    )


def failed_line(what: What, error: RegistryError) -> Line:
    """The line for something that a registry refused or did not answer."""
    return Line(what, ok=False, sentence=error.message, remedy=_remedy(error))


def clock_line(skew_s: float | None) -> Line:
    """How far its clock is from ours: tokens are valid by the clock."""
    if skew_s is None:
        return Line("clock", ok=None, sentence="It does not tell its time.")
    if abs(skew_s) <= SKEW_WORTH_NAMING_S:
        return Line("clock", ok=True, sentence="Its clock agrees with this machine's.")
    way = "ahead of" if skew_s > 0 else "behind"
    shown_s = round(abs(skew_s) / 60) * 60 if abs(skew_s) > 120 else round(abs(skew_s))  # noqa: PLR2004 — as in errors.wrong_clock
    return Line(
        "clock",
        ok=False,
        sentence=f"Its clock is {format_duration(shown_s)} {way} this machine's.",
        remedy="Set the clock that is wrong by a time server (NTP), or tokens are refused as not valid yet.",
    )


def sum_up(lines: Sequence[Line]) -> tuple[bool, str]:
    """Whether it may be called good, and the sentence of the first thing that is not."""
    for line in lines:
        if line.ok is False:
            return False, line.sentence
    done = [line.name.lower() for line in lines if line.ok and line.what in ("log-in", "pull", "push")]
    return True, f"It answers; {', '.join(done)} {'works' if len(done) == 1 else 'work'}." if done else "It answers."


_REMEDIES = {
    RegistryErrorKind.UNAUTHORIZED: "Check user name and token; make a new token where this one has ended.",
    RegistryErrorKind.DENIED: "Give the account the right to do this there, or use another account.",
    RegistryErrorKind.NOT_FOUND: "Make the repository there first, or correct the path.",
    RegistryErrorKind.UNAVAILABLE: "It is the registry's move; check again later.",
    RegistryErrorKind.RATE_LIMIT: "Wait, or use an account that may ask more often.",
    RegistryErrorKind.CLOCK: "Set the clock that is wrong by a time server (NTP).",
    RegistryErrorKind.QUOTA: "Delete old images there, or raise the quota.",
}
# Signs in the clause of a connection that failed → what to do.
_NETWORK = (
    ("self-signed", "Give it a certificate of an authority, or add its own to the trust of this machine and builder."),
    ("another name", "Use the name that is in the certificate, or have one made for this name."),
    ("has expired", "Have the certificate renewed."),
    ("certificate", "Add the authority that made it to the trust of this machine and of the builder."),
    (
        "does not speak TLS",
        "It speaks plain HTTP there: choose http, and name it in the builder's insecure registries.",
    ),
    ("name is not known", "Check the spelling of the host."),
    ("private address", "Only an administrator's registries may be in the own network."),
)


def _remedy(error: RegistryError) -> str:
    if error.kind is RegistryErrorKind.NETWORK:
        found = (what for sign, what in _NETWORK if sign in error.message)
        return next(found, "Check that it runs, and that this machine may connect to it.")
    return _REMEDIES.get(error.kind, "")
