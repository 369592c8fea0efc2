"""A registry that images are pushed to, and the account that does it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from lib.fields import EncryptedTextField


class Registry(models.Model):
    """A registry that images are pushed to. Its host is the first part of every image name."""

    class Scheme(models.TextChoices):
        HTTPS = "https"
        HTTP = "http"

    name = models.CharField(max_length=100, unique=True)
    host = models.CharField(max_length=255, unique=True, help_text="host[:port], as it stands in image names")
    scheme = models.CharField(max_length=5, choices=Scheme.choices, default=Scheme.HTTPS)
    username = models.CharField(max_length=255, blank=True)
    password = EncryptedTextField(blank=True, help_text="Password or token; encrypted at rest, never shown again.")
    is_default = models.BooleanField(default=False)
    keeps_build_tags = models.BooleanField(
        default=True,
        help_text="Push every image as build-<n> first, so that all tags of a build appear together or none does.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "registries"
        constraints = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="one_default_registry"),
        ]

    def __str__(self) -> str:
        return self.host

    @property
    def is_own(self) -> bool:
        """Whether it is Imageyard's own: its tokens are signed here, its events come here, its storage is kept here."""
        return settings.REGISTRY_AUTH == "token" and self.host == settings.REGISTRY_HOST
