"""The images of two builds as records have them, compared by platform: layers with what made them, and settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from builds.core.build_compare import size_sentence
from builds.core.cache_sides import Ran
from builds.core.image_compare import (
    ComparedConfig,
    ComparedLayer,
    ComparedLayers,
    ConfigRow,
    compare_config,
    compare_layers,
)
from builds.core.image_config import compared as as_compared
from builds.models import Build, BuildRecord, Step
from builds.models.ran import ran_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ComparedImage:
    """The layers of one platform in both images."""

    platform: str
    layers: ComparedLayers
    sentence: str


@dataclass(frozen=True, slots=True)
class ComparedSettings:
    """The settings that differ for one platform; no rows where all are the same."""

    platform: str
    rows: tuple[ConfigRow, ...]


def record_of(build: Build) -> BuildRecord | None:
    """The record, where the build has one."""
    return getattr(build, "record", None)


def images_of(before: Build, after: Build, rows: Mapping[int, Sequence[Step]]) -> tuple[tuple[ComparedImage, ...], str]:
    """By platform, for those that both have; where there are none, a sentence why there is nothing to compare."""
    found = []
    for platform, old, new in _both(_layers(before, rows[before.pk]), _layers(after, rows[after.pk])):
        layers = compare_layers(old, new)
        found.append(ComparedImage(platform, layers, size_sentence(layers)))
    if found:
        return tuple(found), ""
    without = [build for build in (before, after) if not build.digest]
    return (), f"Build #{without[0].number} made no image." if without else "What is in these images is not known here."


def settings_of(before: Build, after: Build) -> tuple[ComparedSettings, ...]:
    """By platform, for those of which both images' settings are known."""
    both = _both(_configs(before), _configs(after))
    return tuple(ComparedSettings(platform, compare_config(old, new)) for platform, old, new in both)


def documents_compared(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[tuple[ComparedImage, ...], tuple[ComparedSettings, ...]]:
    """Two images as `builds.core.image_document` has them, whoever made them, by platforms that both have."""
    old, new = (_platforms(document, ()) for document in (before, after))
    images = []
    for platform, was, now in _both(old, new):
        layers = compare_layers(was, now)
        images.append(ComparedImage(platform, layers, size_sentence(layers)))
    configs = _both(_settings(before["platforms"]), _settings(after["platforms"]))
    return tuple(images), tuple(ComparedSettings(name, compare_config(was, now)) for name, was, now in configs)


def _both(old: Mapping[str, T], new: Mapping[str, T]) -> Iterable[tuple[str, T, T]]:
    """What both have. Of one platform each it is the same one: the builder's own has no name in some records."""
    if len(old) == len(new) == 1:
        yield next(iter(new)), next(iter(old.values())), next(iter(new.values()))
        return
    for platform, value in new.items():
        if platform in old:
            yield platform, old[platform], value


def _documents(build: Build) -> list[dict[str, Any]]:
    """The platforms of `builds.core.image_document`; none where the image was not read."""
    record = record_of(build)
    return record.image.get("platforms", []) if record else []


def _configs(build: Build) -> dict[str, ComparedConfig]:
    return _settings(_documents(build))


def _settings(platforms: Iterable[Mapping[str, Any]]) -> dict[str, ComparedConfig]:
    return {one["platform"]: as_compared(one["config"]) for one in platforms if one.get("config")}


def _layers(build: Build, steps: Iterable[Step]) -> dict[str, list[ComparedLayer]]:
    """As the registry has them where the image was read, else as buildx told of them."""
    steps = list(steps)
    return _platforms({"platforms": _documents(build)}, steps) or _told_layers(build, steps)


def _platforms(document: Mapping[str, Any], steps: Sequence[Step]) -> dict[str, list[ComparedLayer]]:
    return {one["platform"]: _read_layers(one, steps) for one in document["platforms"] if one.get("layers")}


def _read_layers(platform: Mapping[str, Any], steps: Sequence[Step]) -> list[ComparedLayer]:
    makers = {step.vertex: ran for step in steps for ran in ran_of([step])}
    history = {entry["layer"]: entry["words"] for entry in platform["history"]}
    return [
        _layer(
            layer,
            makers.get(layer["vertex"]),
            is_base=place < (platform["base_layers"] or 0),
            words=history.get(place, ""),
            lines=layer["lines"],
        )
        for place, layer in enumerate(platform["layers"])
    ]


def _told_layers(build: Build, steps: Sequence[Step]) -> dict[str, list[ComparedLayer]]:
    record = record_of(build)
    makers = {step.index: ran for step in steps for ran in ran_of([step])}
    found = {}
    for platform in record.platforms if record else []:
        base, layers = platform.get("base_layers", 0), platform.get("layers", [])
        if layers:
            found[platform.get("platform", "")] = [
                _layer(layer, makers.get(layer.get("step")), is_base=place < base) for place, layer in enumerate(layers)
            ]
    return found


def _layer(
    layer: Mapping[str, Any], made: Ran | None, *, is_base: bool, words: str = "", lines: Sequence[int] = ()
) -> ComparedLayer:
    """What the base image brought has no line of its own; its words are those of its own Dockerfile."""
    lines = lines or (made.lines if made else ())
    return ComparedLayer(
        digest=layer["digest"],
        size_bytes=layer["size_bytes"],
        made_by=words if is_base and words else made.words if made else words,
        step=made.index if made else None,
        line=lines[0] if lines and not is_base else None,
        is_base=is_base,
    )
