"""What the cache report says of one step: a kind, a sentence, the evidence. And two builds side by side."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from builds.core.cache_files import ChangedFiles, mounted_sources, sources_in_words
from builds.core.cache_sides import Ran, Side
from builds.core.cache_words import ArgChange, changed_args
from builds.core.step_pairs import pair_steps

Kind = Literal[
    "off", "first", "isolated", "words", "argument", "setting", "operation", "new", "target", "order", "base", "files",
    "address", "because", "unfinished", "builder", "evicted", "unknown",
]  # fmt: skip
_SHORT = 60


@dataclass(frozen=True, slots=True)
class Reason:
    """`because` is the index of the step that it comes from; `evidence` is what the sentence says, for programs."""

    kind: Kind
    sentence: str
    because: int | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What holds for a whole build. `files` is what changed since the build it is compared with, None if unasked.

    `git_dir`: `.git` is part of the context. `makers`: what else puts files into the context ("hooks", "submodules").
    """

    cache: bool = True
    isolated: bool = False
    git_dir: bool = False
    makers: tuple[str, ...] = ()
    files: ChangedFiles | None = None


@dataclass(frozen=True)
class Compared:
    """A build beside an earlier one of its rule: which step was which."""

    this: Side
    before: Side
    around: Circumstances

    @functools.cached_property
    def was(self) -> Mapping[int, Ran]:
        """The earlier build's step, by index of this build's."""
        pairs = pair_steps(self.before.steps, self.this.steps)
        return {pair.after.index: pair.before for pair in pairs if pair.after and pair.before}

    @functools.cached_property
    def now(self) -> Mapping[int, Ran]:
        """The same the other way round."""
        return {was.index: self.this.by_index[index] for index, was in self.was.items()}

    @functools.cached_property
    def args(self) -> list[ArgChange]:
        return changed_args(self.before.args, self.this.args)

    @property
    def that(self) -> str:
        return f"build #{self.before.number}"


def sources_of(step: Ran) -> tuple[str, ...]:
    """What of the context a step takes, as its operation or, where that is not known, its words say."""
    if step.keyword == "RUN":
        return mounted_sources(step.words)
    return step.paths or sources_in_words(step.words)


def short_words(step: Ran) -> str:
    """The instruction, short enough for a sentence."""
    flat = " ".join(step.words.replace("`", "'").split())
    return flat if len(flat) <= _SHORT else f"{flat[: _SHORT - 1]}…"
