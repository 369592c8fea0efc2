"""Branches and tags that were deleted and pull requests that were closed: what was made of them may go."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from builds.models.source import BuildRule, Source


class GoneRef(models.Model):
    """A ref of a source that is no longer there. Gone again once the ref is back."""

    source = models.ForeignKey(Source, models.CASCADE, related_name="gone_refs")
    ref_type = models.CharField(max_length=16, choices=BuildRule.RefType.choices)
    ref = models.CharField(max_length=255, help_text="Its name; of a pull request its number.")
    gone_at = models.DateTimeField(default=timezone.now, help_text="When the forge told, or a look missed it first.")

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["source", "ref_type", "ref"], name="a_ref_is_gone_once")]

    def __str__(self) -> str:
        return f"{self.ref_type} {self.ref}"
