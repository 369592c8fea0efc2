"""A row that is asked for and that a worker carries out: what all such rows have."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Errand(models.Model):
    """Taken by conditional update, one turn at a time, under a lease that a dead worker lets run out."""

    turns = models.PositiveSmallIntegerField(default=0, help_text="How often a worker took it.")
    asked_at = models.DateTimeField(default=timezone.now)
    not_before = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
