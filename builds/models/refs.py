"""Every branch and tag that the newest look at a source found.

A table of its own: thousands of refs are no part of a row that each page and each worker reads.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone

from builds.models.source import Source

MOST_REFS = 20_000


class SourceRefs(models.Model):
    """`refs` as `[type, name, commit]`; the first of them also stand in `Source.refs`, for pages that offer a few."""

    source = models.OneToOneField(Source, models.CASCADE, primary_key=True, related_name="all_refs")
    refs = models.JSONField(default=list)
    total = models.PositiveIntegerField(default=0, help_text="How many the Git server has.")
    read_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "refs of sources"

    def __str__(self) -> str:
        return f"{self.source}: {self.total} refs"


def refs_of(source: Source) -> list[dict[str, Any]]:
    """All refs of a source as `{type, name, commit}`; one query."""
    found = SourceRefs.objects.filter(source=source).values_list("refs", flat=True).first()
    if not found:
        return list(source.refs)
    return [{"type": kind, "name": name, "commit": commit} for kind, name, commit in found]
