"""What is kept of a build beyond its row: read by the page of that one build, and by the comparison with another."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from builds.models.build import Build


class BuildRecord(models.Model):
    """The large facts of one build's last attempt, away from the row that every list reads."""

    build = models.OneToOneField(Build, models.CASCADE, related_name="record")
    attempt = models.PositiveSmallIntegerField()
    dockerfile = models.TextField(blank=True, help_text="The text that was built.")
    dockerfile_path = models.CharField(max_length=500, blank=True)
    platforms = models.JSONField(
        default=list, help_text="[{platform, build_args, base_images, layers: [{digest, size_bytes, step}]}]"
    )
    image = models.JSONField(default=dict, help_text="Config and history of the image, by platform.")
    cache_report = models.JSONField(default=dict, help_text="builds.core.cache_report, as it was at the end.")
    failure = models.JSONField(default=dict, help_text="builds.core.failure_digest, as it was at the end.")
    builder = models.CharField(max_length=255, blank=True, help_text="Host and builder that ran it.")
    updated_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"record of {self.build}"
