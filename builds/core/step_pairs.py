"""Which step of one build is which step of another: by stage, words, operation and place. Why they differ is not here.

A vertex digest cannot tell: below a COPY of the context it is another one in every build (a session id is in it).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Generic, Protocol, TypeVar

from builds.core.progress_events import StepName, parse_step_name

_LIKE_ENOUGH = 0.3
"""Two commands with fewer words in common are two steps, not one that was edited, unless nothing else is left."""
_MOST_STEPS = 150
"""Of one stage whose order is compared; those beyond are paired by their exact words only. Who writes a Dockerfile with
more must not keep a worker busy.
"""
_MOST_LIKENESSES = 2_500


class AnyStep(Protocol):
    """What the pairing reads: rows of `builds.models.Step` have it. `fingerprint` is "" where nobody knows it."""

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...


S = TypeVar("S", bound=AnyStep)


@dataclass(frozen=True, slots=True)
class Pair(Generic[S]):
    """A step in two builds; one side is None where only the other has it. `moved`: it stands in another order."""

    before: S | None
    after: S | None
    moved: bool = False


@dataclass(frozen=True, slots=True)
class _Named(Generic[S]):
    step: S
    label: StepName
    place: int
    again: int  # `ADD https://…` is two steps of one name: the first fetches, the second writes the file

    @property
    def words(self) -> str:
        return self.label.instruction

    @property
    def keyword(self) -> str:
        return self.words.split(maxsplit=1)[0].upper() if self.words.split() else ""

    @property
    def stage(self) -> tuple[str, str]:
        return self.label.platform, self.label.stage if self.label.role == "step" else f"\0{self.label.role}"


def pair_steps(before: Sequence[S], after: Sequence[S]) -> list[Pair[S]]:
    """Every step of both builds once: in the order of `after`, each that is gone behind the one that stood before it.

    Stages are paired first (one may have been renamed, or have got its number from a new one before it), then the steps
    within: those with the same words, those with the same operation, and of the rest what was probably edited.
    """
    old, new = _named(before), _named(after)
    found: dict[int, tuple[int, bool]] = {}  # place in `after` → place in `before`, moved
    for one, other in _pair_stages(_by_stage(old), _by_stage(new)):
        found |= _pair_within(one, other)
    # A stage that was split or joined, a FROM that two stages have come to share.
    taken = {place for place, _ in found.values()}
    rest = _exactly([row for row in old if row.place not in taken], [row for row in new if row.place not in found])
    found |= {place: (other, True) for place, other in rest.items()}
    return _in_order(before, after, found)


def _named(steps: Sequence[S]) -> list[_Named[S]]:
    seen: Counter[str] = Counter()
    rows = []
    for place, step in enumerate(steps):
        rows.append(_Named(step, parse_step_name(step.name), place, seen[step.name]))
        seen[step.name] += 1
    return rows


def _by_stage(rows: Iterable[_Named[S]]) -> dict[tuple[str, str], list[_Named[S]]]:
    stages: dict[tuple[str, str], list[_Named[S]]] = {}
    for row in rows:
        stages.setdefault(row.stage, []).append(row)
    return stages


def _pair_stages(
    old: dict[tuple[str, str], list[_Named[S]]], new: dict[tuple[str, str], list[_Named[S]]]
) -> list[tuple[list[_Named[S]], list[_Named[S]]]]:
    """Stages with the most steps in common; a name that somebody gave counts, `stage-1` does not."""
    scores = []
    for first, (was, rows) in enumerate(old.items()):
        words = Counter(_key(row) for row in rows)
        for second, (now, others) in enumerate(new.items()):
            same_platform, is_special = was[0] == now[0], was[1].startswith("\0") or now[1].startswith("\0")
            if is_special and was != now:
                continue
            shared = sum((words & Counter(_key(row) for row in others)).values())
            given = was[1] == now[1] and not was[1].startswith("stage-")
            # A renamed stage keeps half of its steps at least; less in common is another stage.
            alike = 2 * shared / (len(rows) + len(others))
            score = alike + (2 if given else 0.2 if was[1] == now[1] else 0) + (0.5 if same_platform else 0)
            scores.append((score, alike >= 0.5 or was[1] == now[1], -abs(first - second), was, now))  # noqa: PLR2004
    pairs, left_old, left_new = [], set(old), set(new)
    for _score, fits, _near, was, now in sorted(scores, key=lambda one: (one[1], one[0], one[2]), reverse=True):
        last = len(left_old) == len(left_new) == 1
        if was in left_old and now in left_new and (fits or last):
            left_old.discard(was)
            left_new.discard(now)
            pairs.append((old[was], new[now]))
    return pairs


def _key(row: _Named[S]) -> str:
    """The words of a step; of a FROM without the digest, which moves while the step stays."""
    words = row.words.partition("@sha256:")[0] if row.keyword == "FROM" else row.words
    return f"{words}\0{row.again}" if row.again else words


def _pair_within(old: list[_Named[S]], new: list[_Named[S]]) -> dict[int, tuple[int, bool]]:
    found: dict[int, tuple[int, bool]] = {}
    match = SequenceMatcher(None, [_key(row) for row in old], [_key(row) for row in new], autojunk=False)
    gaps = []
    for kind, a1, a2, b1, b2 in match.get_opcodes() if max(len(old), len(new)) <= _MOST_STEPS else ():
        if kind == "equal":
            found |= {new[b].place: (old[a].place, False) for a, b in zip(range(a1, a2), range(b1, b2), strict=True)}
        else:
            gaps.append((old[a1:a2], new[b1:b2]))
    taken = {place for place, _ in found.values()}
    rest_old, rest_new = _without(old, taken), [row for row in new if row.place not in found]
    found |= {place: (other, True) for place, other in _exactly(rest_old, rest_new).items()}
    for was, now in gaps:
        taken = {place for place, _ in found.values()}
        edited = _edited(_without(was, taken), [row for row in now if row.place not in found])
        found |= {place: (other, False) for place, other in edited.items()}
    return found


def _without(rows: list[_Named[S]], taken: set[int]) -> list[_Named[S]]:
    return [row for row in rows if row.place not in taken]


def _exactly(old: list[_Named[S]], new: list[_Named[S]]) -> dict[int, int]:
    """Steps with the same words, then with the same operation, wherever they stand: {place after: place before}."""
    found: dict[int, int] = {}
    taken: set[int] = set()
    for key in (_key, lambda row: row.step.fingerprint):
        shelf: dict[str, deque[int]] = {}
        for row in old:
            if row.place not in taken and key(row):
                shelf.setdefault(key(row), deque()).append(row.place)
        for row in new:
            if row.place not in found and (places := shelf.get(key(row))):
                found[row.place] = places.popleft()
        taken = set(found.values())
    return found


def _edited(old: list[_Named[S]], new: list[_Named[S]]) -> dict[int, int]:
    """Steps between the same neighbours that ask for the same kind of thing; the likest ones first.

    Of a kind of which both sides have as many left, each is the one in its place.
    """
    found: dict[int, int] = {}
    taken: set[int] = set()
    if len(old) * len(new) <= _MOST_LIKENESSES:
        bags = {row.place: Counter(row.words.split()[1:]) for row in old}
        likeness = []
        for now in new:
            bag = Counter(now.words.split()[1:])
            likeness += [(_dice(bags[was.place], bag), was, now) for was in old if was.keyword == now.keyword]
        for ratio, was, now in sorted(likeness, key=lambda one: (-one[0], one[2].place, one[1].place)):
            if ratio >= _LIKE_ENOUGH and was.place not in taken and now.place not in found:
                found[now.place] = was.place
                taken.add(was.place)
    for keyword in dict.fromkeys(row.keyword for row in new):
        left = [row.place for row in old if row.keyword == keyword and row.place not in taken]
        come = [row.place for row in new if row.keyword == keyword and row.place not in found]
        if len(left) == len(come):
            found |= dict(zip(come, left, strict=True))
    return found


def _dice(one: Counter[str], other: Counter[str]) -> float:
    """The share of words that both have."""
    whole = one.total() + other.total()
    return 2 * (one & other).total() / whole if whole else 1.0


def _in_order(before: Sequence[S], after: Sequence[S], found: dict[int, tuple[int, bool]]) -> list[Pair[S]]:
    back = {was: place for place, (was, _moved) in found.items()}
    gone: dict[int, list[S]] = {}
    anchor = -1
    for place, step in enumerate(before):
        if place in back:
            anchor = back[place]
        else:
            gone.setdefault(anchor, []).append(step)
    pairs = [Pair(step, None) for step in gone.get(-1, ())]
    for place, step in enumerate(after):
        was, moved = found.get(place, (None, False))
        pairs.append(Pair(before[was] if was is not None else None, step, moved))
        pairs += [Pair(other, None) for other in gone.get(place, ())]
    return pairs
