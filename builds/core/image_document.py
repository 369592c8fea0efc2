"""What is kept of an image and shown: its platforms with layers, history, settings and attestations. Asks no registry.

The document is JSON, `BuildRecord.image` for the image of a build:

    {digest, media_type, kind: "image" | "index" | "artifact", size_bytes, sentences, platforms: [{
      platform, digest, media_type, size_bytes, created, author, config_digest, config, sentences, base, base_layers,
      layers: [{digest, size_bytes, media_type, vertex, lines}],
      history: [{words, created, comment, empty, layer}],
      statements: [{digest, size_bytes, type, kind}], provenance}]}

`base_layers` is how many of the lowest layers the base image brought, None where nobody knows; `base` is
`{name, digest}`. `layer` is the place of a history entry's layer, None for those that made none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from builds.core.image_statement import PREDICATE, kind_of
from builds.core.metadata import PlatformFacts
from lib.humanize import plural
from registry.core.image import stored_size
from registry.core.manifest import (
    INDEXES,
    MANIFESTS,
    Descriptor,
    ImageIndex,
    ImageManifest,
    Manifest,
    Platform,
)

Document = dict[str, Any]
MOST_PLATFORMS = 20
MOST_LAYERS = 500
_MOST_STATEMENTS = 20
_REFERENCE = "vnd.docker.reference.digest"
_NOT_HERE = "is not in the registry any more"


def image_document(
    manifest: Manifest,
    parsed: ImageManifest | ImageIndex,
    images: Mapping[str, ImageManifest],
    configs: Mapping[str, Document | str],
    attestations: Mapping[str, ImageManifest],
) -> Document:
    """Put together what was read.

    `images` and `attestations` are the manifests of an index by digest, as far as the registry has them; `configs` by
    digest what `read_config` gave, or a clause why there is none ("it is not JSON").
    """
    sentences: list[str] = []
    if isinstance(parsed, ImageManifest):
        only = Descriptor(manifest.digest, manifest.media_type, len(manifest.body))
        platforms = [_platform(only, parsed, configs)]
        kind, counted = "artifact" if parsed.artifact_type else "image", [parsed]
        if parsed.artifact_type:
            sentences.append(f"This is no container image but `{parsed.artifact_type}`: it cannot be run.")
    else:
        shown = parsed.images[:MOST_PLATFORMS]
        platforms = [_platform(item, images.get(item.digest), configs) for item in shown]
        kind, counted = "index", [images[item.digest] for item in parsed.images if item.digest in images]
        for platform in platforms:
            platform["statements"] = _statements(parsed, platform["digest"], attestations)
        sentences += _oddities(parsed)
    return {
        "digest": manifest.digest,
        "media_type": manifest.media_type,
        "kind": kind,
        "size_bytes": stored_size(counted),
        "sentences": sentences,
        "platforms": platforms,
    }


def _platform(item: Descriptor, image: ImageManifest | None, configs: Mapping[str, Document | str]) -> Document:
    found: Document = {
        "platform": str(item.platform) if item.platform else "",
        "digest": item.digest,
        "media_type": item.media_type,
        "size_bytes": None,
        "created": "",
        "author": "",
        "config_digest": "",
        "config": None,
        "sentences": [],
        "base": None,
        "base_layers": None,
        "layers": [],
        "history": [],
        "statements": [],
        "provenance": None,
    }
    if image is None:
        found["sentences"].append(f"The manifest of this platform {_NOT_HERE}: it can no longer be pulled.")
        return found
    found |= {"size_bytes": stored_size([image]), "config_digest": image.config.digest}
    found["layers"] = [
        {
            "digest": layer.digest,
            "size_bytes": layer.size_bytes,
            "media_type": layer.media_type[:200],
            "vertex": "",
            "lines": [],
        }
        for layer in image.layers[:MOST_LAYERS]
    ]
    if len(image.layers) > MOST_LAYERS:
        found["sentences"].append(f"It has {len(image.layers):,} layers; the first {MOST_LAYERS} are shown.")
    if not image.artifact_type:
        _add_config(found, configs.get(image.config.digest, f"it {_NOT_HERE}"), len(image.layers))
    return found


def _add_config(found: Document, config: Document | str, layers: int) -> None:
    if isinstance(config, str):
        sentence = f"Its configuration cannot be shown: {config}. So its settings and its history are not known."
        found["sentences"].append(sentence)
        found["history"] = [_entry("", layer) for layer in range(min(layers, MOST_LAYERS))]
        return
    found |= {key: config[key] for key in ("created", "author", "config")}
    found["platform"] = found["platform"] or config["platform"]
    told = sum(not entry["empty"] for entry in config["history"])
    if told == layers:
        place = iter(range(layers))
        found["history"] = [{**entry, "layer": None if entry["empty"] else next(place)} for entry in config["history"]]
        return
    if config["history"]:
        found["sentences"].append(
            f"Its history names {plural(told, 'layer')} and it has {layers}: nobody knows which made which."
        )
    found["history"] = [_entry("", layer) for layer in range(min(layers, MOST_LAYERS))]


def _entry(words: str, layer: int) -> Document:
    return {"words": words, "created": "", "comment": "", "empty": False, "layer": layer}


def _statements(index: ImageIndex, digest: str, attestations: Mapping[str, ImageManifest]) -> list[Document]:
    """What the attestation manifests of an image hold, as their layers' annotations tell."""
    manifests = (
        attestations[item.digest]
        for item in index.manifests
        if item.is_attestation and item.annotations.get(_REFERENCE) == digest and item.digest in attestations
    )
    found = []
    for layer in [layer for manifest in manifests for layer in manifest.layers][:_MOST_STATEMENTS]:
        predicate = layer.annotations.get(PREDICATE, "")[:300]
        found.append(
            {"digest": layer.digest, "size_bytes": layer.size_bytes, "type": predicate, "kind": kind_of(predicate)}
        )
    return found


def _oddities(index: ImageIndex) -> Iterable[str]:
    """What an index holds that nobody can run, in sentences. Attestations are shown with their image."""
    nested = sum(item.media_type in INDEXES for item in index.manifests)
    foreign = sorted({item.media_type for item in index.manifests} - INDEXES - MANIFESTS)
    if nested:
        yield f"It holds {plural(nested, 'more index', 'more indexes')}, which few tools follow and this page does not."
    if foreign:
        kinds = ", ".join(f"`{kind[:80] or 'nothing'}`" for kind in foreign[:3])
        yield f"It holds what is no image: {kinds}."
    if len(index.images) > MOST_PLATFORMS:
        yield f"It has {len(index.images):,} images; the first {MOST_PLATFORMS} are shown."
    if not index.images:
        yield "It holds no image that something could run."


def add_provenance(found: Document, facts: PlatformFacts) -> None:
    """Tell a platform's layers the steps and lines that made them, and which of them are the base image's."""
    makers = {layer.digest: step for step in facts.steps for layer in step.layers}
    for layer in found["layers"]:
        if maker := makers.get(layer["digest"]):
            layer["vertex"], layer["lines"] = maker.vertex, list(maker.lines)[:100]
    if not any(layer["digest"] in makers for layer in found["layers"]):
        return
    base = list(
        takewhile(lambda layer: layer["digest"] in makers and makers[layer["digest"]].image_digest, found["layers"])
    )
    found["base_layers"] = len(base)
    if base:
        digest = makers[base[-1]["digest"]].image_digest
        name = next((image.name for image in facts.base_images if image.digest == digest), "")
        found["base"] = {"name": name, "digest": digest}


def add_base(found: Document, layers: Sequence[str], name: str, digest: str) -> bool:
    """Take the lowest layers for those of a base image that has exactly these; False where they are others."""
    own = [layer["digest"] for layer in found["layers"]]
    if not layers or own[: len(layers)] != list(layers) or len(layers) <= (found["base_layers"] or 0):
        return False
    found["base_layers"], found["base"] = len(layers), {"name": name, "digest": digest}
    return True


def image_for(index: ImageIndex, platform: str) -> Descriptor | None:
    """The image of an index for a platform; of one of many variants the first that fits."""
    wanted = platform.split("/")
    for item in index.images:
        name = str(item.platform or Platform("", "")).split("/")
        if name == wanted or (len(wanted) == 2 and name[:2] == wanted):  # noqa: PLR2004 — os and architecture
            return item
    return None


def masked(value: Any, mask: Callable[[str], str]) -> Any:
    """The document with every text masked; keys are ours."""
    if isinstance(value, dict):
        return {key: masked(item, mask) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, mask) for item in value]
    return mask(value) if isinstance(value, str) else value
