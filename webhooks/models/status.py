"""The outbox of commit statuses: one row for each commit and context, which holds what the forge shall know now."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from builds.models import Build, Source

MOST_WAIT = timedelta(hours=25)
"""No row waits longer. One that seems to was written by a clock that ran ahead, and is due."""


class CommitStatusQuerySet(models.QuerySet["CommitStatus"]):
    def untold(self) -> CommitStatusQuerySet:
        """What the forge does not know yet, and may still be told."""
        return self.filter(told_revision__lt=F("revision"), is_given_up=False)

    def due(self, now: datetime) -> CommitStatusQuerySet:
        """What may be sent now: its pause is over, and no other worker is at it."""
        return self.untold().filter(
            Q(next_at__lte=now) | Q(next_at__gt=now + MOST_WAIT),
            Q(lease_until=None) | Q(lease_until__lt=now) | Q(lease_until__gt=now + MOST_WAIT),
        )


class CommitStatus(models.Model):
    """What a forge shall say of a commit under one context. `revision` grows with every change of that."""

    class State(models.TextChoices):
        PENDING = "pending"
        SUCCESS = "success"
        FAILURE = "failure"
        ERROR = "error"
        STOPPED = "stopped"
        SKIPPED = "skipped"

    source = models.ForeignKey(Source, models.CASCADE, related_name="commit_statuses")
    commit = models.CharField(max_length=64)
    context = models.CharField(max_length=255)
    build = models.ForeignKey(Build, models.SET_NULL, null=True, blank=True, related_name="commit_statuses")
    build_number = models.PositiveIntegerField(default=0, help_text="The newest build decides; 0: no build.")
    state = models.CharField(max_length=8, choices=State.choices)
    description = models.CharField(max_length=140, blank=True)
    target_url = models.CharField(max_length=1000, blank=True)
    revision = models.PositiveIntegerField(default=1)
    wanted_at = models.DateTimeField(default=timezone.now, help_text="When it became what it is.")

    told_revision = models.PositiveIntegerField(default=0)
    told_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True, help_text="When the forge was last asked and agreed.")
    next_at = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True, blank=True, help_text="A worker sends it until then.")
    tries = models.PositiveIntegerField(default=0, help_text="Of this revision, without success.")
    is_given_up = models.BooleanField(default=False)
    sentence = models.TextField(blank=True, help_text="Why the forge has not taken it.")
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)

    objects = CommitStatusQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "commit statuses"
        constraints = [
            models.UniqueConstraint(fields=["source", "commit", "context"], name="one_status_per_commit_and_context"),
        ]
        indexes = [
            models.Index(
                fields=["next_at"],
                condition=Q(told_revision__lt=F("revision"), is_given_up=False),
                name="untold_statuses",
            ),
            models.Index(fields=["wanted_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.context} of {self.commit[:7]}: {self.state}"

    @property
    def is_told(self) -> bool:
        return self.told_revision >= self.revision
