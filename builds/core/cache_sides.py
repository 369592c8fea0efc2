"""Two builds as the cache report sees them: the steps that ran, what went in, and how steps stand on each other."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from builds.core.progress_events import StepName, parse_step_name

_CONTEXT = "[internal] load build context"
_DONE = "succeeded"


@dataclass(frozen=True, slots=True)
class Ran:
    """A step of BuildKit in one build. `inputs` are indexes; `operation`, `fingerprint`, `paths` and `lines` are what
    the provenance told, empty for a build that has none. `state` is that of the step's row; `seconds` its intervals.
    """

    index: int
    name: str
    state: str = _DONE
    cached: bool = False
    inputs: tuple[int, ...] = ()
    operation: str = ""
    fingerprint: str = ""
    paths: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()
    seconds: float | None = None

    @property
    def label(self) -> StepName:
        return _label(self.name)

    @property
    def words(self) -> str:
        """The instruction as a person wrote it, build arguments filled in."""
        return self.label.instruction

    @property
    def keyword(self) -> str:
        return next(iter(self.words.split(maxsplit=1)), "").upper()

    @property
    def is_from(self) -> bool:
        return self.label.role == "step" and self.keyword == "FROM"

    @property
    def is_context(self) -> bool:
        return self.name.startswith(_CONTEXT)

    @property
    def is_done(self) -> bool:
        return self.state == _DONE

    @property
    def was_reached(self) -> bool:
        return self.state != "pending"


@functools.lru_cache(maxsize=4096)
def _label(name: str) -> StepName:
    return parse_step_name(name)


@dataclass(frozen=True)
class Side:
    """One build. `args` are the build arguments as they were passed; `dockerfile` is the text, "" where unknown."""

    number: int
    commit: str
    steps: tuple[Ran, ...]
    args: Mapping[str, str] = field(default_factory=dict)
    dockerfile: str = ""
    builder: str = ""
    target: str = ""
    platforms: tuple[str, ...] = ()

    @functools.cached_property
    def by_index(self) -> dict[int, Ran]:
        return {step.index: step for step in self.steps}

    @functools.cached_property
    def is_told(self) -> bool:
        """Whether more than the names of its steps is known."""
        return any(step.fingerprint for step in self.steps)

    @functools.cached_property
    def counted(self) -> tuple[Ran, ...]:
        """The steps that a cache can spare: those of the Dockerfile without FROM, as far as the build came."""
        return tuple(step for step in self.steps if step.was_reached and self.is_cacheable(step))

    def is_cacheable(self, step: Ran) -> bool:
        return step.label.role == "step" and not step.is_from and not self.is_source(step)

    def is_source(self, step: Ran) -> bool:
        """`ADD https://…` is two steps of one name: one that fetches, without inputs, and one that writes the file."""
        if step.operation or step.inputs:
            return step.operation == "source"
        return sum(other.name == step.name for other in self.steps) > 1

    def inputs_of(self, step: Ran) -> list[Ran]:
        return [self.by_index[index] for index in step.inputs if index in self.by_index]

    def ancestors(self, step: Ran) -> Iterator[Ran]:
        """Everything that it stands on, the nearest first, each once."""
        seen, row = {step.index}, self.inputs_of(step)
        while row:
            following: list[Ran] = []
            for one in row:
                if one.index not in seen:
                    seen.add(one.index)
                    yield one
                    following += self.inputs_of(one)
            row = following

    def missed(self, step: Ran) -> bool:
        """Whether it ran although a cache could have spared it."""
        return step.was_reached and not step.cached and self.is_cacheable(step)

    def text_of(self, step: Ran) -> str:
        """The lines of the Dockerfile that ask for it; "" where they are not known."""
        lines = self._lines
        return "\n".join(lines[number - 1] for number in step.lines if 0 < number <= len(lines))

    @functools.cached_property
    def _lines(self) -> list[str]:
        return self.dockerfile.splitlines()

    def place_of(self, step: Ran) -> str:
        """As in: step 3 of 7 of stage `make`."""
        label = step.label
        if not label.number:
            return "the step"
        stage = f" of stage `{label.stage}`" if label.stage else ""
        return f"step {label.number} of {label.total}{stage}"


def stages_of(side: Side, steps: Iterable[Ran]) -> dict[tuple[str, str], list[Ran]]:
    """Those of `steps` that a cache can spare, by platform and stage, in the order of the Dockerfile."""
    found: dict[tuple[str, str], list[Ran]] = {}
    for step in steps:
        if side.is_cacheable(step):
            found.setdefault((step.label.platform, step.label.stage), []).append(step)
    for rows in found.values():
        rows.sort(key=lambda step: (step.label.number or 0, step.index))
    return found
