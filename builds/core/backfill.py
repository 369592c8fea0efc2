"""Back-fill: which refs that are there already match and have no image yet, and in which order they are built."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from builds.core.facts import NOTHING_KNOWN, Known
from builds.core.plan import Verdict, evaluate
from builds.core.refnames import Ref
from builds.core.rules import RuleSpec
from lib.versions import parse_version

Key = tuple[int | str | None, Ref, str]
"""A rule, a ref and a commit."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A ref with the verdicts of the rules that build it and have no image of `commit`.

    `tried` are those of them whose last build of this commit came to nothing.
    """

    ref: Ref
    commit: str
    verdicts: tuple[Verdict, ...]
    tried: tuple[int | str | None, ...] = ()

    @property
    def key(self) -> str:
        """`branch main`, as forms and the API name it."""
        return f"{self.ref.type} {self.ref.name}"

    @property
    def tags(self) -> tuple[str, ...]:
        """What they make, each once; what is made at the build stands as its template."""
        made = [name for each in self.verdicts for name in (*(tag.name for tag in each.tags), *each.pending)]
        return tuple(dict.fromkeys(made))

    @property
    def was_tried(self) -> bool:
        return bool(self.tried)


def find_gaps(
    refs: Iterable[tuple[Ref, str]],
    rules: Sequence[RuleSpec],
    *,
    done: Mapping[Key, str],
    known: Known = NOTHING_KNOWN,
    default_branch: str = "",
    is_over: Callable[[], bool] = lambda: False,
) -> tuple[Gap, ...]:
    """The gaps in the order in which they are to be built, so that what is newest is built last and has the tags.

    `done` says of rule, ref and commit: `image`, `under way`, or `failed`. A rule whose autobuild is off counts, since
    a person asks; one that is paused for its failures does not. `is_over` says that there is no time for more.
    """
    gaps = []
    for at, (ref, commit) in enumerate(sorted(refs, key=lambda pair: _age(pair[0], default_branch))):
        if at % _LOOK_EVERY == 0 and is_over():
            break
        verdicts = evaluate(ref, rules, commit=commit, manual=True, wakes_paused=False, known=known)
        left = tuple(
            verdict
            for verdict in verdicts
            if verdict.builds and done.get((verdict.rule_id, ref, commit), "failed") == "failed"
        )
        if left:
            tried = tuple(verdict.rule_id for verdict in left if (verdict.rule_id, ref, commit) in done)
            gaps.append(Gap(ref, commit, left, tried))
    return tuple(gaps)


_LOOK_EVERY = 64


def _age(ref: Ref, default_branch: str) -> tuple[object, ...]:
    """Tags without a version by name, versions from the lowest, then branches, the default branch last."""
    version = parse_version(ref.name) if ref.type == "tag" else None
    return (ref.type != "tag", ref.name == default_branch, version is not None, version or (), ref.name)


@dataclass(frozen=True, slots=True)
class Sum:
    """What building some gaps comes to. `tags` are counted once, however many builds make them."""

    refs: int
    builds: int
    tags: int


def sum_up(gaps: Iterable[Gap]) -> Sum:
    """Refs, builds and tags of `gaps`."""
    kept = list(gaps)
    return Sum(len(kept), sum(len(gap.verdicts) for gap in kept), len({tag for gap in kept for tag in gap.tags}))
