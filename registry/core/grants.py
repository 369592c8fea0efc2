"""Which of the things that are asked for are granted: the intersection of wish, role and the ceiling of a log-in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from registry.core.scopes import REGISTRY, REPOSITORY, Wanted

PULL, PUSH, DELETE = "pull", "push", "delete"
ALL = frozenset({PULL, PUSH, DELETE})
NOTHING: frozenset[str] = frozenset()
_ORDER = (PULL, PUSH, DELETE)
_CATALOG = ("catalog", frozenset({"*"}))


@dataclass(frozen=True, slots=True)
class Access:
    """One entry of a token: a resource and what may be done with it."""

    type: str
    name: str
    actions: tuple[str, ...]


def actions_for(*, can_see: bool, can_write: bool, can_admin: bool) -> frozenset[str]:
    """What a role in its namespace gives in a repository: read pulls, write pushes, admin deletes."""
    held = ((can_see, PULL), (can_write, PUSH), (can_admin, DELETE))
    return frozenset(action for holds, action in held if holds and can_see)


def _everywhere(_path: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What a log-in can give at most, whatever its user may do: actions, and in which repositories."""

    actions: frozenset[str] = ALL
    covers: Callable[[str], bool] = field(default=_everywhere)
    catalog: bool = False

    def within(self, path: str, allowed: frozenset[str]) -> frozenset[str]:
        return allowed & self.actions if self.covers(path) else NOTHING


def wished(wanted: Wanted) -> frozenset[str]:
    """The actions that are meant: `*` in a repository is all of them."""
    return ALL if "*" in wanted.actions else wanted.actions & ALL


def decide(wanted: Iterable[Wanted], allowed: Callable[[str], frozenset[str]], ceiling: Ceiling) -> tuple[Access, ...]:
    """What goes into the token. A resource of which nothing is granted is left out.

    `allowed` says what the user may do in a repository, by its path; nothing where there is no such repository.
    """
    granted = []
    for one in wanted:
        if one.type == REPOSITORY:
            actions = wished(one) & ceiling.within(one.name, allowed(one.name))
            if actions:
                granted.append(Access(REPOSITORY, one.name, tuple(name for name in _ORDER if name in actions)))
        elif one.type == REGISTRY and (one.name, one.actions) == _CATALOG and ceiling.catalog:
            granted.append(Access(REGISTRY, one.name, ("*",)))
    return tuple(granted)
