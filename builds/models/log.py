"""Rows of a running log and the index of a finished one. The bytes' meaning belongs to builds.logs."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from builds.models.build import Build


class LogFrame(models.Model):
    """A piece of one step's raw bytes, compressed with zstd. Rows go once the log is archived."""

    build = models.ForeignKey(Build, models.CASCADE, related_name="frames")
    attempt = models.PositiveSmallIntegerField()
    step_index = models.PositiveSmallIntegerField()
    seq = models.PositiveIntegerField(help_text="Order within the step, from 0.")
    first_line = models.BigIntegerField()
    lines = models.BigIntegerField(help_text="Lines that end in this frame.")
    byte_offset = models.BigIntegerField(help_text="Within the step.")
    size_bytes = models.BigIntegerField(help_text="Uncompressed.")
    data = models.BinaryField()

    class Meta:
        ordering = ["build", "attempt", "step_index", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["build", "attempt", "step_index", "seq"], name="one_frame_per_seq"),
        ]

    def __str__(self) -> str:
        return f"{self.build_id}.{self.attempt} step {self.step_index} frame {self.seq}"


class LogArchive(models.Model):
    """Where the log of one attempt lies in LOG_STORAGE, and the index of its frames."""

    build = models.ForeignKey(Build, models.CASCADE, related_name="archives")
    attempt = models.PositiveSmallIntegerField()
    object_name = models.CharField(max_length=255)
    index = models.JSONField(default=list)
    size_bytes = models.BigIntegerField(default=0)
    lines = models.BigIntegerField(default=0)
    clipped = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["build", "attempt"], name="one_archive_per_attempt")]

    def __str__(self) -> str:
        return self.object_name
