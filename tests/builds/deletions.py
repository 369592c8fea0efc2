"""What tests of deleted tags share: images in the real registry with their rows, and a worker's turn. Not a test."""

from __future__ import annotations

from typing import Any

from builds.models import Build
from registry.actions import TagPut, record_tags
from registry.models import Repository, Tag, TagDeletion
from tests.factories import make_build
from tests.images import Image, Pusher, make_image


def pushed(pusher: Pusher, repository: Repository, *tags: str, image: Image | None = None, **fields: Any) -> Build:
    """A build that succeeded, in the registry under its build tag and `tags`, with rows and history."""
    build = make_build(state="succeeded", **fields)
    image = image or make_image(f"image of {repository} {build.number}")
    names = (build.build_tag, *tags)
    for name in names:
        pusher.image(image, name)
    Build.objects.filter(pk=build.pk).update(digest=image.manifest.digest, tags=list(names))
    build.refresh_from_db()
    puts = [TagPut(name, moved=True, sentence="") for name in names]
    told: dict[str, Any] = {"media_type": image.manifest.media_type, "size_bytes": 100, "build_number": build.number}
    record_tags(repository, puts, digest=image.manifest.digest, **told)
    return build


def rows(repository: Repository) -> set[str]:
    return set(Tag.objects.filter(repository=repository).values_list("name", flat=True))


def after_turn(deletion: TagDeletion) -> TagDeletion:
    """After a worker's turn at what people asked for."""
    from builds.pipeline.tag_deletions import delete_tags

    delete_tags()
    deletion.refresh_from_db()
    return deletion
