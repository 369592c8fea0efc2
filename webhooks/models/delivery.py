"""The ledger: every inbound webhook request, kept whole, with a verdict for every rule."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import zstandard
from django.db import models
from django.urls import reverse
from django.utils import timezone

from accounts.access import member_of
from accounts.models import Role
from builds.models import Source

# What no list needs: headers, bodies and rules are large, and only the page of one delivery shows them.
LARGE = ("headers", "body", "rules_snapshot")


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def visible_to(self, user: Any) -> DeliveryQuerySet:
        """Deliveries to sources of the repositories in which `user` is a member; strangers see none of a public one."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(member_of("source__repository__namespace", user, Role.READ))

    def for_list(self) -> DeliveryQuerySet:
        """With what a row of a list names, and without what is large."""
        return self.select_related("source__repository__namespace").defer(*LARGE)

    def like(
        self,
        *,
        status: str = "",
        event: str = "",
        ref: str = "",
        text: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> DeliveryQuerySet:
        """What the filters of the page and the API leave; an empty one leaves everything.

        `ref` is a part of a name, of any ref that a delivery moved; `text` a part of what people read in its row, or
        the beginning of a commit or of its id; `since` is included and `until` is not.
        """
        rows = self
        for found in (
            models.Q(status=status) if status else None,
            models.Q(event=event) if event else None,
            models.Q(ref__icontains=ref) | models.Q(more_refs__icontains=ref) if ref else None,
            _said(text) if text else None,
            models.Q(received_at__gte=since) if since else None,
            models.Q(received_at__lt=until) if until else None,
        ):
            rows = rows if found is None else rows.filter(found)
        return rows


def _said(text: str) -> models.Q:
    said = models.Q(commit__istartswith=text)
    for column in ("sentence", "commit_message", "sender"):
        said |= models.Q(**{f"{column}__icontains": text})
    digits = text.replace("-", "").lower()
    if len(digits) >= _SHORTEST_ID and set(digits) <= set("0123456789abcdef"):
        first, last = digits.ljust(32, "0")[:32], digits.ljust(32, "f")[:32]
        said |= models.Q(pk__gte=uuid.UUID(first), pk__lte=uuid.UUID(last))
    return said


_SHORTEST_ID = 4
"""Characters of a delivery's id, as `short_id` shows them."""


class Delivery(models.Model):
    """One inbound webhook request."""

    class Status(models.TextChoices):
        BUILT = "built", "built"
        NOTHING = "nothing", "nothing to build"
        IGNORED = "ignored", "ignored"
        SKIPPED = "skipped", "skipped"
        CONNECTED = "connected", "connected"
        DUPLICATE = "duplicate", "duplicate"
        REFUSED = "refused", "refused"
        FAULT = "fault", "Imageyard's fault"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.ForeignKey(Source, models.CASCADE, related_name="deliveries", editable=False)
    forge = models.CharField(max_length=16, editable=False)
    event = models.CharField(max_length=64, blank=True, editable=False)
    # The forge's own id. Null where the request was refused or carried none, so that only accepted ones are unique.
    forge_delivery_id = models.CharField(max_length=128, null=True, editable=False)
    received_at = models.DateTimeField(default=timezone.now, editable=False)
    headers = models.JSONField(default=dict, editable=False, help_text="Without signatures and cookies.")
    body = models.BinaryField(default=bytes, editable=False, help_text="As it came, compressed with zstd.")
    body_bytes = models.PositiveIntegerField(default=0, editable=False)

    status = models.CharField(max_length=16, choices=Status.choices, editable=False)
    sentence = models.TextField(editable=False, help_text="What came of it, in words.")
    ref_type = models.CharField(max_length=16, blank=True, editable=False)
    ref = models.CharField(max_length=255, blank=True, editable=False)
    before = models.CharField(max_length=64, blank=True, editable=False)
    commit = models.CharField(max_length=64, blank=True, editable=False)
    commit_message = models.TextField(blank=True, editable=False)
    sender = models.CharField(max_length=255, blank=True, editable=False)
    forced = models.BooleanField(default=False, editable=False)
    verdicts = models.JSONField(default=list, editable=False)
    # [{ref_type, ref, before, commit, message, forced, status, sentence, builds}], where one delivery moved several
    # refs; the columns above are then those of the first.
    changes = models.JSONField(default=list, editable=False)
    more_refs = models.TextField(blank=True, editable=False, help_text="Names of the other refs, one in a line.")
    # The rules that it was judged by, as `webhooks.actions.snapshot` writes them; empty where it was judged by none.
    rules_snapshot = models.JSONField(default=list, editable=False)
    build_ids = models.JSONField(default=list, editable=False)
    replay_of = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="replays", editable=False
    )
    as_it_was = models.BooleanField(default=False, editable=False, help_text="Replayed with the rules of then.")
    duplicate_of = models.ForeignKey(
        "self", models.CASCADE, null=True, blank=True, related_name="duplicates", editable=False
    )
    times = models.PositiveIntegerField(default=1, editable=False, help_text="Refusals in a flood share a row.")

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-received_at", "-pk"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["source", "forge_delivery_id"], name="one_delivery_per_forge_id"),
        ]
        indexes = [
            models.Index(fields=["source", "-received_at"]),
            models.Index(fields=["-received_at"], condition=models.Q(status="refused"), name="deliveries_refused"),
        ]

    def __str__(self) -> str:
        return f"{self.event or 'request'} {self.ref} ({self.get_status_display()})"

    def get_absolute_url(self) -> str:
        repository = self.source.repository
        return reverse("delivery", args=[repository.namespace.name, repository.name, self.pk])

    @property
    def short_id(self) -> str:
        """The first characters of its id, as people say it: `9f3e`."""
        return self.pk.hex[:4]

    def read_body(self, most: int) -> bytes:
        """The first `most` bytes of the body as it came; of a larger one no more is unpacked."""
        packed = bytes(self.body)
        if not packed:
            return b""
        with zstandard.ZstdDecompressor().stream_reader(packed) as reader:
            return reader.read(most)


def pack_body(body: bytes) -> bytes:
    """A body as `Delivery.body` stores it."""
    return zstandard.ZstdCompressor(level=3).compress(body) if body else b""
