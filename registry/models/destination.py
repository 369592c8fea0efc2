"""Where else the images of a repository go, beside its main registry."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from registry.models.registry import Registry
from registry.models.repository import Repository


class Destination(models.Model):
    """A further registry of one repository: every build is copied there from the main one."""

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="destinations")
    registry = models.ForeignKey(Registry, models.PROTECT, related_name="destinations")
    remote_path = models.CharField(max_length=255, help_text="Where the images go there: example-org/web")
    is_on = models.BooleanField("on", default=True, help_text="Switched off, nothing is copied there.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # The turn to move tags there: one copy at a time, taken by conditional update, over by itself.
    turn = models.CharField(max_length=64, blank=True, editable=False)
    turn_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["repository", "registry"], name="one_destination_per_registry"),
            models.UniqueConstraint(fields=["registry", "remote_path"], name="one_repository_per_remote_path"),
        ]

    def __str__(self) -> str:
        return self.image

    @property
    def image(self) -> str:
        """The image name without a tag, `ghcr.io/example-org/web`; needs the registry loaded."""
        return f"{self.registry.host}/{self.remote_path}"
