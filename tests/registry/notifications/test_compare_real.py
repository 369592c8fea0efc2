"""Point 4, with a real registry: two thousand tags, one that moved, one that is gone, one that nobody told of."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from imageyard.supervisor.ports import free_port
from imageyard.supervisor.registry import Registry as RegistryPart
from registry.actions.comparisons import compare_all
from registry.errands import compare as errand
from registry.errands.compare import compare_tags
from registry.models import Registry, RegistryWatch, Repository, Tag, TagMove
from registry.storage.layout import V2
from tests.factories import make_repository
from tests.images import Pusher, make_image
from tests.real_parts import quick_folder, running

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
PATH = "acme/web"
MANY = [f"v{number:04d}" for number in range(2000)]


@pytest.fixture(scope="module")
def part() -> Iterator[RegistryPart]:
    """A registry whose folder is known, with MANY tags at one image and the tags `moved` and `new` at another."""
    with (
        tempfile.TemporaryDirectory(prefix="iy-many-", dir=quick_folder()) as folder,
        running(RegistryPart(Path(folder), f"127.0.0.1:{free_port()}")) as made,
    ):
        pusher = Pusher(made.host, PATH)
        one, two = make_image("one"), make_image("two")
        pusher.image(one)
        for tag in ("moved", "new"):
            pusher.image(two, tag)
        pusher.manifest(one.manifest, MANY[0])
        pusher.close()
        # The others are what the registry made of the first: it would take some seconds for two thousand pushes.
        tags = made.folder / V2 / "repositories" / PATH / "_manifests/tags"
        for tag in MANY[1:]:
            shutil.copytree(tags / MANY[0], tags / tag)
        yield made


@pytest.fixture
def repository(part: RegistryPart, settings, monkeypatch) -> Repository:
    """What is known of it here: `moved` at the first image, `gone`, not `new`."""
    from lib import queue

    monkeypatch.setattr(queue, "_send", lambda *_: None)
    settings.REGISTRY_AUTH, settings.REGISTRY_HOST, settings.REGISTRY_SCHEME = "token", part.host, "http"
    made = make_repository(PATH)
    digest = make_image("one").manifest.digest
    Tag.objects.bulk_create(Tag(repository=made, name=name, digest=digest) for name in (*MANY, "moved", "gone"))
    return made


@pytest.mark.parametrize("is_by_disk", [True, False])
def test_two_thousand_tags_are_compared_and_three_mended(
    repository: Repository, part: RegistryPart, settings, monkeypatch, is_by_disk: bool
):
    settings.REGISTRY_STORAGE = str(part.folder) if is_by_disk else ""
    asked: list[str] = []
    real = errand.RegistryClient.head

    def head(client, path, tag, **more):
        asked.append(tag)
        return real(client, path, tag, **more)

    monkeypatch.setattr(errand.RegistryClient, "head", head)
    compare_all(Registry.objects.get())
    while not RegistryWatch.objects.exclude(compared_at=None).exists():
        RegistryWatch.objects.update(lease_until=None)
        compare_tags()
    watch = RegistryWatch.objects.get()
    assert (watch.is_by_disk, watch.tags, watch.mended, watch.failed) == (is_by_disk, 2003, 3, 0)
    two = make_image("two").manifest.digest
    changed = dict(Tag.objects.exclude(name__startswith="v").values_list("name", "digest"))
    assert changed == {"moved": two, "new": two}
    assert Tag.objects.filter(name__startswith="v", digest=make_image("one").manifest.digest).count() == 2000
    assert set(TagMove.objects.values_list("tag", "kind")) == {("moved", "push"), ("new", "push"), ("gone", "delete")}
    assert len(asked) == (3 if is_by_disk else 2003 + 3)


def test_a_registry_that_ended_in_between_takes_nothing(repository: Repository, settings, monkeypatch):
    """Its folder is read, and then nobody answers the second look."""
    settings.REGISTRY_HOST = f"127.0.0.1:{free_port()}"
    Registry.objects.update(host=settings.REGISTRY_HOST)
    settings.REGISTRY_STORAGE = ""
    compare_all(Registry.objects.get())
    compare_tags()
    assert Tag.objects.count() == 2002 and not TagMove.objects.exists()
    assert "the connection was refused" in RegistryWatch.objects.get().sentence


def test_the_folder_alone_mends_nothing(repository: Repository, part: RegistryPart, settings):
    """The same with the folder readable: what differs on disk is only a reason to ask."""
    settings.REGISTRY_HOST = f"127.0.0.1:{free_port()}"
    Registry.objects.update(host=settings.REGISTRY_HOST)
    settings.REGISTRY_STORAGE = str(Path(part.folder))
    compare_all(Registry.objects.get())
    compare_tags()
    assert Tag.objects.count() == 2002 and not TagMove.objects.exists()
