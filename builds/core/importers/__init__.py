"""Rules from elsewhere: Docker Hub's build rules and docker/metadata-action's tag lines. Saves nothing.

Each importer takes what was pasted and gives rules, and a line of report for everything that was given.
"""

from __future__ import annotations

from builds.core.importers.docker_hub import import_docker_hub
from builds.core.importers.metadata_action import import_metadata_action
from builds.core.importers.report import Imported, Level, ReportLine

__all__ = ["Imported", "Level", "ReportLine", "import_docker_hub", "import_metadata_action"]
