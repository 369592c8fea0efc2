"""Pushes that made no build: those whose message asked for none, and those that never reached us (catch-up)."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from builds.models.source import BuildRule, Source


class SkippedPush(models.Model):
    """A push whose newest commit's message says that it must not be built; a row among the builds. Written once."""

    source = models.ForeignKey(Source, models.CASCADE, related_name="skipped_pushes", editable=False)
    at = models.DateTimeField(default=timezone.now, editable=False)
    ref_type = models.CharField(max_length=16, choices=BuildRule.RefType.choices, editable=False)
    ref = models.CharField(max_length=255, editable=False)
    commit = models.CharField(max_length=64, editable=False)
    commit_message = models.TextField(blank=True, editable=False)
    delivery_id = models.UUIDField(null=True, editable=False)
    sentence = models.CharField(max_length=300, editable=False, help_text="Why, in words.")

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name_plural = "skipped pushes"
        constraints = [
            models.UniqueConstraint(fields=["source", "ref_type", "ref", "commit"], name="one_skip_per_pushed_commit")
        ]
        indexes = [models.Index(fields=["source", "-at"])]

    def __str__(self) -> str:
        return f"{self.ref} {self.commit[:7]}"

    def get_delivery_url(self) -> str:
        """The delivery that brought it; "" where there is none."""
        namespace, name = self.source.repository.path.split("/")
        return reverse("delivery", args=[namespace, name, self.delivery_id]) if self.delivery_id else ""


class CatchUpLook(models.Model):
    """When the refs of a source were last compared with what was built, and when they are next."""

    source = models.OneToOneField(Source, models.CASCADE, primary_key=True, related_name="catch_up_look")
    automatic = models.BooleanField(default=False, help_text="Build the newest missed pushes without asking.")
    clone_url = models.CharField(max_length=1000, blank=True, editable=False, help_text="What was looked at.")
    seen: Any = models.JSONField(default=dict, editable=False, help_text='{"branch main": commit} of the last look.')
    suspects: Any = models.JSONField(default=list, editable=False, help_text="Missed if the next look finds them too.")
    asked_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="A person wants to know now.")
    looked_at = models.DateTimeField(null=True, blank=True, editable=False)
    next_look_at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)
    failures = models.PositiveSmallIntegerField(default=0, editable=False)
    sentence = models.CharField(max_length=500, blank=True, editable=False)

    def __str__(self) -> str:
        return str(self.source)


class CatchUp(models.Model):
    """Pushes that were missed, as a question to the members; decided once."""

    class Choice(models.TextChoices):
        NEWEST = "newest", "the newest of each rule"
        ALL = "all", "all"
        NONE = "none", "none"

    source = models.ForeignKey(Source, models.CASCADE, related_name="catch_ups", editable=False)
    at = models.DateTimeField(default=timezone.now, editable=False)
    missed: Any = models.JSONField(default=list, editable=False, help_text="[{ref_type, ref, commit, before, rules}]")
    choice = models.CharField(max_length=8, choices=Choice.choices, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_by = models.CharField(max_length=150, blank=True, editable=False)
    build_ids: Any = models.JSONField(default=list, editable=False)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["source"], condition=Q(decided_at=None), name="one_open_catch_up_per_source"
            )
        ]
        indexes = [models.Index(fields=["-id"], condition=Q(decided_at=None), name="catch_ups_open")]

    def __str__(self) -> str:
        return f"{self.source}: {len(self.missed)} missed"
