"""Room for builds on the disks of this worker: which filesystems those are, and whether another build may start."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages

from builds.actions.disks import report_disks
from builds.core.disk import Disk, Holds, low_disks
from builds.core.errors import BuildError, ErrorKind
from builds.engine.disks import engine_folder, measure
from builds.models import Build, Worker
from registry.actions.quotas import push_refusal


def measure_disks() -> tuple[Disk, ...]:
    """Every filesystem that builds of this worker fill, as far as it is on this machine."""
    settings.WORK_DIR.mkdir(parents=True, exist_ok=True)
    keeps_data = settings.IS_SQLITE or isinstance(storages["logs"], FileSystemStorage)
    folders: dict[Holds, Path | None] = {
        Holds.WORK: settings.WORK_DIR,
        Holds.ENGINE: engine_folder(settings.DOCKER_HOST, settings.BUILDX_BUILDER, given=settings.ENGINE_DATA),
        Holds.REGISTRY: storage_folder(),
        Holds.DATA: settings.HOME if keeps_data else None,
    }
    return measure(folders, settings.MIN_FREE_BYTES)


def storage_folder() -> Path | None:
    """Where the registry's images lie, if this worker can see them."""
    given = getattr(settings, "REGISTRY_STORAGE", None)
    return Path(given) if given else None


def check_quota(build: Build) -> None:
    """Refuse to begin a build that could not push: its repository, or its namespace, has used up its quota.

    Raises BuildError, final: only people can make room there. One whose image is pushed already is let end.
    """
    if build.is_pushed and not build.publication and (why := push_refusal(build.repository)):
        raise BuildError(ErrorKind.LIMIT, why)


def has_room(worker: str) -> bool:
    """Whether another build may start. Looked at before every claim; written down where that has changed."""
    disks = measure_disks()
    row = Worker.objects.filter(name=worker).only("low_disks", "disk_fault").first()
    if row is not None and row.low_disks == [disk.name for disk in low_disks(disks, row.low_disks)]:
        return not row.disk_fault
    return report_disks(worker, disks)
