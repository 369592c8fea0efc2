"""Measuring what images take up: from the own registry's folder, and of others by what is known of their tags."""

from __future__ import annotations

import time
from pathlib import Path

import structlog
from django.conf import settings

from accounts.models import Namespace
from lib.queue import enqueue
from registry.actions import storage as actions
from registry.actions.keeping import wish_of
from registry.actions.storage import Measures
from registry.core.usage import Measured, estimate
from registry.models import Registry, Repository
from registry.storage.collect import Terms
from registry.storage.layout import StorageProblem, open_storage
from registry.storage.report import Report
from registry.storage.survey import Survey, Use, survey

log = structlog.get_logger(__name__)
MOST_PASSES = 8
KEEP_S = 30.0


class Lost(Exception):  # noqa: N818 — another worker measures now
    """The lease is somebody else's."""


def measure_storage(worker: str, passed_on: int = 0) -> None:
    """Measure all of it, where it is due and nobody else does.

    A worker that cannot see the own registry's folder lets another one hear the bell; where none can, it estimates.
    """
    folder = own_folder()
    if folder is not None and not folder.is_dir() and passed_on < MOST_PASSES:
        enqueue("registry.measure_storage", passed_on + 1, expires_s=60)
        return
    row = actions.take_measure(worker)
    if row is None:
        return
    began = kept = time.monotonic()

    def tell(_step: str, _report: Report) -> None:
        nonlocal kept
        if time.monotonic() - kept > KEEP_S:
            kept = time.monotonic()
            if not actions.keep_measure(row):
                raise Lost

    try:
        terms = Terms(window_s=settings.COLLECT_WINDOW_S)
        found = survey(open_storage(folder), wish_of, terms, tell) if folder and folder.is_dir() else None
        measures = put_together(found)
    except StorageProblem as problem:
        actions.fail_measure(row, str(problem))
        return
    except Lost:
        return
    actions.record_measures(row, measures, took_s=round(time.monotonic() - began, 2))


def own_folder() -> Path | None:
    """Where the own registry keeps its images, as this worker knows it."""
    return Path(settings.REGISTRY_STORAGE) if settings.REGISTRY_STORAGE and settings.REGISTRY_AUTH == "token" else None


def put_together(found: Survey | None) -> Measures:
    """What was found in the folder of the own registry (None: nobody can look into it), and estimates of the rest."""
    measures = Measures()
    surveyed = [row.pk for row in Registry.objects.all() if found is not None and row.is_own]
    estimated = list(Registry.objects.exclude(pk__in=surveyed).values_list("pk", flat=True))
    where = {
        pk: (namespace_id, registry_id, f"{namespace}/{name}")
        for pk, namespace_id, registry_id, namespace, name in Repository.objects.values_list(
            "pk", "namespace_id", "registry_id", "namespace__name", "name"
        )
    }
    for pk, measured in estimate(actions.known_tags(estimated)).items():
        if pk not in where:  # deleted or made a moment ago
            continue
        namespace_id, registry_id, _ = where[pk]
        measures.repositories[pk] = measured
        measures.namespaces.setdefault(namespace_id, Measured()).add(measured)
        measures.registries.setdefault(registry_id, Measured()).add(measured)
    if found is not None and surveyed:
        paths = {path: pk for pk, (_, registry_id, path) in where.items() if registry_id in surveyed}
        measures.repositories |= {paths[use.name]: _measured(use) for use in found.repositories if use.name in paths}
        names = dict(Namespace.objects.values_list("name", "pk"))
        for use in found.namespaces:
            if use.name in names:
                measures.namespaces.setdefault(names[use.name], Measured()).add(_measured(use))
        measures.registries[surveyed[0]] = Measured(
            images=sum(use.images for use in found.repositories),
            tags=sum(use.tags for use in found.repositories),
            unique_bytes=found.total_bytes,
            reclaimable_bytes=found.reclaimable_bytes,
        )
    return measures


def _measured(use: Use) -> Measured:
    return Measured(use.images, use.tags, use.unique_bytes, use.shared_bytes, use.reclaimable_bytes)
