"""Base images that are watched, which refs were last built from them, and the builds that their moves call for."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from builds.core.bases import BaseName
from builds.models.build import Build
from builds.models.source import BuildRule


class BaseImage(models.Model):
    """A tag that images are built from. `digest` is where it points as far as we know."""

    name = models.CharField(max_length=512, unique=True, help_text="With host and tag: docker.io/library/debian:12")
    host = models.CharField(max_length=255)
    path = models.CharField(max_length=255)
    tag = models.CharField(max_length=128)
    digest = models.CharField(max_length=128, blank=True)
    previous_digest = models.CharField(max_length=128, blank=True)
    moved_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    next_check_at = models.DateTimeField(default=timezone.now, db_index=True)
    failures = models.PositiveSmallIntegerField(default=0, help_text="Checks in a row that got no answer.")
    sentence = models.CharField(max_length=500, blank=True, help_text="What the last check said, in words.")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.shown

    @property
    def shown(self) -> str:
        """As people write it: `debian:12`."""
        return BaseName(self.host, self.path, self.tag).shown


class BaseUse(models.Model):
    """The newest success of a rule for a ref was built from this base image, at this digest."""

    base = models.ForeignKey(BaseImage, models.CASCADE, related_name="uses")
    rule = models.ForeignKey(BuildRule, models.CASCADE, related_name="base_uses")
    ref_type = models.CharField(max_length=16)
    ref = models.CharField(max_length=255)
    digest = models.CharField(max_length=128)
    build = models.ForeignKey(Build, models.CASCADE, related_name="base_uses")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["base", "rule", "ref_type", "ref"], name="one_use_of_a_base_per_ref"),
        ]
        indexes = [models.Index(fields=["rule", "ref_type", "ref"])]

    def __str__(self) -> str:
        return f"{self.ref} from {self.base}"

    @property
    def target(self) -> tuple[int, str, str]:
        """What is built: rule, kind of ref, ref."""
        return self.rule_id, self.ref_type, self.ref


class Rebuild(models.Model):
    """A base image moved, and this rule is to build this ref anew. Waiting, until it is asked for or dropped."""

    class State(models.TextChoices):
        WAITING = "waiting"
        ASKED = "asked"
        DROPPED = "dropped"

    base = models.ForeignKey(BaseImage, models.CASCADE, related_name="rebuilds")
    rule = models.ForeignKey(BuildRule, models.CASCADE, related_name="rebuilds")
    ref_type = models.CharField(max_length=16)
    ref = models.CharField(max_length=255)
    commit = models.CharField(max_length=64)
    old_digest = models.CharField(max_length=128)
    new_digest = models.CharField(max_length=128)
    # The targets whose builds led here, nearest last: a target that is in it already is a circle.
    chain = models.JSONField(default=list)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING, db_index=True)
    sentence = models.CharField(max_length=500, blank=True)
    build = models.ForeignKey(Build, models.SET_NULL, null=True, blank=True, related_name="base_rebuilds")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "ref_type", "ref"], condition=Q(state="waiting"), name="one_waiting_rebuild_per_ref"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ref} for {self.base}"

    @property
    def target(self) -> tuple[int, str, str]:
        return self.rule_id, self.ref_type, self.ref

    def chain_with(self, target: tuple[int, str, str]) -> list[list[Any]]:
        return [*self.chain, list(target)]
