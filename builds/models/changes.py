"""Which files differ between two commits of a source, as a worker found out: what a page cannot ask Git itself."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from builds.models.source import Source


class CommitChanges(models.Model):
    """One pair of commits. It is never found out again: commits do not change."""

    class State(models.TextChoices):
        ASKED = "asked"
        GOOD = "good"
        FAILED = "failed"

    source = models.ForeignKey(Source, models.CASCADE, related_name="commit_changes")
    base = models.CharField(max_length=64)
    head = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=State.choices, default=State.ASKED)
    sentence = models.CharField(max_length=300, blank=True, help_text="Why nobody can tell.")
    files = models.JSONField(default=list, help_text="The first paths, in order.")
    total = models.PositiveIntegerField(default=0)
    asked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "base", "head"], name="one_row_per_pair_of_commits")]

    def __str__(self) -> str:
        return f"{self.base[:7]}...{self.head[:7]}"
