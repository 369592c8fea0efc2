"""A note beside the sockets that `make up` runs a registry of Imageyard's own, so that commands by hand know it too."""

from __future__ import annotations

import json
from pathlib import Path

_FILE = "own-registry.json"


def note_own_registry(run_dir: Path, registry: str, storage: Path | None) -> None:
    """Write down that the registry of that name is Imageyard's own and keeps its images there; None: that none is."""
    note = run_dir / _FILE
    if storage is None:
        note.unlink(missing_ok=True)
        return
    draft = note.with_suffix(".new")
    draft.write_text(json.dumps({"registry": registry, "storage": str(storage)}), encoding="utf-8")
    draft.replace(note)


def own_storage(run_dir: Path, registry: str) -> str:
    """Where that registry keeps its images, if `make up` runs it as Imageyard's own; else empty."""
    try:
        said = json.loads((run_dir / _FILE).read_text(encoding="utf-8"))
        return str(said["storage"]) if said["registry"] == registry else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""
