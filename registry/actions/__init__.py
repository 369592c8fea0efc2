"""What happens to repositories and their tags; the only place where either changes."""

from __future__ import annotations

from registry.actions.deletions import record_deletion
from registry.actions.locks import LOCK_FOR, PublishLock, publish_lock
from registry.actions.overview import badge_token, renew_badge_token, set_overview, take_readme
from registry.actions.registries import default_registry
from registry.actions.repositories import create_repository, delete_repository, update_repository
from registry.actions.tags import TagPut, record_tags

__all__ = [
    "LOCK_FOR",
    "PublishLock",
    "TagPut",
    "badge_token",
    "create_repository",
    "default_registry",
    "delete_repository",
    "publish_lock",
    "record_deletion",
    "record_tags",
    "renew_badge_token",
    "set_overview",
    "take_readme",
    "update_repository",
]
