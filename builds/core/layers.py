"""The layers of an image and the steps that made them, as the record of a build keeps them. Asks no registry."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from typing import Any

from builds.core.metadata import PlatformFacts


def platform_record(facts: PlatformFacts, indexes: Mapping[str, int]) -> dict[str, Any]:
    """`{platform, build_args, base_images, layers: [{digest, size_bytes, step}], base_layers}`, layers lowest first.

    `indexes` are the steps' by vertex; `step` is None for a layer that no known step made. `base_layers` is how many of
    the lowest come from the base image.
    """
    makers = {layer.digest: step for step in facts.steps for layer in step.layers}
    base = takewhile(lambda layer: layer.digest in makers and makers[layer.digest].image_digest, facts.layers)
    return {
        "platform": facts.platform,
        "build_args": dict(facts.build_args),
        "base_images": [{"name": i.name, "digest": i.digest, "platform": i.platform} for i in facts.base_images],
        "layers": [
            {
                "digest": layer.digest,
                "size_bytes": layer.size_bytes,
                "step": indexes.get(makers[layer.digest].vertex) if layer.digest in makers else None,
            }
            for layer in facts.layers
        ],
        "base_layers": sum(1 for _ in base),
    }
