"""Registries, the image repositories in them, and their tags with the history of where each pointed."""

from __future__ import annotations

from registry.models.registry import Registry
from registry.models.repository import REPOSITORY_NAME, Repository, RepositoryQuerySet
from registry.models.tag import DIGEST, Tag, TagKeyField, TagMove, TagQuerySet

__all__ = [
    "DIGEST",
    "REPOSITORY_NAME",
    "Registry",
    "Repository",
    "RepositoryQuerySet",
    "Tag",
    "TagKeyField",
    "TagMove",
    "TagQuerySet",
]
