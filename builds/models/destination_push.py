"""What becomes of a build's image at the further registries of its repository: one row for each."""

from __future__ import annotations

from django.db import models

from builds.models.build import Build
from lib.errand import Errand
from registry.models import Destination


class DestinationPush(Errand):
    """A copy of a build's image to one destination. Asked for with the build's success; a worker carries it out."""

    class State(models.TextChoices):
        ASKED = "asked", "waits"
        DOING = "doing", "copying"
        DONE = "done"
        FAILED = "failed"

    build = models.ForeignKey(Build, models.CASCADE, related_name="destination_pushes")
    # The destination may go; what was done there stays told, by the names of then.
    destination = models.ForeignKey(
        Destination, models.SET_NULL, null=True, blank=True, related_name="pushes", db_index=False
    )
    host = models.CharField(max_length=255)
    path = models.CharField(max_length=255)
    digest = models.CharField(max_length=200)
    tags = models.JSONField(default=list, help_text="All tags of the build, its own first.")
    moved = models.JSONField(default=list, help_text="Those that have the image there.")
    not_moved = models.JSONField(default=list, help_text="Sentences about those that were left alone.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.ASKED)
    sentence = models.TextField(blank=True, help_text="What it waits for, what was done, or why it failed.")
    by = models.CharField(max_length=150, blank=True, help_text="Who asked for it again; empty: the build.")

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "destination pushes"
        constraints = [
            models.UniqueConstraint(fields=["destination", "build"], name="one_push_per_build_and_destination"),
        ]
        indexes = [
            models.Index(
                fields=["not_before"],
                condition=models.Q(state__in=["asked", "doing"]),
                name="destination_pushes_to_do",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.build_id} → {self.image}"

    @property
    def image(self) -> str:
        """Where it goes, without a tag."""
        return f"{self.host}/{self.path}"

    @property
    def is_open(self) -> bool:
        return self.state in (self.State.ASKED, self.State.DOING)
