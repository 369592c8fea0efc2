"""Images of everything before a failing step, and the shells that people opened on them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from builds.models.build import Build


class DebugImage(models.Model):
    """`debug-<build>`: asked for on a page, made by a worker, gone when its time is over."""

    class State(models.TextChoices):
        ASKED = "asked"
        MAKING = "making"
        READY = "ready"
        FAILED = "failed"
        EXPIRED = "expired"

    build = models.ForeignKey(Build, models.CASCADE, related_name="debug_images")
    attempt = models.PositiveSmallIntegerField()
    step_index = models.PositiveSmallIntegerField(help_text="The failing step; the image ends before it.")
    step_name = models.TextField(blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.ASKED)
    sentence = models.TextField(blank=True, help_text="Why it failed, or what the maker does now.")
    image = models.CharField(max_length=500, blank=True, help_text="Name with registry and tag.")
    digest = models.CharField(max_length=128, blank=True)
    facts = models.JSONField(default=dict, help_text="builds.core.debug_step.StepFacts: the step to try by hand.")
    worker = models.CharField(max_length=255, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    ready_at = models.DateTimeField(null=True, blank=True)
    # Also of one that failed on its way to the registry: its tag may be there, and has to go.
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["build"],
                condition=models.Q(state__in=["asked", "making", "ready"]),
                name="one_living_debug_image_per_build",
            ),
        ]
        indexes = [models.Index(fields=["state", "expires_at"], name="debug_images_to_do")]

    def __str__(self) -> str:
        return f"debug image of {self.build}"

    @property
    def is_living(self) -> bool:
        return self.state in (self.State.ASKED, self.State.MAKING, self.State.READY)

    @property
    def tag(self) -> str:
        """What it is called in the registry. No build puts such a tag, and none is recorded among the tags."""
        return f"debug-{self.build.number}"


class DebugSessionQuerySet(models.QuerySet["DebugSession"]):
    def open(self) -> DebugSessionQuerySet:
        return self.filter(closed_at=None)

    def of(self, user: Any) -> DebugSessionQuerySet:
        return self.filter(user=user)


class DebugSession(models.Model):
    """One shell in the browser: who, when, how long, and why it ended.

    It waits while it has no worker, and is prepared until `started_at`; whoever sets `closed_at` has ended it.
    """

    debug_image = models.ForeignKey(DebugImage, models.CASCADE, related_name="sessions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    worker = models.CharField(max_length=255, blank=True)
    container = models.CharField(max_length=128, blank=True)
    sentence = models.CharField(max_length=300, blank=True, help_text="What is done for it before it starts.")
    opened_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True, help_text="When the shell was there.")
    until = models.DateTimeField(help_text="When it is closed whatever happens.")
    seen_at = models.DateTimeField(null=True, blank=True, help_text="The worker's last sign of life.")
    closed_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=300, blank=True)
    transcript = models.CharField(max_length=255, blank=True, help_text="Its object in the log storage.")

    objects = DebugSessionQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(closed_at=None, user__isnull=False), name="one_open_shell_per_person"
            ),
        ]
        indexes = [models.Index(fields=["worker", "opened_at"], condition=Q(closed_at=None), name="open_shells")]

    def __str__(self) -> str:
        return f"shell on {self.debug_image}"
