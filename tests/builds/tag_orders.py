"""What tests of moved tags share: builds with images in a registry that misbehaves on demand. Not a test."""

from __future__ import annotations

from typing import Any

from builds.actions.tag_orders import ask_tag, find_target
from builds.models import Build, TagOrder
from builds.pipeline.tag_orders import move_tags
from registry.actions import TagPut, record_tags
from registry.models import Repository, Tag
from tests.factories import make_build, make_user
from tests.fake_registry import FakeRegistry
from tests.images import make_image


def succeeded(repository: Repository, *tags: str, fake: FakeRegistry | None = None, **fields: Any) -> Build:
    """A build that succeeded, with rows and history of its build tag and `tags`; its image is in `fake`."""
    build = make_build(state="succeeded", **fields)
    manifest = make_image(f"image of {build.number}").manifest
    Build.objects.filter(pk=build.pk).update(digest=manifest.digest, size_bytes=1000 + build.number)
    build.refresh_from_db()
    names = (build.build_tag, *tags)
    for reference in (manifest.digest, *names) if fake else ():
        fake.state.manifests[repository.path, reference] = (manifest.media_type, manifest.body)
    puts = [TagPut(name, moved=True, sentence="") for name in names]
    told: dict[str, Any] = {"media_type": manifest.media_type, "size_bytes": 1, "build_number": build.number}
    record_tags(repository, puts, digest=manifest.digest, **told)
    return build


def ask(repository: Repository, tag: str, build: Build, **more: Any) -> TagOrder:
    return ask_tag(make_user("wendy"), repository, tag, find_target(repository, build=build.number), **more)


def done(order: TagOrder) -> TagOrder:
    """After a worker's turn."""
    move_tags()
    order.refresh_from_db()
    return order


def at(repository: Repository, tag: str) -> int | None:
    """The number of the build that the row of a tag names."""
    return Tag.objects.get(repository=repository, name=tag).build_number


def digest_in(fake: FakeRegistry, repository: Repository, tag: str) -> str:
    """What the registry has under a tag."""
    from tests.images import sha256

    return sha256(fake.state.manifests[repository.path, tag][1])
