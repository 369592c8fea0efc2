"""Which registry images go to."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from registry.core.kinds import kind_of_host
from registry.models import Registry


def default_registry() -> Registry:
    """The registry that images go to unless told otherwise; made from the environment at first use."""
    found = Registry.objects.filter(is_default=True).first()
    if found is not None and found.host == settings.REGISTRY_HOST:
        return found
    registry, _ = Registry.objects.get_or_create(
        host=settings.REGISTRY_HOST,
        namespace=None,
        defaults={
            "name": settings.REGISTRY_HOST,
            "scheme": settings.REGISTRY_SCHEME,
            "kind": kind_of_host(settings.REGISTRY_HOST),
            "is_default": found is None,
        },
    )
    if registry.is_default:
        return registry
    with transaction.atomic():
        list(Registry.objects.select_for_update().order_by("pk"))  # two processes at their first start
        Registry.objects.filter(is_default=True).exclude(pk=registry.pk).update(is_default=False)
        Registry.objects.filter(pk=registry.pk).update(is_default=True, scheme=settings.REGISTRY_SCHEME)
    registry.refresh_from_db()
    return registry
