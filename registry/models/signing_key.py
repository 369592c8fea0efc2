"""Keys that sign what the own registry believes: a root that it knows, and leaves that sign tokens."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from lib.fields import EncryptedTextField


class SigningKey(models.Model):
    """A root, whose certificate is in the registry's bundle, or a leaf that a root vouches for.

    A leaf signs tokens and is replaced every few weeks without anybody noticing. A root stands in a file that the
    registry reads when it starts: leaves of it are used once a registry was seen to take them (`accepted_at`).
    """

    class Kind(models.TextChoices):
        ROOT = "root"
        LEAF = "leaf"

    kind = models.CharField(max_length=4, choices=Kind.choices, editable=False)
    number = models.PositiveIntegerField(editable=False, help_text="Counts the keys of a kind: who is first makes it.")
    root = models.ForeignKey("self", models.CASCADE, null=True, related_name="leaves", editable=False)
    certificate = models.TextField(editable=False, help_text="PEM")
    private_key = EncryptedTextField(editable=False, help_text="PEM; encrypted at rest, never shown.")
    not_after = models.DateTimeField(editable=False)
    accepted_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["kind", "number"], name="one_signing_key_per_number")]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"
