"""What was read from a registry because somebody looked at an image: its document, a layer's files, its packages."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from registry.models import Repository


class ImageLook(models.Model):
    """One thing of one repository, asked for on a page and read by a worker. By digest, so it never goes stale."""

    class Kind(models.TextChoices):
        IMAGE = "image"  # facts: builds.core.image_document
        FILES = "files"  # of a layer; data: builds.core.layer_files
        WASTE = "waste"  # of one platform's image; facts: builds.core.image_waste
        PACKAGES = "packages"  # of an SBOM; data: builds.core.image_statement.read_packages

    class State(models.TextChoices):
        ASKED = "asked"
        READING = "reading"
        READY = "ready"
        FAILED = "failed"

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="image_looks")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    digest = models.CharField(max_length=140)
    state = models.CharField(max_length=8, choices=State.choices, default=State.ASKED)
    sentence = models.TextField(blank=True, help_text="How far it is, or why it failed.")
    facts = models.JSONField(default=dict)
    data = models.BinaryField(default=bytes, help_text="JSON as one zstd frame: what only one page at a time needs.")
    asked_at = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True, blank=True, help_text="Until then a worker reads it.")
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["repository", "kind", "digest"], name="one_look_per_digest"),
        ]
        indexes = [
            models.Index(
                fields=["asked_at"], condition=models.Q(state__in=["asked", "reading"]), name="image_looks_to_do"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.digest[:19]}"
