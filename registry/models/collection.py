"""Runs of the clean-up of a registry's storage: who asked, how far each is, what it freed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from registry.models.registry import Registry


class CollectionRun(models.Model):
    """One clean-up of the storage, or a look at what would go; one at a time for each storage."""

    class State(models.TextChoices):
        ASKED = "asked"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    class Step(models.TextChoices):
        RECOVER = "recover", "looking after the last run"
        IMAGES = "images", "looking at images"
        BLOBS = "blobs", "looking at layers"
        SHARED = "shared", "adding up"
        DELETE = "delete", "deleting"
        TIDY = "tidy", "removing empty folders"

    registry = models.ForeignKey(Registry, models.CASCADE, related_name="collections")
    is_dry = models.BooleanField(default=False, help_text="A look only: nothing is deleted.")
    by = models.CharField(max_length=150, blank=True, help_text="Who asked for it; empty where its time had come.")
    removes = models.JSONField(default=list, blank=True, help_text="Repositories that nobody knows and that go first.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.ASKED)
    step = models.CharField(max_length=8, choices=Step.choices, blank=True)
    sentence = models.TextField(blank=True, help_text="What came of it, what it waits for, or why it failed.")
    repositories = models.PositiveIntegerField(default=0, help_text="That were looked at, so far.")
    images = models.PositiveIntegerField(default=0, help_text="In these.")
    blobs = models.PositiveIntegerField(default=0, help_text="That were looked at, so far.")
    gone_images = models.PositiveIntegerField(default=0)
    gone_links = models.PositiveIntegerField(default=0, help_text="Layers that one repository has no more.")
    gone_blobs = models.PositiveIntegerField(default=0, help_text="Layers and the like that nobody had any more.")
    put_back = models.PositiveIntegerField(default=0, help_text="What the second look found to be needed after all.")
    freed_bytes = models.BigIntegerField(default=0, help_text="As the disk counts; of a dry run, what it would be.")
    found = models.JSONField(default=dict, help_text="By repository; those that nobody knows; those left alone, why.")
    worker = models.CharField(max_length=255, blank=True)
    turns = models.PositiveSmallIntegerField(default=0, help_text="How often a worker took it.")
    asked_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["registry"], condition=Q(state__in=["asked", "running"]), name="one_collection_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"clean-up of {self.asked_at:%Y-%m-%d %H:%M}"

    @property
    def is_open(self) -> bool:
        return self.state in (self.State.ASKED, self.State.RUNNING)
