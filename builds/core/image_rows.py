"""The layers of an image as its page lists them: history, step, line and files of each, joined. Draws nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from builds.core.image_compare import ComparedConfig, ConfigRow, compare_config
from builds.core.image_config import compared
from builds.core.image_document import Document
from builds.core.json_values import moment
from builds.core.progress_events import parse_step_name
from builds.core.secret_words import looks_secret
from lib.humanize import format_size, plural

_YEAR_ONE_TO_1970 = 1970
_LEAST = 0.006
"""No layer is so small that it cannot be seen or clicked."""


class AnyStep(Protocol):
    """What is read of a step; rows of `builds.models.Step` have it."""

    index: int
    name: str
    vertex: str
    dockerfile_line: int | None
    duration_s: float | None
    cached: bool


@dataclass(frozen=True, slots=True)
class LayerShown:
    """One entry of the history. `number` counts layers from 1, lowest first; 0 for an entry without a layer.

    `share` is of the image's compressed size, from 0 to 1. `problem` says why its files cannot be read, "" if they can.
    """

    number: int
    words: str
    created: datetime | None
    is_base: bool
    digest: str = ""
    size_bytes: int = 0
    share: float = 0.0
    line: int | None = None
    step: AnyStep | None = None
    problem: str = ""

    @property
    def step_label(self) -> str:
        """`step 2 of 4`, as failures name it."""
        label = parse_step_name(self.step.name) if self.step else None
        return f"step {label.number} of {label.total}" if label and label.number else "its step"


@dataclass(frozen=True, slots=True)
class Piece:
    """One layer in the picture: from `left`, so wide; both are shares of the whole, from 0 to 1."""

    layer: LayerShown
    left: float
    width: float

    @property
    def x(self) -> str:
        """In the thousandths that the picture is drawn in."""
        return f"{self.left * 1000:.2f}"

    @property
    def wide(self) -> str:
        """As `x`, with a gap to the next one."""
        return f"{max(self.width * 1000 - 1.5, 1):.2f}"


@dataclass(frozen=True, slots=True)
class LayersShown:
    """`rows` in the order of the Dockerfile. `base_known` is False where nobody can tell base layers from own ones."""

    rows: tuple[LayerShown, ...]
    base_bytes: int
    own_bytes: int
    base_known: bool
    pieces: tuple[Piece, ...] = field(default=())

    @property
    def base(self) -> list[LayerShown]:
        return [row for row in self.rows if row.is_base]

    @property
    def own(self) -> list[LayerShown]:
        return [row for row in self.rows if not row.is_base]

    @property
    def sentence(self) -> str:
        """The picture in words."""
        layers = [row for row in self.rows if row.number]
        if not layers:
            return "It has no layers."
        whole = f"{plural(len(layers), 'layer')}, {format_size(self.base_bytes + self.own_bytes)}"
        if not self.base_known:
            return f"{whole}. Which of them are the base image's is not known."
        base = sum(row.is_base for row in layers)
        if not base:
            return f"{whole}, none of them of a base image."
        return (
            f"{whole}: {format_size(self.base_bytes)} in {plural(base, 'layer')} of the base image, "
            f"{format_size(self.own_bytes)} in {len(layers) - base} of its own."
        )


def layers_shown(
    platform: Document, steps: Iterable[AnyStep] = (), recorded: Sequence[Mapping[str, Any]] = ()
) -> LayersShown:
    """Join the history of a platform with what is known of its layers.

    `steps` are those of the build that made it, `recorded` the layers of its `BuildRecord.platforms` with their steps.
    """
    all_steps = list(steps)
    by_vertex = {step.vertex: step for step in all_steps if step.vertex}
    by_index = {step.index: step for step in all_steps}
    by_digest = {row["digest"]: by_index.get(row["step"]) for row in recorded if row.get("step") is not None}
    layers, base = platform["layers"], platform["base_layers"]
    whole = sum(layer["size_bytes"] for layer in layers) or 1
    rows = []
    for entry, is_base in zip(platform["history"], _of_base(platform["history"], base or 0), strict=True):
        created, place = _time(entry["created"]), entry["layer"]
        if place is None or place >= len(layers):
            rows.append(LayerShown(0, entry["words"], created, is_base))
            continue
        layer = layers[place]
        # What an earlier build made of the base has no step here, and its lines are another Dockerfile's.
        step = None if is_base else by_vertex.get(layer["vertex"]) or by_digest.get(layer["digest"])
        line = None if is_base else next(iter(layer["lines"]), None) or (step.dockerfile_line if step else None)
        rows.append(
            LayerShown(
                number=place + 1,
                words=entry["words"] or (parse_step_name(step.name).instruction if step else ""),
                created=created,
                is_base=is_base,
                digest=layer["digest"],
                size_bytes=layer["size_bytes"],
                share=layer["size_bytes"] / whole,
                line=line,
                step=step,
                problem=_unreadable(layer["media_type"]),
            )
        )
    base_bytes = sum(row.size_bytes for row in rows if row.is_base)
    own_bytes = sum(row.size_bytes for row in rows) - base_bytes
    return LayersShown(tuple(rows), base_bytes, own_bytes, base is not None, tuple(_picture(rows)))


def _of_base(history: Sequence[Document], base_layers: int) -> list[bool]:
    """Entries that made no layer belong to the base as long as one of its layers is still to come.

    Those between its last layer and the first own one may be either's, its CMD or our ENV: they are told as our own.
    """
    last = max((place for place, entry in enumerate(history) if entry["layer"] == base_layers - 1), default=-1)
    return [place <= last for place in range(len(history))]


def _picture(rows: Sequence[LayerShown]) -> Iterable[Piece]:
    """Widths by size; a sliver is drawn wide enough to be seen, and the others give way."""
    layers = [row for row in rows if row.number]
    widths = [max(row.share, _LEAST) for row in layers]
    whole, left = sum(widths) or 1.0, 0.0
    for row, width in zip(layers, widths, strict=True):
        yield Piece(row, left / whole, width / whole)
        left += width


def _unreadable(media_type: str) -> str:
    if "foreign" in media_type or "nondistributable" in media_type:
        return "This layer may not be passed on: it is not in the registry, and comes from whoever made it."
    if media_type.endswith("+encrypted"):
        return "This layer is encrypted: only who has the key can look into it."
    return ""


def _time(text: str) -> datetime | None:
    """When it was made; reproducible builds say 1970 and old Dockers the year 1, which mean nothing."""
    at = moment(text)
    return at if at and at.year > _YEAR_ONE_TO_1970 else None


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the settings. `value` is None where it looks like a secret and is not shown."""

    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Settings:
    """How an image runs, as its page tells it."""

    plain: ComparedConfig
    env: tuple[Setting, ...]
    labels: tuple[Setting, ...]

    @property
    def is_root(self) -> bool:
        """Whether what it starts is root in the container."""
        name = self.plain.user.partition(":")[0]
        return name in ("", "0", "root")

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of variables and labels that look like secrets."""
        return tuple(item.name for item in (*self.env, *self.labels) if item.value is None)


def settings_shown(config: Document) -> Settings:
    """The `config` of a document for its page and the API."""
    plain = compared(config)
    return Settings(plain, _settings(plain.env), _settings(plain.labels))


def _settings(pairs: Iterable[tuple[str, str]]) -> tuple[Setting, ...]:
    return tuple(Setting(name, None if looks_secret(name, value) else value) for name, value in pairs)


def platform_of(document: Document, wanted: str) -> Document | None:
    """The platform that is asked for, else `linux/amd64`, else the first; None where there is none."""
    platforms: list[Document] = document["platforms"]
    names = [wanted, "linux/amd64"]
    found = (platform for name in names for platform in platforms if name and platform["platform"] == name)
    return next(found, platforms[0] if platforms else None)


def compared_configs(before: Document, after: Document) -> list[tuple[str, tuple[ConfigRow, ...]]]:
    """For every platform that both images have: the settings that differ. Documents may be `{}`."""
    old = {platform["platform"]: platform["config"] for platform in before.get("platforms", ()) if platform["config"]}
    return [
        (platform["platform"], compare_config(compared(old[platform["platform"]]), compared(platform["config"])))
        for platform in after.get("platforms", ())
        if platform["config"] and platform["platform"] in old
    ]
