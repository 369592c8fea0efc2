"""Who is told of a repository's builds, and each message to them: its body, its attempts, and what was answered."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from builds.models import Build
from lib.fields import EncryptedTextField
from registry.models import Repository

SECRETS = ("target", "secret")
"""No list needs them, and one that cannot be decrypted must not take a page with it."""
MOST_WAIT = timedelta(hours=25)
"""No row waits longer. One that seems to was written by a clock that ran ahead, and is due."""


class Subscription(models.Model):
    """Something that is told of chosen events: a service by apprise, or a webhook. What it is told is signed."""

    class Kind(models.TextChoices):
        APPRISE = "apprise", "a message"
        WEBHOOK = "webhook", "a webhook"

    class Format(models.TextChoices):
        """Of a webhook's body."""

        IMAGEYARD = "imageyard", "Imageyard"
        DOCKER_HUB = "docker_hub", "Docker Hub"

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="subscriptions", editable=False)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.WEBHOOK)
    format = models.CharField(max_length=16, choices=Format.choices, default=Format.IMAGEYARD)
    name = models.CharField(max_length=100, help_text="To tell it from others.")
    target = EncryptedTextField(editable=False)
    shown_target = models.CharField(max_length=255, editable=False, help_text="Scheme and host, nothing secret.")
    secret = EncryptedTextField(blank=True, editable=False)
    events: Any = models.JSONField(default=list, help_text="Names of webhooks.senders.events.EVENTS.")
    enabled = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_sentence = models.TextField(blank=True, editable=False, help_text="What came of the last attempt, in words.")

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["repository", "name"], name="one_subscription_per_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_webhook(self) -> bool:
        return self.kind == self.Kind.WEBHOOK


class NotificationQuerySet(models.QuerySet["Notification"]):
    def due(self, now: datetime) -> NotificationQuerySet:
        """What may be sent now: its pause is over, or whoever was at it is gone."""
        state = Notification.State
        waits = Q(state=state.QUEUED) & (Q(next_at__lte=now) | Q(next_at__gt=now + MOST_WAIT))
        left = Q(state=state.SENDING) & (Q(lease_until__lt=now) | Q(lease_until__gt=now + MOST_WAIT))
        return self.filter(waits | left, subscription__enabled=True)


class Notification(models.Model):
    """One message to one subscription. Its body is written once; every attempt sends the same."""

    class State(models.TextChoices):
        QUEUED = "queued", "waiting"
        SENDING = "sending", "being sent"
        SENT = "sent", "delivered"
        GIVEN_UP = "given_up", "given up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="notifications", editable=False)
    build = models.ForeignKey(
        Build, models.SET_NULL, null=True, blank=True, related_name="notifications", editable=False
    )
    # The outbox's row that it tells of, which is forgotten before this one. Null: a test, or sent again by hand.
    build_event_id = models.BigIntegerField(null=True, editable=False)
    event = models.CharField(max_length=32, editable=False)
    tag = models.CharField(
        max_length=128, blank=True, editable=False, help_text="Docker Hub's format: one message for each tag."
    )
    # What the receiver knows it by: that of the first one, where it is sent again by hand.
    message_id = models.UUIDField(default=uuid.uuid4, editable=False)
    body = models.TextField(editable=False)

    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    next_at = models.DateTimeField(default=timezone.now, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    response_status = models.PositiveSmallIntegerField(null=True, editable=False)
    response_body = models.TextField(blank=True, editable=False, help_text="The beginning of it.")
    sentence = models.TextField(blank=True, editable=False, help_text="What came of it, in words.")
    # [{at, status, sentence, response}], the last ones.
    tries: Any = models.JSONField(default=list, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    sent_at = models.DateTimeField(null=True, editable=False)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "build_event_id", "event", "tag"], name="one_notification_per_event"
            )
        ]
        indexes = [
            models.Index(fields=["subscription", "-created_at"]),
            models.Index(fields=["next_at"], condition=Q(state__in=["queued", "sending"]), name="notifications_unsent"),
            models.Index(fields=["created_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.event} ({self.get_state_display()})"

    @property
    def webhook_id(self) -> str:
        """As the receiver reads it in `webhook-id`."""
        return f"msg_{self.message_id.hex}"

    @property
    def is_final(self) -> bool:
        return self.state in (self.State.SENT, self.State.GIVEN_UP)
