"""Reading what the registry room tells of tags that no build moved: pages wake, and what stands on them is rebuilt."""

from __future__ import annotations

from django.db import transaction

from builds import live
from builds.actions.bases import note_digest
from builds.models import BaseImage
from lib.queue import enqueue
from registry.models import TagNews

MOST_AT_ONCE = 500


def ring_for_news() -> None:
    """From the tick: news whose ring was lost."""
    if TagNews.objects.exists():
        enqueue("builds.read_tag_news", expires_s=60)


def read_tag_news() -> int:
    """Read what is there and remove it; how many rows. Two who read the same row do the same, which is harmless.

    A base image that moved waits for its rebuilds in the transaction in which the news goes.
    """
    rows = TagNews.objects.select_related("repository__namespace", "repository__registry").order_by("pk")
    news = list(rows[:MOST_AT_ONCE])
    with transaction.atomic():
        # Of several about one tag the last says where it is.
        last = {(one.repository_id, one.tag): one for one in news}
        names = {f"{one.repository.image}:{one.tag}": one.digest for one in last.values() if one.digest}
        for base in BaseImage.objects.filter(name__in=names):
            note_digest(base, names[base.name])
        TagNews.objects.filter(pk__in=[one.pk for one in news]).delete()
        topics = sorted({f"repository:{one.repository_id}" for one in news})
        if topics:
            transaction.on_commit(lambda: live.wake(*topics))
        if len(news) == MOST_AT_ONCE:
            enqueue("builds.read_tag_news", expires_s=60)
    return len(news)
