"""Accounts that read private base images."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Namespace, Role
from lib.fields import EncryptedTextField
from registry.core.check import Line, read_lines
from registry.models.registry import Checked


class PullCredentialQuerySet(models.QuerySet["PullCredential"]):
    def kept_by(self, user: Any) -> PullCredentialQuerySet:
        """Those that `user` may change: all for a superuser, else those of the namespaces they administer."""
        if user.is_authenticated and user.is_superuser:
            return self
        return self.filter(namespace__in=Namespace.objects.with_role(user, Role.ADMIN))

    def for_page(self) -> PullCredentialQuerySet:
        """Without the password."""
        return self.select_related("namespace").defer("password")


class PullCredential(models.Model):
    """An account that builds of a namespace (empty: of all) read images with. It never pushes."""

    namespace = models.ForeignKey(
        Namespace, models.CASCADE, null=True, blank=True, related_name="pull_credentials", help_text="Empty: for all."
    )
    host = models.CharField(max_length=255, help_text="host[:port], as it stands in image names")
    scheme = models.CharField(max_length=5, choices=[("https", "https"), ("http", "http")], default="https")
    username = models.CharField(max_length=255)
    password = EncryptedTextField(help_text="Password or token; encrypted at rest, never shown again.")
    test_image = models.CharField(max_length=255, blank=True, help_text="A private image that the check reads.")
    check_state = models.CharField(max_length=8, choices=Checked.choices, blank=True, editable=False)
    check_sentence = models.TextField(blank=True, editable=False)
    check_lines = models.JSONField(default=list, editable=False)
    check_asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = PullCredentialQuerySet.as_manager()

    class Meta:
        ordering = ["host", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["host"], condition=Q(namespace=None), name="one_credential_for_all"),
            models.UniqueConstraint(fields=["namespace", "host"], name="one_credential_per_namespace"),
        ]

    def __str__(self) -> str:
        return f"{self.username} at {self.host}"

    @property
    def lines(self) -> tuple[Line, ...]:
        """What the last check tried."""
        return read_lines(self.check_lines)
