"""The own registry's repositories by the path that the registry knows them by."""

from __future__ import annotations

from collections.abc import Collection

from django.conf import settings
from django.db.models import Q

from registry.models import Registry, Repository


def own_registry() -> Registry | None:
    """The registry that Imageyard signs tokens for and hears of; None where there is none."""
    if settings.REGISTRY_AUTH != "token":
        return None
    return Registry.objects.filter(namespace=None, host=settings.REGISTRY_HOST).first()


def own_repositories(paths: Collection[str]) -> dict[str, int]:
    """Those that are known, as `{path: id}`. One query."""
    split = [path.split("/") for path in paths if path.count("/") == 1]
    named = Q(remote_path="", namespace__name__in={one[0] for one in split}, name__in={one[1] for one in split})
    rows = Repository.objects.filter(
        named | Q(remote_path__in=list(paths)), registry__namespace=None, registry__host=settings.REGISTRY_HOST
    ).select_related("namespace")
    return {row.registry_path: row.pk for row in rows if row.registry_path in set(paths)}
