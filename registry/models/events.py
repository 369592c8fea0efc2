"""What a registry told of pushes and deletions, what is to be told upwards, and how rows and registry were compared."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from registry.models.registry import Registry
from registry.models.repository import Repository
from registry.models.tag import DIGEST


class RegistryEvent(models.Model):
    """A push or a deletion past Imageyard, as its own registry told of it. Open until a worker looked at the tag.

    Told at least once and in any order: the id is the registry's and unique, and `at` is the registry's time.
    """

    class Action(models.TextChoices):
        PUSH = "push"
        DELETE = "delete"

    event_id = models.CharField(max_length=100, unique=True)
    repository = models.ForeignKey(Repository, models.CASCADE, related_name="registry_events")
    action = models.CharField(max_length=8, choices=Action.choices)
    tag = models.CharField(max_length=128, blank=True, help_text="Empty: every tag that had the digest.")
    digest = models.CharField(max_length=DIGEST, blank=True)
    media_type = models.CharField(max_length=128, blank=True)
    by = models.CharField(max_length=150, blank=True, help_text="The person or robot; empty where nobody logged in.")
    at = models.DateTimeField()
    received_at = models.DateTimeField(default=timezone.now)
    not_before = models.DateTimeField(default=timezone.now)
    turns = models.PositiveSmallIntegerField(default=0, help_text="How often a worker tried.")
    handled_at = models.DateTimeField(null=True, blank=True)
    sentence = models.CharField(max_length=300, blank=True, help_text="Why it waits.")

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["not_before"], condition=Q(handled_at=None), name="registry_events_to_do"),
            models.Index(fields=["handled_at"], name="registry_events_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.tag or self.digest[:19]}"


class TagNews(models.Model):
    """Outbox: a tag moved or went, and no build did it. The room above reads the row and removes it."""

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="tag_news")
    tag = models.CharField(max_length=128)
    digest = models.CharField(max_length=DIGEST, blank=True, help_text="Where it points now; empty: it is gone.")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "tag news"
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.tag} → {self.digest[:19]}"


class RegistryWatch(models.Model):
    """How far Imageyard knows what is in a registry: the last that it told, and the last comparison."""

    registry = models.OneToOneField(Registry, models.CASCADE, related_name="watch")
    heard_at = models.DateTimeField(null=True, blank=True, help_text="When its last notification came.")
    lease_until = models.DateTimeField(null=True, blank=True, help_text="A worker compares until then.")
    compared_at = models.DateTimeField(
        null=True, blank=True, help_text="When the last round of all repositories ended."
    )
    round_at = models.DateTimeField(null=True, blank=True, help_text="When the round that is under way began.")
    is_by_disk = models.BooleanField(default=False, help_text="Its storage was read; no request for each tag.")
    tags = models.PositiveIntegerField(default=0, help_text="Tags that the round compared.")
    mended = models.PositiveIntegerField(default=0, help_text="Tags that the round mended.")
    failed = models.PositiveIntegerField(default=0, help_text="Repositories that the round could not compare.")
    unknown = models.JSONField(
        default=list, blank=True, help_text="Repositories that only the registry knows; the first."
    )
    unknown_total = models.PositiveIntegerField(default=0)
    sentence = models.TextField(blank=True, help_text="What went wrong last; empty: nothing.")

    class Meta:
        verbose_name_plural = "registry watches"

    def __str__(self) -> str:
        return self.registry.host


class TagComparison(models.Model):
    """When the tags of a repository are held against the registry next, and how it went the last time."""

    repository = models.OneToOneField(Repository, models.CASCADE, related_name="comparison")
    due_at = models.DateTimeField(default=timezone.now)
    may_empty = models.BooleanField(default=False, help_text="Somebody said that it is right if all its tags are gone.")
    cursor = models.CharField(max_length=128, blank=True, help_text="The tag behind which the next run goes on.")
    tags = models.PositiveIntegerField(default=0, help_text="That the comparison under way has looked at.")
    mended = models.PositiveIntegerField(default=0)
    compared_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)
    sentence = models.TextField(blank=True, help_text="Why it could not be compared; empty: it was.")

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="comparisons_by_due")]

    def __str__(self) -> str:
        return f"{self.repository_id}: {self.tags}"
