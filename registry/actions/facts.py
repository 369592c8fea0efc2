"""What is known of the image that a tag points to, once somebody has read it: media type and size."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from lib.queue import enqueue
from registry.models import Tag, TagNews

MOST_AT_ONCE = 50


def ring_for_facts(now: datetime) -> None:
    """From the tick: tags whose image nobody has read, because a ring was lost or the registry was away."""
    if Tag.objects.filter(facts_due_at__lte=now).exists():
        enqueue("registry.read_facts", expires_s=60)


def tags_without_facts(now: datetime) -> list[Tag]:
    """Tags of one repository whose image is to be read, the longest waiting first. Reading one twice is harmless."""
    due = Tag.objects.filter(facts_due_at__lte=now)
    first = due.order_by("facts_due_at", "pk").values_list("repository_id", flat=True).first()
    if first is None:
        return []
    rows = due.filter(repository_id=first).select_related("repository__namespace", "repository__registry")
    return list(rows.order_by("facts_due_at", "pk")[:MOST_AT_ONCE])


def note_facts(tag: Tag, *, media_type: str, size_bytes: int | None) -> None:
    """Write them to every tag of the repository that waits for this image; one that has moved on waits for another."""
    rows = Tag.objects.filter(repository_id=tag.repository_id, digest=tag.digest).exclude(facts_due_at=None)
    with transaction.atomic():
        if rows.update(media_type=media_type[:128], size_bytes=size_bytes, facts_due_at=None):
            TagNews.objects.create(repository_id=tag.repository_id, tag=tag.name, digest=tag.digest)
            enqueue("builds.read_tag_news", expires_s=60)


def put_off_facts(tags: Sequence[Tag], until: datetime | None) -> None:
    """Later, or (None) not at all."""
    for tag in tags:
        rows = Tag.objects.filter(pk=tag.pk, digest=tag.digest).exclude(facts_due_at=None)
        rows.update(facts_due_at=until)
