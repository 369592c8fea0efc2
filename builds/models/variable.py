"""Variables of a source, for all of its rules or for one: build arguments, secrets, SSH keys. Values are encrypted."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from builds.core.variables import WORDS, Given, Kind
from builds.models.source import BuildRule, Source
from lib.fields import EncryptedTextField

KINDS = [(kind.value, WORDS[kind]) for kind in Kind]


class Variable(models.Model):
    """A name and its value. That of a secret is written once and never shown again."""

    source = models.ForeignKey(Source, models.CASCADE, related_name="variables")
    rule = models.ForeignKey(BuildRule, models.CASCADE, null=True, blank=True, related_name="variables")
    kind = models.CharField(max_length=8, choices=KINDS, default=Kind.ARG.value)
    name = models.CharField(max_length=128)
    value = EncryptedTextField(blank=True, editable=False)
    public = models.TextField(blank=True, editable=False, help_text="The public half of an SSH key.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_by = models.CharField(max_length=150, blank=True, editable=False)

    class Meta:
        ordering = ["kind", "name", "rule"]
        constraints = [
            models.UniqueConstraint(fields=["source", "kind", "name", "rule"], name="one_variable_per_rule"),
            models.UniqueConstraint(
                fields=["source", "kind", "name"], condition=Q(rule=None), name="one_variable_per_source"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_secret(self) -> bool:
        """Whether its value is never shown again."""
        return Kind(self.kind).is_secret

    @property
    def given(self) -> Given:
        """The variable as the pure core reads it, its value in clear."""
        return Given(self.name, Kind(self.kind), self.rule_id, self.value)
