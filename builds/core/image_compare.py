"""Two images side by side: which layers grew, came and went, and which settings changed. Reads no manifest itself.

What a layer is made by are the words of its instruction, `RUN pip install …`; what the base image brought is one thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from builds.core.failure_evidence import code
from builds.core.secret_words import looks_secret
from builds.core.step_pairs import Pair, pair_steps
from lib.humanize import format_size, plural

HIDDEN = "(not shown: it looks like a secret)"
Change = Literal["same", "changed", "added", "removed"]


@dataclass(frozen=True, slots=True)
class ComparedLayer:
    """One layer, lowest first in its image. `made_by` is its instruction, "" where nobody knows it.

    `step` is the index of the step that made it and `line` its line of the Dockerfile, where known; `is_base` says that
    the base image brought it. `size_bytes` is compressed, as a pull transfers it.
    """

    digest: str
    size_bytes: int
    made_by: str = ""
    step: int | None = None
    line: int | None = None
    is_base: bool = False


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A layer in both images; one side is None where only the other has it. `same`: byte for byte."""

    change: Change
    before: ComparedLayer | None
    after: ComparedLayer | None

    @property
    def delta_bytes(self) -> int:
        return (self.after.size_bytes if self.after else 0) - (self.before.size_bytes if self.before else 0)

    @property
    def shown(self) -> ComparedLayer:
        """The side to name it by: the newer one where there is one."""
        layer = self.after or self.before
        assert layer is not None
        return layer

    @property
    def sentence(self) -> str:
        """What became of it; "" for the same."""
        return _layer_sentence(self)


@dataclass(frozen=True, slots=True)
class ComparedLayers:
    """`rows` in the order of the newer image. `sentences` start with what changed the size most."""

    rows: tuple[LayerRow, ...]
    before_bytes: int
    after_bytes: int
    summary: str
    sentences: tuple[str, ...]

    @property
    def delta_bytes(self) -> int:
        return self.after_bytes - self.before_bytes

    @property
    def shared_bytes(self) -> int:
        """What whoever has the older image does not pull again."""
        return sum(row.shown.size_bytes for row in self.rows if row.change == "same")


@dataclass(frozen=True, slots=True)
class ComparedConfig:
    """What an image says of how it runs. `env` and `labels` by name; texts are as a person would write them."""

    platform: str = ""
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    working_dir: str = ""
    user: str = ""
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    stop_signal: str = ""
    healthcheck: str = ""
    onbuild: tuple[str, ...] = ()
    shell: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigRow:
    """One setting that differs. `what` is its kind for people, `name` which of several; "" stands for unset."""

    change: Change
    what: str
    name: str
    before: str
    after: str

    @property
    def sentence(self) -> str:
        """`User` changed from `root` to `app`."""
        subject = f"{self.what} {code(self.name)}" if self.name else self.what
        if self.change == "added":
            return f"{subject} is new: {code(self.after)}." if self.after else f"{subject} is new."
        if self.change == "removed":
            return f"{subject} is gone: it was {code(self.before)}." if self.before else f"{subject} is gone."
        return f"{subject} changed from {code(self.before)} to {code(self.after)}."


@dataclass(frozen=True, slots=True)
class _Named:
    """A layer as `pair_steps` reads it: layers with one digest have one name, others go by their words."""

    layer: ComparedLayer
    name: str
    fingerprint: str = ""


def compare_layers(before: Sequence[ComparedLayer], after: Sequence[ComparedLayer]) -> ComparedLayers:
    """Pair the layers of two images, the older one first: same digests, then same instructions, then alike ones."""
    shared = {layer.digest for layer in before} & {layer.digest for layer in after}
    rows = tuple(_row(pair) for pair in pair_steps(_named(before, shared), _named(after, shared)))
    sizes = (sum(layer.size_bytes for layer in before), sum(layer.size_bytes for layer in after))
    return ComparedLayers(rows, *sizes, _summary(rows, *sizes), tuple(_sentences(rows)))


def compare_config(before: ComparedConfig, after: ComparedConfig) -> tuple[ConfigRow, ...]:
    """Every setting that differs, in the order in which a page shows them. Values that look secret are left out."""
    rows: list[ConfigRow] = []
    for what, was, now in (
        ("Platform", before.platform, after.platform),
        ("Entrypoint", joined(before.entrypoint), joined(after.entrypoint)),
        ("Command", joined(before.cmd), joined(after.cmd)),
        ("User", before.user or "root", after.user or "root"),
        ("Working directory", before.working_dir or "/", after.working_dir or "/"),
        ("Stop signal", before.stop_signal, after.stop_signal),
        ("Health check", before.healthcheck, after.healthcheck),
        ("Shell", joined(before.shell), joined(after.shell)),
    ):
        if was != now:
            rows.append(ConfigRow(_change(was, now), what, "", was, now))
    rows += _pairs("Variable", before.env, after.env)
    for what, old, new in (
        ("Port", before.ports, after.ports),
        ("Volume", before.volumes, after.volumes),
        ("ONBUILD", before.onbuild, after.onbuild),
    ):
        rows += [ConfigRow("added", what, item, "", "") for item in new if item not in old]
        rows += [ConfigRow("removed", what, item, "", "") for item in old if item not in new]
    return (*rows, *_pairs("Label", before.labels, after.labels))


def _named(layers: Sequence[ComparedLayer], shared: set[str]) -> list[_Named]:
    names = []
    for place, layer in enumerate(layers, 1):
        words = layer.digest if layer.digest in shared else layer.made_by or "unknown"
        names.append(_Named(layer, f"[{'base' if layer.is_base else 'own'} {place}/{len(layers)}] {words}"))
    return names


def _row(pair: Pair[_Named]) -> LayerRow:
    before, after = pair.before.layer if pair.before else None, pair.after.layer if pair.after else None
    if before is None or after is None:
        return LayerRow("added" if before is None else "removed", before, after)
    return LayerRow("same" if before.digest == after.digest else "changed", before, after)


def _summary(rows: Sequence[LayerRow], before: int, after: int) -> str:
    if all(row.change == "same" for row in rows):
        return f"All {plural(len(rows), 'layer')} are the same." if rows else "Neither image has layers."
    if after == before:
        return f"The size is the same: {format_size(after)}."
    verb = "grew" if after > before else "shrank"
    sizes = f"from {format_size(before)} to {format_size(after)}"
    return f"The image {verb} by {format_size(abs(after - before))}, {sizes}."


def _sentences(rows: Sequence[LayerRow]) -> Iterable[str]:
    """What the base image brought is one sentence: nobody here can change a layer of it."""
    own = [row for row in rows if row.change != "same" and not row.shown.is_base]
    told = [(row.delta_bytes, row.sentence) for row in own]
    base = [row for row in rows if row.change != "same" and row.shown.is_base]
    if base:
        told.append((sum(row.delta_bytes for row in base), _base_sentence(base)))
    return [sentence for _, sentence in sorted(told, key=lambda one: -abs(one[0]))]


def _base_sentence(rows: Sequence[LayerRow]) -> str:
    delta = sum(row.delta_bytes for row in rows)
    count = sum(row.after is not None for row in rows) or len(rows)
    if delta == 0:
        return f"The base image is another one of the same size ({plural(count, 'layer')} differ)."
    verb = "grew" if delta > 0 else "shrank"
    return f"The base image {verb} by {format_size(abs(delta))}."


def _layer_sentence(row: LayerRow) -> str:
    name, delta = code(row.shown.made_by) if row.shown.made_by else "A layer of unknown origin", row.delta_bytes
    if row.before is None:
        return f"{name} is new: {format_size(row.shown.size_bytes)}."
    if row.after is None:
        return f"{name} is gone: {format_size(row.shown.size_bytes)} less."
    if row.change == "same":
        return ""
    edited = ""
    if row.before.made_by != row.after.made_by and row.before.made_by:
        edited = f" (it was {code(row.before.made_by)})"
    if delta == 0:
        return f"{name}{edited} made other content of the same size."
    verb = "grew" if delta > 0 else "shrank"
    sizes = f"from {format_size(row.before.size_bytes)} to {format_size(row.after.size_bytes)}"
    return f"{name}{edited} {verb} by {format_size(abs(delta))}, {sizes}."


def _pairs(what: str, before: Sequence[tuple[str, str]], after: Sequence[tuple[str, str]]) -> list[ConfigRow]:
    old, new = dict(before), dict(after)
    rows = []
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) == new.get(name):
            continue
        change: Change = "changed" if name in old and name in new else "added" if name in new else "removed"
        hidden = any(looks_secret(name, side.get(name, "")) for side in (old, new))
        was, now = (HIDDEN if hidden and name in side else side.get(name, "") for side in (old, new))
        rows.append(ConfigRow(change, what, name, was, now))
    return rows


def _change(before: str, after: str) -> Change:
    return "changed" if before and after else "added" if after else "removed"


def joined(words: Sequence[str]) -> str:
    """As exec form reads: words with spaces in quotes."""
    return " ".join(f'"{word}"' if not word or any(mark.isspace() for mark in word) else word for word in words)
