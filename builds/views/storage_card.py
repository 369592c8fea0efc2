"""What a repository's overview tells of its storage."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from builds.views.lookup import access_to
from builds.views.storage import SPANS, growth_for
from registry.actions.quotas import quotas_of
from registry.models import Repository, StorageUse, Tag

LARGEST = 3


def storage_of(request: HttpRequest, repository: Repository) -> dict[str, Any] | None:
    """Size, growth and largest tags; quotas for members alone. None before it was measured, and of empty ones."""
    use = StorageUse.objects.filter(repository=repository, total_bytes__gt=0).first()
    if use is None:
        return None
    sized = Tag.objects.filter(repository=repository, size_bytes__gt=0).floating()
    return {
        "use": use,
        "growth": growth_for(use, min(SPANS)),
        "quotas": quotas_of(repository) if access_to(request, repository).is_member else (),
        "largest": sized.order_by("-size_bytes", "name")[:LARGEST],
    }
