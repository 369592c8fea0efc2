"""The wish that a worker reads `.imageyard.yml` anew. What the file said stands in `Source.rules_file`."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from builds.models.source import Source


class RulesFileRead(models.Model):
    """One for each source whose rules come from a file. `asked_at` tells one wish from the next; None: nobody asks."""

    source = models.OneToOneField(Source, models.CASCADE, primary_key=True, related_name="rules_file_read")
    asked_at = models.DateTimeField(null=True, blank=True, db_index=True, editable=False)
    not_before = models.DateTimeField(default=timezone.now, editable=False, help_text="Later after each failure.")
    failures = models.PositiveSmallIntegerField(default=0, editable=False)
    push = models.JSONField(
        default=dict,
        editable=False,
        help_text="{ref, commit, before, forced, message, author, detail, delivery_id}: judged by the new rules.",
    )

    def __str__(self) -> str:
        return f"{self.source}: rules file"
