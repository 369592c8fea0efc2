"""Pushes that are not built because their message says so: each is kept, so that nothing is skipped in silence."""

from __future__ import annotations

from uuid import UUID

from builds.core.rules import Ref
from builds.models import SkippedPush, Source

MOST_MESSAGE = 10_000
KEPT = 200


def note_skipped(
    source: Source, ref: Ref, commit: str, sentence: str, *, message: str = "", delivery_id: UUID | None = None
) -> None:
    """Keep a skipped push, inside the caller's transaction. Again is harmless; of a source the last ones are kept."""
    SkippedPush.objects.get_or_create(
        source=source,
        ref_type=ref.type,
        ref=ref.name,
        commit=commit,
        defaults={"sentence": sentence[:300], "commit_message": message[:MOST_MESSAGE], "delivery_id": delivery_id},
    )
    rows = SkippedPush.objects.filter(source=source)
    rows.filter(pk__in=list(rows.values_list("pk", flat=True)[KEPT : 2 * KEPT])).delete()
