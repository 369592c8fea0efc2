"""Variables of a repository and of its rules: what may be one, which of them a build gets. Knows no rows and no values.

Three kinds: a build argument (visible), a build secret (`RUN --mount=type=secret,id=NAME`), and an SSH key that the
builder's agent holds (`RUN --mount=type=ssh`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from builds.core.refnames import quoted

MAX_NAME = 128
MAX_ARG_VALUE = 4096
# BuildKit would take 500 KiB (session/secrets); logs have to be searched for every form of every line of it.
MAX_SECRET_BYTES = 32 * 1024
MAX_VARIABLES = 200

_ARG = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
# What `docker buildx build --secret id=…` and `--ssh …` take without quoting.
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
# Build arguments that BuildKit itself obeys: which frontend runs, whose cache mounts, how attestations are made.
_RESERVED = re.compile(r"BUILDKIT_.*", re.IGNORECASE)


class Kind(StrEnum):
    """What a variable becomes."""

    ARG = "arg"
    SECRET = "secret"  # noqa: S105 — the word, not one
    SSH = "ssh"

    @property
    def is_secret(self) -> bool:
        """Whether its value is never shown again."""
        return self is not Kind.ARG


WORDS = {Kind.ARG: "build argument", Kind.SECRET: "secret", Kind.SSH: "SSH key"}


@dataclass(frozen=True, slots=True)
class Given:
    """One variable as a build reads it. `rule_id` None is for every rule of the repository."""

    name: str
    kind: Kind
    rule_id: int | None
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What one build gets, by kind and name."""

    args: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    ssh: dict[str, str] = field(default_factory=dict, repr=False)


def name_problem(kind: Kind, name: str) -> str | None:
    """Why `name` cannot be the name of such a variable, as a sentence; None where it can."""
    if kind is Kind.ARG:
        if not _ARG.fullmatch(name):
            return (
                f"{quoted(name)} cannot be the name of a build argument: letters, digits and `_`, no digit first, at "
                f"most {MAX_NAME} characters."
            )
        if _RESERVED.fullmatch(name):
            return f"{quoted(name)} is read by BuildKit itself and set by Imageyard: take another name."
        return None
    if _ID.fullmatch(name):
        return None
    return (
        f"{quoted(name)} cannot be the name of {'a secret' if kind is Kind.SECRET else 'an SSH key'}: letters, digits, "
        f"`_`, `-` and `.`, at most {MAX_NAME} characters."
    )


def value_problem(kind: Kind, value: str) -> str | None:
    """Why `value` cannot be kept, as a sentence that does not repeat it; None where it can."""
    if kind is Kind.ARG:
        if "\x00" in value or len(value) > MAX_ARG_VALUE:
            return f"The value of a build argument has at most {MAX_ARG_VALUE} characters and no NUL."
        return None
    if not value:
        return "The value is empty. To have none, delete the variable."
    if len(value.encode("utf-8", "surrogatepass")) > MAX_SECRET_BYTES:
        return f"The value is larger than {MAX_SECRET_BYTES // 1024} KiB, the most that a secret may have."
    return None


def choose(variables: Iterable[Given], *, rule_id: int | None, trusted: bool = True) -> Chosen:
    """What a build of a rule gets: the repository's variables, and over them those of the rule itself.

    Code that nobody of the repository has taken over yet (`trusted` false) gets no secret and no key.
    """
    chosen = Chosen()
    shelves = {Kind.ARG: chosen.args, Kind.SECRET: chosen.secrets, Kind.SSH: chosen.ssh}
    mine = [one for one in variables if one.rule_id in (None, rule_id)]
    for one in sorted(mine, key=lambda one: one.rule_id is not None):
        if trusted or not one.kind.is_secret:
            shelves[one.kind][one.name] = one.value
    return chosen


_MOUNTED = re.compile(r"--mount=(?P<options>\S+)")


def mounted_secrets(dockerfile: str) -> tuple[str, ...]:
    """The ids of the secrets that a Dockerfile mounts, each once, in order; those that a build argument names are left.

    `id` defaults to the last part of `target` (docs.docker.com, Dockerfile reference, "RUN --mount=type=secret").
    """
    found: dict[str, None] = {}
    for match in _MOUNTED.finditer(_without_comments(dockerfile)):
        options = dict(part.strip("\"'").partition("=")[::2] for part in match["options"].split(","))
        if options.get("type") != "secret":
            continue
        target = next((options[key] for key in ("target", "dst", "destination") if options.get(key)), "")
        name = options.get("id") or target.rstrip("/").rpartition("/")[2]
        if name and "$" not in name:
            found[name] = None
    return tuple(found)


def _without_comments(dockerfile: str) -> str:
    return "\n".join(line for line in dockerfile.splitlines() if not line.lstrip().startswith("#"))
