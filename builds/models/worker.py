"""Workers as they report themselves; a row that is not refreshed is a worker that is gone."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from builds.models.pause import EVERY_HOST, Pause, Pauses
from lib.clock import database_now

# A worker reports every 10 s.
ALIVE = timedelta(seconds=35)


class WorkerQuerySet(models.QuerySet["Worker"]):
    def alive(self, now: datetime | None = None) -> WorkerQuerySet:
        """Those that reported lately, by the database's clock."""
        return self.filter(seen_at__gt=(now or database_now()) - ALIVE, stopped_at=None)

    def taking_builds(self) -> WorkerQuerySet:
        """Neither shutting down nor drained nor paused nor without a builder nor without room on a disk."""
        pauses = Pause.objects.filter(Q(host=EVERY_HOST) | Q(host=OuterRef("host")))
        return self.filter(~Exists(pauses), draining_since=None, drain_asked_at=None, builder_fault="", disk_fault="")


class Worker(models.Model):
    """A Celery worker process on a host with a builder; it has `slots` builds at once."""

    name = models.CharField(max_length=255, unique=True, help_text="Celery's node name, and the process's start.")
    host = models.CharField(max_length=255)
    slots = models.PositiveSmallIntegerField()
    builder = models.CharField(max_length=255, blank=True, help_text="Engine or BuildKit version, as it answered.")
    builder_fault = models.CharField(max_length=300, blank=True, help_text="Why the builder does not answer.")
    disk_free_bytes = models.BigIntegerField(null=True, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)
    disk_total_bytes = models.BigIntegerField(null=True, blank=True)
    memory_free_bytes = models.BigIntegerField(null=True, blank=True)
    memory_total_bytes = models.BigIntegerField(null=True, blank=True)
    cpus = models.PositiveSmallIntegerField(null=True, blank=True)
    load = models.FloatField(null=True, blank=True, help_text="Mean of the last minute.")
    # Each filesystem that builds fill (builds.core.disk.Disk), and the names of those that were low at the last look.
    disks = models.JSONField(default=list, blank=True, editable=False)
    low_disks = models.JSONField(default=list, blank=True, editable=False)
    disk_fault = models.CharField(max_length=300, blank=True, help_text="Which disk has no room for another build.")
    shared_disk_fault = models.CharField(max_length=300, blank=True, help_text="The same of a disk that all fill.")
    # What its builder keeps of earlier builds (builds.core.build_cache.CacheReport).
    cache = models.JSONField(default=dict, blank=True, editable=False)
    drain_asked_at = models.DateTimeField(null=True, blank=True, help_text="Ends what it has, then its process.")
    drain_asked_by = models.CharField(max_length=150, blank=True)
    draining_since = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)

    objects = WorkerQuerySet.as_manager()

    class Meta:
        ordering = ["host", "name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_leaving(self) -> bool:
        """Whether it ends what it has and takes nothing new, since it was asked to or is shut down."""
        return self.draining_since is not None or self.drain_asked_at is not None

    def takes_builds(self, pauses: Pauses) -> bool:
        """As `taking_builds`, of a row that is here. Whether a slot is free is another question."""
        return not (self.is_leaving or self.builder_fault or self.disk_fault) and pauses.of(self.host) is None
