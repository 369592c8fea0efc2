"""What an image is, for people: platforms, sizes, layers and configuration, out of manifests already read. No HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from registry.core.manifest import Descriptor, ImageIndex, ImageManifest, Manifest, ManifestError, Platform

PREFERRED = "linux/amd64"


@dataclass(frozen=True)
class ImageConfig:
    """What an image configuration says (OCI image-spec 1.1, `config.md`); absent things are empty."""

    platform: Platform | None = None
    created: datetime | None = None
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    user: str = ""
    working_dir: str = ""
    stop_signal: str = ""
    created_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layer:
    """One layer as it is stored: compressed size, and the step that made it where the history tells."""

    digest: str
    size_bytes: int
    created_by: str = ""


@dataclass(frozen=True)
class PlatformImage:
    """One platform of an image. `size_bytes` is None where its manifest is not in the registry."""

    platform: str
    digest: str
    size_bytes: int | None


@dataclass(frozen=True)
class ImageFacts:
    """Everything a page says of an image.

    `digest` is the one that the tag has (of the index, where there is one). `size_bytes` counts each layer and config
    once, however many platforms share it, and no attestation. `layers`, `config` and `created` are those of
    linux/amd64, or else of the first platform. `artifact_type` is not empty where it is no container image.
    """

    digest: str
    media_type: str
    size_bytes: int
    platforms: tuple[PlatformImage, ...]
    attestations: int
    layers: tuple[Layer, ...]
    config: ImageConfig
    created: datetime | None
    artifact_type: str = ""


def main_image(index: ImageIndex) -> Descriptor | None:
    """Choose the image of an index whose layers and configuration stand for all."""
    images = index.images
    preferred = (item for item in images if item.platform and str(item.platform) == PREFERRED)
    return next(preferred, images[0] if images else None)


def summarise(
    manifest: Manifest,
    parsed: ImageManifest | ImageIndex,
    images: Mapping[str, ImageManifest],
    config: ImageConfig,
) -> ImageFacts:
    """Put the facts together.

    `images` are the manifests of an index by digest, as far as the registry has them; `config` is that of
    `main_image`, or of the manifest itself.
    """
    if isinstance(parsed, ImageManifest):
        name = str(config.platform) if config.platform else "unknown"
        main: ImageManifest | None = parsed
        counted = [parsed]
        only = PlatformImage(name, manifest.digest, stored_size([parsed]))
        platforms: tuple[PlatformImage, ...] = () if parsed.artifact_type else (only,)
    else:
        chosen = main_image(parsed)
        main = images.get(chosen.digest) if chosen else None
        counted = [images[item.digest] for item in parsed.images if item.digest in images]
        platforms = tuple(_platform_image(item, images.get(item.digest)) for item in parsed.images)
    return ImageFacts(
        digest=manifest.digest,
        media_type=manifest.media_type,
        size_bytes=stored_size(counted),
        platforms=platforms,
        attestations=parsed.attestations if isinstance(parsed, ImageIndex) else 0,
        layers=_layers(main, config) if main else (),
        config=config,
        created=config.created,
        artifact_type=main.artifact_type if main else "",
    )


def stored_size(images: list[ImageManifest]) -> int:
    """Add up layers and configs in bytes, each digest once."""
    return sum({part.digest: part.size_bytes for image in images for part in (image.config, *image.layers)}.values())


def _platform_image(item: Descriptor, image: ImageManifest | None) -> PlatformImage:
    name = str(item.platform) if item.platform else "unknown"
    return PlatformImage(name, item.digest, stored_size([image]) if image else None)


def _layers(image: ImageManifest, config: ImageConfig) -> tuple[Layer, ...]:
    # The history names only what made a layer; where the counts differ nobody knows which is which.
    made_by = config.created_by if len(config.created_by) == len(image.layers) else ("",) * len(image.layers)
    return tuple(Layer(item.digest, item.size_bytes, by) for item, by in zip(image.layers, made_by, strict=True))


def parse_config(body: bytes) -> ImageConfig:
    """Read an image configuration blob. Raises `ManifestError` where it is not one; wrong parts of it are left out."""
    try:
        document = orjson.loads(body)
    except ValueError as error:
        raise ManifestError("its configuration is not JSON") from error
    if not isinstance(document, dict):
        raise ManifestError("its configuration is not a JSON object")
    inner = document.get("config")
    run: dict[str, Any] = inner if isinstance(inner, dict) else {}
    os, architecture = _text(document, "os"), _text(document, "architecture")
    return ImageConfig(
        platform=Platform(os, architecture, _text(document, "variant")) if os else None,
        created=_time(_text(document, "created")),
        entrypoint=_texts(run.get("Entrypoint")),
        cmd=_texts(run.get("Cmd")),
        env=_texts(run.get("Env")),
        exposed_ports=_keys(run.get("ExposedPorts")),
        volumes=_keys(run.get("Volumes")),
        labels=_pairs(run.get("Labels")),
        user=_text(run, "User"),
        working_dir=_text(run, "WorkingDir"),
        stop_signal=_text(run, "StopSignal"),
        created_by=_history(document.get("history")),
    )


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _keys(value: Any) -> tuple[str, ...]:
    return tuple(sorted(value)) if isinstance(value, dict) else ()


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    pairs = value.items() if isinstance(value, dict) else ()
    return tuple(sorted((key, text) for key, text in pairs if isinstance(text, str)))


def _history(value: Any) -> tuple[str, ...]:
    entries = value if isinstance(value, list) else []
    return tuple(
        _text(item, "created_by") for item in entries if isinstance(item, dict) and not item.get("empty_layer")
    )


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    # Docker writes year 1 where there is no time; reproducible builds write 1970 and mean it no better.
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at if at.year > 1970 else None  # noqa: PLR2004
