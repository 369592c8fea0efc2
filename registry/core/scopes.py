"""Scopes, as registry clients ask a token server for them: `repository:acme/web:pull,push`. Text in, what is asked out.

Grammar: CNCF Distribution, "Token Scope Documentation". A name may hold colons (`host:port/acme/web`), so the type
ends at the first one and the actions begin behind the last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MOST_SCOPES = 100
MOST_TEXT = 512  # of one scope: names end at 255 characters
REPOSITORY, REGISTRY = "repository", "registry"
_TYPE = re.compile(r"(?P<type>[a-z0-9]+)(?:\([a-z0-9]+\))?")
_ACTION = re.compile(r"[a-z]+|\*")


class TooManyScopes(ValueError):  # noqa: N818 -- what is wrong with the request
    """More is asked at once than any client does; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One resource and what is to be done with it. `name` is as it was asked for: nothing says yet that it is one."""

    type: str
    name: str
    actions: frozenset[str]


def parse_scopes(values: Iterable[str]) -> tuple[Wanted, ...]:
    """Read the `scope` parameters; each may hold several, with spaces between them.

    One resource is given once, with all of its actions. What is no scope is left out, as one that nobody may have.
    Raises TooManyScopes.
    """
    found: dict[tuple[str, str], set[str]] = {}
    asked = (text for value in values for text in value.split(" ") if text)
    for place, text in enumerate(asked):
        if place >= MOST_SCOPES:
            raise TooManyScopes(f"More than {MOST_SCOPES} scopes are asked for at once. Ask for those that are needed.")
        one = _parse(text)
        if one is not None:
            found.setdefault((one.type, one.name), set()).update(one.actions)
    return tuple(Wanted(kind, name, frozenset(actions)) for (kind, name), actions in found.items())


def _parse(text: str) -> Wanted | None:
    kind, _, rest = text.partition(":")
    name, separator, actions = rest.rpartition(":")
    known = _TYPE.fullmatch(kind)
    if len(text) > MOST_TEXT or known is None or not separator or not name:
        return None
    listed = {action for action in actions.split(",") if _ACTION.fullmatch(action)}
    return Wanted(known["type"], name, frozenset(listed)) if listed else None
