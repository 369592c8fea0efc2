"""What a member looks at before a stranger's code runs: the changes to the files that say what runs."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from builds.models.build import Build


class Review(models.Model):
    """The look at one build's commit, made by a worker. A new push is another build with a review of its own."""

    class State(models.TextChoices):
        ASKED = "asked"
        GOOD = "good"
        FAILED = "failed"

    build = models.OneToOneField(Build, models.CASCADE, related_name="review")
    state = models.CharField(max_length=8, choices=State.choices, default=State.ASKED, db_index=True)
    sentence = models.TextField(blank=True, help_text="What the worker found, or why it could not look.")
    commit = models.CharField(max_length=64, help_text="The commit that was looked at.")
    base_commit = models.CharField(max_length=64, blank=True, help_text="Where the two histories part.")
    files = models.JSONField(default=list, help_text="[{path, change, diff, clipped}] of the files that say what runs.")
    others = models.JSONField(default=list, help_text="[{path, change}] of the rest, bounded.")
    others_total = models.PositiveIntegerField(default=0)
    asked_at = models.DateTimeField(default=timezone.now)
    made_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"review of {self.build}"
