"""Failures that came back: the lists of a repository's Builds page and of the API. Reads only, one query."""

from __future__ import annotations

from dataclasses import dataclass

from builds.core.failure_digest import FAULTS
from builds.core.states import State
from builds.models import Build
from registry.models import Repository

LOOK_BACK = 50
MOST_GROUPS = 3
_KEY_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Group:
    """Failures alike among the last builds; `message` and `kind` are those of the newest. Numbers, newest first."""

    key: str
    kind: str
    message: str
    numbers: tuple[int, ...]
    ref: str
    still: bool

    @property
    def count(self) -> int:
        return len(self.numbers)

    @property
    def fault(self) -> str:
        return FAULTS.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class CameBack:
    """`groups` are failures that ended more than one of the last `of` builds, the most frequent first."""

    groups: tuple[Group, ...]
    of: int


def came_back(repository: Repository, *, most: int = MOST_GROUPS) -> CameBack:
    """Look at the last builds of the repository that succeeded or failed."""
    ended = Build.objects.filter(repository=repository, state__in=[State.SUCCEEDED, State.FAILED])
    columns = ("number", "state", "failure_key", "error_kind", "error_message", "ref")
    rows = list(ended.order_by("-number").values(*columns)[:LOOK_BACK])
    found: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        if row["state"] == State.FAILED and row["failure_key"]:
            found.setdefault(row["failure_key"], []).append(row)
    mended = {row["ref"]: row["number"] for row in reversed(rows) if row["state"] == State.SUCCEEDED}
    groups = [_group(key, alike, mended) for key, alike in found.items() if len(alike) > 1]
    groups.sort(key=lambda group: (-group.count, -group.numbers[0]))
    return CameBack(tuple(groups[:most]), len(rows))


def _group(key: str, alike: list[dict[str, object]], mended: dict[str, int]) -> Group:
    newest = alike[0]
    numbers = tuple(int(str(row["number"])) for row in alike)
    ref = str(newest["ref"])
    return Group(
        key=key,
        kind=str(newest["error_kind"]),
        message=str(newest["error_message"]),
        numbers=numbers,
        ref=ref,
        still=mended.get(ref, 0) < numbers[0],
    )


def is_key(text: str) -> bool:
    """Whether `text` may be a failure's key."""
    return len(text) == _KEY_CHARACTERS and text.isascii() and text.isalnum()
