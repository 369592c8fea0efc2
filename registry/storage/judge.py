"""Which images and layers of a repository go: plain functions over one look at it, without a disk or a clock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from registry.storage.layout import Key
from registry.storage.look import Look
from registry.storage.manifests import Names

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What Imageyard wants of a repository that it knows. Times are seconds since the epoch.

    `untagged_s`: how long an image stays that has no tag; None is for ever. `untagged_at` says since when it has none,
    where that is known to be later than its own time. `needed`: images that stay whatever else is so.
    `is_busy`: something is being put there now, which may count on layers that are there.
    """

    untagged_s: float | None = None
    untagged_at: Mapping[Key, float] = field(default_factory=dict)
    needed: Collection[Key] = ()
    is_busy: bool = False


Keeper = Callable[[str], Wish | None]
"""By a repository's name; None: Imageyard does not know it, and nothing goes from it."""


@dataclass(frozen=True, slots=True)
class Going:
    """What goes from one repository, and, where something could not be judged, why nothing does."""

    revisions: tuple[Key, ...] = ()
    layers: tuple[Key, ...] = ()
    why_not: str = ""


def keep_all(names: Mapping[Key, Names], roots: Iterable[Key]) -> set[Key]:
    """All images that stay because those of `roots` do: what an index lists, and what is about one that stays.

    So platforms and attestations live as long as their index, and signatures as long as what they sign.
    """
    about: dict[Key, list[Key]] = {}
    for key, found in names.items():
        if found.subject is not None:
            about.setdefault(found.subject, []).append(key)
    kept: set[Key] = set()
    rest = list(roots)
    while rest:
        key = rest.pop()
        if key in kept:
            continue
        kept.add(key)
        rest += about.get(key, ())
        if key in names:
            rest += (named for named in names[key].named if named in names)
    return kept


def judge(look: Look, wish: Wish | None, *, now: float, window_s: float) -> Going:
    """What may go from a repository now. Nothing that is younger than the window, and nothing where there is doubt."""
    if wish is None:
        return Going(why_not="Imageyard does not know it.")
    if look.doubts:
        return Going(why_not=f"{look.doubts[0]}; nothing of it goes until that is mended.")
    kept = keep_all(look.names, _roots(look, wish, now, window_s))
    going = tuple(key for key in look.revisions if key not in kept)
    if wish.is_busy or now - look.uploaded_at < window_s:
        # Whoever pushes may have asked before for a layer that no image needs yet, and was told that it is there.
        return Going(going)
    needed = {named for key in kept if key in look.names for named in look.names[key].named}
    return Going(
        going, tuple(key for key, at in look.layers.items() if key not in needed and _is_old(at, now, window_s))
    )


def _roots(look: Look, wish: Wish, now: float, window_s: float) -> Iterable[Key]:
    yield from look.tags.values()
    yield from wish.needed
    for key, at in look.revisions.items():
        since = max(at, wish.untagged_at.get(key, 0.0))
        if wish.untagged_s is None or not _is_old(at, now, window_s) or not _is_old(since, now, wish.untagged_s):
            yield key


def _is_old(at: float, now: float, age_s: float) -> bool:
    return now - at >= age_s
