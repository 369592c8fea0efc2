"""Trigger tokens, whose address starts builds, and the calls that came to them."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from builds.models import Source


class TriggerToken(models.Model):
    """A secret address. Only its fingerprint is kept, and the few characters by which people tell tokens apart."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.ForeignKey(Source, models.CASCADE, related_name="trigger_tokens", editable=False)
    name = models.CharField(max_length=100)
    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    prefix = models.CharField(max_length=8, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["created_at", "pk"]

    def __str__(self) -> str:
        return self.name


class TriggerCall(models.Model):
    """One request to a trigger's address, and what came of it."""

    class Status(models.TextChoices):
        BUILT = "built", "built"
        NOTHING = "nothing", "nothing to build"
        MALFORMED = "malformed", "not understood"
        LIMITED = "limited", "too many"

    token = models.ForeignKey(TriggerToken, models.CASCADE, related_name="calls", editable=False)
    at = models.DateTimeField(default=timezone.now, editable=False)
    remote_address = models.CharField(max_length=45, blank=True, editable=False)
    method = models.CharField(max_length=8, default="POST", editable=False)
    body = models.TextField(blank=True, editable=False, help_text="The beginning of it.")
    ref_type = models.CharField(max_length=16, blank=True, editable=False)
    ref = models.CharField(max_length=255, blank=True, editable=False)
    commit = models.CharField(max_length=64, blank=True, editable=False)
    status = models.CharField(max_length=16, choices=Status.choices, editable=False)
    code = models.PositiveSmallIntegerField(editable=False, help_text="The HTTP status that was answered.")
    sentence = models.TextField(editable=False, help_text="What came of it, in words.")
    verdicts: Any = models.JSONField(default=list, editable=False)
    build_ids: Any = models.JSONField(default=list, editable=False)
    times = models.PositiveIntegerField(default=1, editable=False, help_text="Calls in a flood share a row.")

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["token", "-at"])]

    def __str__(self) -> str:
        return f"{self.token} {self.ref} ({self.get_status_display()})"
