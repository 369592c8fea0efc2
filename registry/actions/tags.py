"""Writing down where tags point, with their history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from registry.core.origin import Origin
from registry.models import Repository, Tag, TagMove


@dataclass(frozen=True, slots=True)
class TagPut:
    """One tag of a publication: put (`moved`) or left where it was, and why."""

    name: str
    moved: bool
    sentence: str


def record_tags(
    repository: Repository,
    puts: Sequence[TagPut],
    *,
    digest: str,
    media_type: str,
    size_bytes: int | None,
    build_number: int | None,
    kind: str = TagMove.Kind.BUILD,
    by: str = "",
    origin: Origin | None = None,
) -> None:
    """Write down where the tags point now, and the history. Inside the caller's transaction; again is harmless.

    `kind` and `by` say who moved them: a build, or the person who rolled back or promoted. `origin` is for an image of
    another repository; `build_number` is one of this.
    """
    now = timezone.now()
    before = {tag.name: tag for tag in Tag.objects.filter(repository=repository, name__in=[put.name for put in puts])}
    for put in puts:
        old = before.get(put.name)
        if put.moved and old is not None and old.digest == digest and old.build_number == build_number:
            continue
        TagMove.objects.create(
            repository=repository,
            tag=put.name,
            at=now,
            from_digest=old.digest if old else "",
            to_digest=digest,
            build_number=build_number,
            moved=put.moved,
            sentence=put.sentence[:300],
            kind=kind,
            by=by,
            origin_id=origin.repository_id if origin else None,
            origin_path=origin.path if origin else "",
            origin_build=origin.build_number if origin else None,
        )
        if put.moved:
            Tag.objects.update_or_create(
                repository=repository,
                name=put.name,
                defaults={
                    "digest": digest,
                    "media_type": media_type,
                    "size_bytes": size_bytes,
                    "build_number": build_number,
                    "pushed_at": now,
                },
            )
