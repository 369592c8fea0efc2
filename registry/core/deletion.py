"""What tells a manifest that stands in for a tag's own, in the moment before it is deleted. No I/O."""

from __future__ import annotations

import orjson

from registry.core.manifest import STAND_IN, Manifest


def mark_of(manifest: Manifest) -> str:
    """The mark that a stand-in was made with; "" for any other manifest."""
    try:
        document = orjson.loads(manifest.body)
    except ValueError:
        return ""
    annotations = document.get("annotations") if isinstance(document, dict) else None
    mark = annotations.get(STAND_IN) if isinstance(annotations, dict) else None
    return mark if isinstance(mark, str) else ""
