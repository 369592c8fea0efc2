"""Registries, the image repositories in them, their tags with the history of where each pointed, and what is to go."""

from __future__ import annotations

from registry.models.collection import CollectionRun
from registry.models.credential import PullCredential
from registry.models.deletion import TagDeletion
from registry.models.destination import Destination
from registry.models.events import RegistryEvent, RegistryWatch, TagComparison, TagNews
from registry.models.registry import Checked, Registry
from registry.models.repository import REPOSITORY_NAME, Repository, RepositoryQuerySet
from registry.models.retention import RetentionPolicy, RetentionPolicyQuerySet, RetentionRun
from registry.models.signing_key import SigningKey
from registry.models.storage import Quota, StoragePoint, StorageSurvey, StorageUse
from registry.models.tag import DIGEST, Tag, TagKeyField, TagMove, TagQuerySet

__all__ = [
    "DIGEST",
    "REPOSITORY_NAME",
    "Checked",
    "CollectionRun",
    "Destination",
    "PullCredential",
    "Quota",
    "Registry",
    "RegistryEvent",
    "RegistryWatch",
    "Repository",
    "RepositoryQuerySet",
    "RetentionPolicy",
    "RetentionPolicyQuerySet",
    "RetentionRun",
    "SigningKey",
    "StoragePoint",
    "StorageSurvey",
    "StorageUse",
    "Tag",
    "TagComparison",
    "TagDeletion",
    "TagKeyField",
    "TagMove",
    "TagNews",
    "TagQuerySet",
]
