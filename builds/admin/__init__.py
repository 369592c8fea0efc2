"""The builds room in the admin: find anything, follow links, act on rows. Each theme has a file of its own."""

from __future__ import annotations

from builds.admin import builds, debug, sources, workers

__all__ = ["builds", "debug", "sources", "workers"]
