"""Two builds of one repository side by side: what went in, how steps went, and the sentences above it. Reads no rows.

Layers and settings of images are compared next door, in `image_compare`; the headline about the size is made here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from typing import Literal

from builds.core.cache_sides import Ran
from builds.core.cache_words import MOST_LINES, quote
from builds.core.image_compare import ComparedLayers, LayerRow
from builds.core.step_pairs import pair_steps
from lib.humanize import format_duration, format_size

Change = Literal["same", "changed", "added", "removed"]
MOST_DIFF_LINES = 1000
_WORTH_S = 1.0
_WORTH_SHARE = 0.05
_SHORT = 70


@dataclass(frozen=True, slots=True)
class Given:
    """What went into a build. `settings` are rows of the rule by their label, `bases` digests by image name."""

    number: int
    commit: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    args: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    bases: Mapping[str, str] = field(default_factory=dict)
    dockerfile: str = ""
    dockerfile_path: str = "Dockerfile"
    steps: tuple[Ran, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class InputRow:
    """One input; `kind` is "setting", "argument", "secret" or "base"; "" stands for not given."""

    kind: str
    name: str
    before: str
    after: str

    @property
    def change(self) -> Change:
        if self.before == self.after:
            return "same"
        if not self.before:
            return "added"
        return "changed" if self.after else "removed"


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step in both builds; `edited` where its words differ, `moved` where it stands in another order."""

    before: Ran | None
    after: Ran | None
    moved: bool

    @property
    def shown(self) -> Ran:
        step = self.after or self.before
        assert step is not None
        return step

    @property
    def edited(self) -> bool:
        return bool(self.before and self.after and _bare(self.before) != _bare(self.after))

    @property
    def change(self) -> Change:
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        return "changed" if self.edited or self.moved else "same"

    @property
    def delta_s(self) -> float:
        """Seconds more than before; a step that one of the builds has not takes none there."""
        return _seconds(self.after) - _seconds(self.before)

    @property
    def is_telling(self) -> bool:
        """Whether the delta is more than noise."""
        return abs(self.delta_s) >= max(_WORTH_S / 10, _WORTH_SHARE * max(_seconds(self.before), _seconds(self.after)))


@dataclass(frozen=True, slots=True)
class Comparison:
    """`inputs` that differ come first; `diff` is a unified diff of the Dockerfiles, () where they are the same."""

    before: Given
    after: Given
    inputs: tuple[InputRow, ...]
    steps: tuple[StepRow, ...]
    diff: tuple[str, ...]
    diff_cut: bool
    time_sentence: str

    @property
    def changed_inputs(self) -> tuple[InputRow, ...]:
        return tuple(row for row in self.inputs if row.change != "same")


def compare_builds(before: Given, after: Given) -> Comparison:
    """The older one first. Steps are paired as `pair_steps` does; BuildKit's own are left out."""
    steps = tuple(
        StepRow(pair.before, pair.after, pair.moved) for pair in pair_steps(_shown(before.steps), _shown(after.steps))
    )
    inputs = sorted(_inputs(before, after), key=lambda row: row.change == "same")
    diff = _diff(before, after)
    return Comparison(
        before,
        after,
        tuple(inputs),
        steps,
        tuple(diff[:MOST_DIFF_LINES]),
        len(diff) > MOST_DIFF_LINES,
        _time_sentence(before, after, steps),
    )


def size_sentence(layers: ComparedLayers) -> str:
    """The image is 40 MB larger: `RUN pip install …` (line 9) made 38 MB more."""
    delta = layers.delta_bytes
    if not layers.rows or not (layers.before_bytes and layers.after_bytes):
        return ""
    if abs(delta) < max(1000, layers.before_bytes * 0.0005):
        same = all(row.change == "same" for row in layers.rows)
        size = format_size(layers.after_bytes)
        return (
            f"Both images have the same layers, {size}." if same else f"The image has the same size as before: {size}."
        )
    told = f"The image is {format_size(abs(delta))} {'larger' if delta > 0 else 'smaller'}"
    cause = _cause(layers.rows, delta)
    sizes = f"It was {format_size(layers.before_bytes)} and is {format_size(layers.after_bytes)}."
    return f"{told}: {cause} {sizes}" if cause else f"{told}. {sizes}"


def _cause(rows: Sequence[LayerRow], delta: int) -> str:
    """The layer that moved the size furthest in the direction of the whole; what the base brought is one thing."""
    sign = 1 if delta > 0 else -1
    base = sum(row.delta_bytes for row in rows if row.shown.is_base and row.change != "same")
    own = [row for row in rows if not row.shown.is_base and row.change != "same"]
    top = max(own, key=lambda row: sign * row.delta_bytes, default=None)
    if sign * base > 0 and (top is None or sign * base >= sign * top.delta_bytes):
        return f"the base image brings {format_size(abs(base))} {'more' if sign > 0 else 'less'}."
    if top is None or sign * top.delta_bytes <= 0:
        return ""
    layer = top.shown
    line = f" (line {layer.line})" if layer.line and top.after is not None else ""
    name = f"{quote(_cut(layer.made_by))}{line}" if layer.made_by else "a layer of unknown origin"
    size = format_size(abs(top.delta_bytes))
    if top.before is None:
        return f"{name} is new and makes {size}."
    if top.after is None:
        return f"{name} is gone, which made {size}."
    return f"{name} made {size} {'more' if sign > 0 else 'less'}."


def _time_sentence(before: Given, after: Given, steps: Sequence[StepRow]) -> str:
    if before.seconds is None or after.seconds is None:
        return ""
    delta = after.seconds - before.seconds
    spans = f"{format_duration(before.seconds)} and {format_duration(after.seconds)}"
    if abs(delta) < max(_WORTH_S, _WORTH_SHARE * before.seconds):
        return f"Both took about as long: {spans}."
    told = f"It took {format_duration(abs(delta))} {'longer' if delta > 0 else 'less'}"
    sign = 1 if delta > 0 else -1
    top = max(steps, key=lambda row: sign * row.delta_s, default=None)
    if top is None or sign * top.delta_s < max(_WORTH_S / 2, abs(delta) * 0.2):
        return f"{told}: {spans}."
    return f"{told}: {_time_cause(top)}. They took {spans}."


def _time_cause(row: StepRow) -> str:
    name = quote(_cut(row.shown.words))
    took = format_duration(abs(row.delta_s))
    if row.before is None:
        return f"{name} is new and took {took}"
    if row.after is None:
        return f"{name} is gone, which took {took}"
    if row.before.cached and not row.after.cached:
        return f"{name} came from the cache before and ran for {format_duration(_seconds(row.after))} now"
    if row.after.cached and not row.before.cached:
        return f"{name} ran for {format_duration(_seconds(row.before))} before and comes from the cache now"
    return f"{name} took {took} {'longer' if row.delta_s > 0 else 'less'}"


def _inputs(before: Given, after: Given) -> list[InputRow]:
    rows = []
    for kind, was, now in (
        ("base", before.bases, after.bases),
        ("argument", before.args, after.args),
        ("setting", before.settings, after.settings),
        ("secret", dict.fromkeys(before.secrets, "given"), dict.fromkeys(after.secrets, "given")),
    ):
        rows += [InputRow(kind, name, was.get(name, ""), now.get(name, "")) for name in dict.fromkeys([*was, *now])]
    return rows


def _diff(before: Given, after: Given) -> list[str]:
    """Nothing where one of the texts is not known."""
    if not before.dockerfile or not after.dockerfile or before.dockerfile == after.dockerfile:
        return []
    names = f"{before.dockerfile_path} of #{before.number}", f"{after.dockerfile_path} of #{after.number}"
    texts = before.dockerfile.splitlines(), after.dockerfile.splitlines()
    if max(map(len, texts)) > MOST_LINES:
        return ["@@ The Dockerfiles differ, and are too long to be compared line by line. @@"]
    return list(unified_diff(*texts, *names, lineterm="", n=3))


def _shown(steps: Sequence[Ran]) -> list[Ran]:
    """Without BuildKit's own, and without what `ADD https://…` fetches: the step that writes it has the same name."""
    return [step for step in steps if not step.label.internal and (step.is_from or step.operation != "source")]


def _bare(step: Ran) -> str:
    """A base image that moved is an input; the words of its FROM are the same."""
    return step.words.partition("@sha256:")[0] if step.is_from else step.words


def _seconds(step: Ran | None) -> float:
    return step.seconds or 0.0 if step else 0.0


def _cut(words: str) -> str:
    flat = " ".join(words.split())
    return flat if len(flat) <= _SHORT else f"{flat[: _SHORT - 1]}…"
