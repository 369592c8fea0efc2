"""Point 6: one tag goes, and no other tag, index or pull is harmed; on Distribution 2.8 and on others."""

from __future__ import annotations

import threading
from collections.abc import Callable

import httpx
import pytest

from registry.client import RegistryClient, RegistryError, Taken, take_tag_away
from registry.core.deletion import mark_of
from registry.core.manifest import Manifest, stand_in
from tests.fake_registry import FakeRegistry
from tests.images import Image, Pusher, make_attestation, make_image, make_index

Connect = Callable[..., RegistryClient]


def take(client: RegistryClient, repository: str, tag: str, digest: str, *siblings: str) -> Taken:
    return take_tag_away(client, repository, tag, digest, mark="m1", siblings=siblings).taken


def whole(pusher: Pusher, image: Image) -> bool:
    """Whether everything that an image points to can be pulled."""
    return all(pusher.http.get(f"{pusher.base}/blobs/{digest}").content == body for digest, body in image.blobs.items())


def test_of_two_tags_of_an_image_one_goes_and_the_other_pulls(real, pusher, repository):
    image = make_image()
    pusher.image(image, "build-7")
    pusher.image(image, "latest")
    assert take(real, repository, "build-7", image.manifest.digest, "latest") is Taken.DELETED
    assert list(real.tags(repository)) == ["latest"]
    assert real.manifest(repository, "latest") == image.manifest
    assert real.manifest(repository, image.manifest.digest) == image.manifest
    assert whole(pusher, image)


def test_the_last_tag_of_an_image_leaves_the_image_for_whoever_puts_it_back(real, pusher, repository):
    image = make_image()
    pusher.image(image, "latest")
    assert take(real, repository, "latest", image.manifest.digest) is Taken.DELETED
    assert list(real.tags(repository)) == []
    real.put_manifest(repository, "latest", real.manifest(repository, image.manifest.digest))
    assert real.head(repository, "latest") == image.manifest.digest


def test_a_child_of_an_index_that_was_tagged_by_hand_loses_its_tag_and_the_index_still_pulls(real, pusher, repository):
    amd, arm = make_image("amd"), make_image("arm", architecture="arm64")
    index = pusher.index((amd, "linux/amd64"), (arm, "linux/arm64"), tag="1.0")
    pusher.manifest(amd.manifest, "1.0-amd64")
    assert take(real, repository, "1.0-amd64", amd.manifest.digest) is Taken.DELETED
    assert list(real.tags(repository)) == ["1.0"]
    assert real.head(repository, "1.0") == index
    for image in (amd, arm, make_attestation(amd), make_attestation(arm)):
        assert real.manifest(repository, image.manifest.digest).body == image.manifest.body
        assert whole(pusher, image)


def test_an_image_of_several_platforms_keeps_all_of_them_and_what_attests_them(real, pusher, repository):
    amd, arm = make_image("amd"), make_image("arm", architecture="arm64")
    index = pusher.index((amd, "linux/amd64"), (arm, "linux/arm64"), tag="latest")
    pusher.index((amd, "linux/amd64"), (arm, "linux/arm64"), tag="build-7")
    assert take(real, repository, "build-7", index, "latest") is Taken.DELETED
    facts = real.image_facts(repository, "latest")
    assert (facts.digest, len(facts.platforms), facts.attestations) == (index, 2, 2)


def test_a_pull_that_is_under_way_goes_on(real, pusher, repository):
    """By digest it never notices; by tag it has the right image or none, never a broken one."""
    image = make_image("x" * 10_000)
    pusher.image(image, "old")
    pusher.image(image, "latest")
    layers = set(image.blobs)
    seen, over = [], threading.Event()

    def pull() -> None:
        with httpx.Client(trust_env=False) as http:
            while not over.is_set():
                for reference in ("old", image.manifest.digest):
                    found = http.get(
                        f"{pusher.base}/manifests/{reference}", headers={"Accept": image.manifest.media_type}
                    )
                    named = (
                        {found.json()["config"]["digest"], *(one["digest"] for one in found.json().get("layers", ()))}
                        if found.status_code == 200
                        else None
                    )
                    seen.append((reference, found.status_code, named))

    thread = threading.Thread(target=pull)
    thread.start()
    try:
        while len(seen) < 4:
            pass
        assert take(real, repository, "old", image.manifest.digest, "latest") is Taken.DELETED
        before = len(seen)
        while len(seen) < before + 4:
            pass
    finally:
        over.set()
        thread.join()
    assert {status for reference, status, _ in seen if reference != "old"} == {200}
    assert {status for reference, status, _ in seen if reference == "old"} == {200, 404}
    assert all(named == layers for _, status, named in seen if status == 200)
    assert whole(pusher, image)


def test_a_tag_that_moved_is_left_alone(real, pusher, repository):
    first, second = make_image("first"), make_image("second")
    pusher.image(first, "build-1")
    pusher.image(second, "latest")
    outcome = take_tag_away(real, repository, "latest", first.manifest.digest, mark="m1")
    assert (outcome.taken, outcome.found) == (Taken.MOVED, second.manifest.digest)
    assert real.manifest(repository, "latest") == second.manifest


def test_a_tag_that_is_gone_is_gone(real, pusher, repository):
    image = make_image()
    pusher.image(image, "latest")
    assert take(real, repository, "build-9", image.manifest.digest) is Taken.ABSENT
    assert take(real, "acme/never-pushed", "latest", image.manifest.digest) is Taken.ABSENT


def test_what_a_try_that_died_left_is_finished_by_the_next(real, pusher, repository):
    """It died between the stand-in and its deletion: the tag has another digest, and it is ours."""
    image = make_image()
    pusher.image(image, "old")
    pusher.image(image, "latest")
    real.put_manifest(repository, "old", stand_in(image.manifest, "m1"))
    assert take(real, repository, "old", image.manifest.digest, "latest") is Taken.DELETED
    assert list(real.tags(repository)) == ["latest"]
    assert real.manifest(repository, "latest") == image.manifest


def test_what_another_deletion_left_is_not_ours(real, pusher, repository):
    image = make_image()
    pusher.image(image, "old")
    real.put_manifest(repository, "old", stand_in(image.manifest, "m2"))
    assert take(real, repository, "old", image.manifest.digest) is Taken.MOVED


def test_doing_it_twice_ends_in_the_same_state(real, pusher, repository):
    image = make_image()
    pusher.image(image, "old")
    pusher.image(image, "latest")
    taken = [take(real, repository, "old", image.manifest.digest, "latest") for _ in range(2)]
    assert taken == [Taken.DELETED, Taken.ABSENT]


def kept(fake: FakeRegistry, image: Image, *references: str, repository: str = "acme/web") -> None:
    for reference in (image.manifest.digest, *references):
        fake.state.manifests[repository, reference] = (image.manifest.media_type, image.manifest.body)


def tags_in(fake: FakeRegistry, repository: str = "acme/web") -> set[str]:
    return {reference for owner, reference in fake.state.manifests if owner == repository and ":" not in reference}


@pytest.mark.parametrize("deletes_tags", [True, False], ids=["as Distribution 3", "as Distribution 2.8"])
def test_registries_that_delete_tags_are_asked_for_the_tag_alone(
    fake: FakeRegistry, connect: Connect, deletes_tags: bool
):
    fake.state.deletes_tags = deletes_tags
    image = make_image()
    kept(fake, image, "old", "latest")
    assert take(connect(fake.host), "acme/web", "old", image.manifest.digest, "latest") is Taken.DELETED
    assert tags_in(fake) == {"latest"}
    assert fake.state.count("PUT") == (0 if deletes_tags else 1)


def test_a_registry_that_takes_the_whole_image_gives_the_other_tags_back(fake: FakeRegistry, connect: Connect):
    fake.state.takes_all = True
    image = make_image()
    kept(fake, image, "old", "latest", "1.0")
    assert take(connect(fake.host), "acme/web", "old", image.manifest.digest, "latest", "1.0") is Taken.DELETED
    assert tags_in(fake) == {"latest", "1.0"}
    assert connect(fake.host).manifest("acme/web", "latest") == image.manifest


def test_where_nothing_can_be_deleted_nothing_is_changed(fake: FakeRegistry, connect: Connect, monkeypatch):
    image = make_image()
    kept(fake, image, "old")
    client = connect(fake.host)
    from registry.client import Deletion

    monkeypatch.setattr(client, "delete_tag", lambda *_: Deletion.UNSUPPORTED)
    monkeypatch.setattr(client, "delete_manifest", lambda *_: Deletion.UNSUPPORTED)
    assert take(client, "acme/web", "old", image.manifest.digest) is Taken.UNSUPPORTED
    assert fake.state.count("PUT") == 0


def test_a_refusal_is_told_and_nothing_is_gone(fake: FakeRegistry, connect: Connect):
    image = make_image()
    kept(fake, image, "old", repository="denied/web")
    with pytest.raises(RegistryError, match="refused the deletion of denied/web:old"):
        take(connect(fake.host), "denied/web", "old", image.manifest.digest)
    assert tags_in(fake, "denied/web") == {"old"}


@pytest.mark.parametrize(
    ("body", "mark"),
    [
        (stand_in(make_image().manifest, "m7").body, "m7"),
        (make_image().manifest.body, ""),
        (b"{", ""),
        (b"[]", ""),
        (b'{"annotations": []}', ""),
        (b'{"annotations": {"imageyard.removed-tag": 7}}', ""),
    ],
)
def test_a_stand_in_is_known_by_its_mark(body, mark):
    assert mark_of(Manifest("sha256:x", "", body)) == mark


def test_an_index_has_a_stand_in_too():
    from tests.images import as_manifest

    index = as_manifest(make_index((make_image(), "linux/amd64")))
    assert mark_of(stand_in(index, "m7")) == "m7"
    assert stand_in(index, "m7") == stand_in(stand_in(index, "m1"), "m7")
