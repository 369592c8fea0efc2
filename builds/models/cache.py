"""The build caches of builders: how much is kept, by host, and what was pruned."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

EVERY_HOST = ""


class CachePolicy(models.Model):
    """How much of its build cache a host keeps; an administrator's word, which goes before the environment's."""

    host = models.CharField(max_length=255, unique=True, blank=True, help_text="Empty: every host without its own.")
    keep_bytes = models.BigIntegerField(null=True, blank=True, help_text="At most; null: no bound.")
    unused_days = models.PositiveIntegerField(null=True, blank=True, help_text="Goes after so long; null: never.")
    set_at = models.DateTimeField(default=timezone.now)
    set_by = models.CharField(max_length=150, blank=True)

    class Meta:
        verbose_name_plural = "cache policies"
        ordering = ["host"]

    def __str__(self) -> str:
        return self.host or "every host"


class CachePrune(models.Model):
    """One pruning of a builder's cache: asked, carried out by a worker of the host, with what it freed."""

    class Cause(models.TextChoices):
        PERSON = "person", "asked"
        POLICY = "policy"
        DISK = "disk", "disk low"

    class State(models.TextChoices):
        ASKED = "asked"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    host = models.CharField(max_length=255)
    builder = models.CharField(max_length=255, blank=True)
    cause = models.CharField(max_length=8, choices=Cause.choices)
    state = models.CharField(max_length=8, choices=State.choices, default=State.ASKED)
    asked_by = models.CharField(max_length=150, blank=True)
    asked_at = models.DateTimeField(default=timezone.now)
    # What it keeps: as the policy said at that time, or, for a disk, how much is to be free afterwards.
    keep_bytes = models.BigIntegerField(null=True, blank=True)
    unused_days = models.PositiveIntegerField(null=True, blank=True)
    free_bytes = models.BigIntegerField(null=True, blank=True)
    worker = models.CharField(max_length=255, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    freed_bytes = models.BigIntegerField(null=True, blank=True)
    sentence = models.CharField(max_length=300, blank=True, help_text="What came of it.")

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["host", "-id"], name="prunes_of_a_host")]
        constraints = [
            models.UniqueConstraint(
                fields=["host"], condition=Q(state__in=["asked", "running"]), name="one_prune_of_a_host"
            )
        ]

    def __str__(self) -> str:
        return f"{self.host}: {self.cause}, {self.state}"
