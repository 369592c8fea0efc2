"""The tab Dockerfile of a build: what was built, line by line, with the time, the cache, the layer and the fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from builds.models import Build
from builds.views.dockerfiles import dockerfile_of

if TYPE_CHECKING:
    from builds.views.build_tabs import Asked

# A copy button holds the whole text once more.
_MOST_COPIED = 64 * 1024


def context(asked: Asked) -> dict[str, Any]:
    """`?platform=` leaves out the steps of the others."""
    shown = dockerfile_of(asked.build, asked.attempt, asked.steps, asked.request.GET.get("platform", ""))
    return {"dockerfile": shown, "can_copy": len(shown.text) <= _MOST_COPIED}


def count_findings(build: Build) -> int:
    """Warnings with a line."""
    return sum(isinstance(warning, dict) and bool(warning.get("line")) for warning in build.warnings)
