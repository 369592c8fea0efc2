"""Point 8: a worker reads images of a registry: what it keeps, what it says when it cannot, and that nobody waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from builds.actions import image_looks as actions
from builds.actions.image_looks import ask_look, content_of, remind, take_look
from builds.models import ImageLook, Variable
from builds.pipeline import image_looks
from builds.pipeline.image_looks import look_at_images
from lib.clock import database_now
from registry.models import Registry
from tests.builds.core.tars import tar
from tests.fake_registry import FakeRegistry, fake_registry
from tests.images import Image, Pusher, as_manifest, descriptor, make_image, sha256

LAYER = "application/vnd.oci.image.layer.v1.tar"


@pytest.fixture
def fake(repository, rings, settings, tmp_path) -> Iterator[FakeRegistry]:
    settings.HOME = tmp_path
    with fake_registry() as server:
        Registry.objects.filter(pk=repository.registry_id).update(host=server.host, scheme="http")
        repository.refresh_from_db()
        yield server


@pytest.fixture
def pusher(fake, repository) -> Iterator[Pusher]:
    made = Pusher(fake.host, repository.path)
    yield made
    made.close()


def looked(repository, kind: str, digest: str, speed: str = "slow") -> ImageLook:
    look = ask_look(repository, kind, digest)
    look_at_images(speed)
    look.refresh_from_db()
    return look


def image_with(*layers: bytes) -> Image:
    config = make_image().blobs[next(iter(make_image().blobs))]
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
        "layers": [descriptor(layer, LAYER) for layer in layers],
    }
    return Image(as_manifest(manifest), {sha256(body): body for body in (config, *layers)})


def test_an_image_is_read_once_it_keeps_its_document(repository, pusher):
    digest = pusher.image(make_image(), "1")
    look = looked(repository, "image", digest, "quick")
    assert (look.state, look.sentence) == ("ready", "")
    assert look.facts["platforms"][0]["platform"] == "linux/amd64"
    assert next(row["words"] for row in look.facts["platforms"][0]["history"]) == "COPY base /"
    assert ask_look(repository, "image", digest).state == "ready"


def test_secrets_that_we_know_are_masked_in_what_is_kept(repository, pusher, fake):
    Variable.objects.create(source=repository.source, kind="secret", name="S", value="cat the-secret")
    image = make_image()
    body = next(body for body in image.blobs.values() if b'"Cmd"' in body)
    changed = body.replace(b'"cat", "/app"', b'"cat the-secret"')
    manifest = as_manifest(
        {
            "schemaVersion": 2,
            "mediaType": image.manifest.media_type,
            "config": descriptor(changed, "application/vnd.oci.image.config.v1+json"),
            "layers": [],
        }
    )
    pusher.blob(changed)
    digest = pusher.manifest(manifest)
    assert "the-secret" not in str(looked(repository, "image", digest, "quick").facts)


def test_what_is_carried_in_vain_is_found_it_reads_every_layer_once(repository, pusher, fake):
    layers = [tar(("a", 5_000), ("b", 10)), tar((".wh.a", 0)), tar(("b", 11))]
    digest = pusher.image(image_with(*layers))
    look = looked(repository, "waste", digest)
    assert [file[:2] for file in look.facts["files"]] == [["a", 5_000], ["b", 10]]
    assert ImageLook.objects.filter(kind="files", state="ready").count() == 3
    before = fake.state.count("GET", "/blobs/")
    look.delete()
    assert looked(repository, "waste", digest).state == "ready"
    assert fake.state.count("GET", "/blobs/") == before


def test_the_files_of_a_layer_are_kept_it_gives_them_back(repository, pusher):
    layer = tar(("usr/bin/app", 70_000), ("usr/.wh.old", 0))
    pusher.image(image_with(layer))
    look = looked(repository, "files", sha256(layer))
    assert look.facts == {"files": 1, "removed": 1, "size_bytes": 70_000, "is_whole": True}
    assert content_of(look)["files"][0] == ["usr/bin/app", "file", 70_000, ""]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"no tar at all" * 100, "It cannot be shown: it is not a tar archive."),
        (b"\x1f\x8bbroken" * 100, "It cannot be shown: its gzip content is broken."),
    ],
)
def test_a_layer_that_is_none_is_a_sentence(repository, pusher, body, sentence):
    pusher.image(image_with(body))
    look = looked(repository, "files", sha256(body))
    assert (look.state, look.sentence) == ("failed", sentence)


def test_a_layer_with_another_content_than_its_digest_is_not_believed(repository, pusher, fake):
    layer = tar(("a", 1))
    pusher.image(image_with(layer))
    fake.state.blobs[sha256(layer)] = tar(("b", 1))
    look = looked(repository, "files", sha256(layer))
    assert (look.state, look.sentence[:35]) == ("failed", "It cannot be shown: its content doe")


def test_a_registry_that_is_away_or_has_it_not_is_its_own_sentence(repository, fake):
    look = looked(repository, "image", "sha256:" + "0" * 64, "quick")
    assert look.state == "failed"
    assert fake.host in look.sentence
    Registry.objects.update(host="127.0.0.1:9")
    repository.refresh_from_db()
    look = looked(repository, "files", "sha256:" + "1" * 64)
    assert "cannot be reached" in look.sentence


def test_a_fault_of_ours_leaves_no_question_open(repository, pusher, monkeypatch):
    monkeypatch.setattr(image_looks, "read_image", lambda *_: 1 / 0)
    look = looked(repository, "image", pusher.image(make_image()), "quick")
    assert look.state == "failed"
    assert "Imageyard itself met a fault" in look.sentence


def test_what_takes_long_goes_on_in_another_turn_it_says_how_far_it_is(repository, pusher, monkeypatch):
    layers = [tar((f"f{place}", place)) for place in range(3)]
    digest = pusher.image(image_with(*layers))
    monkeypatch.setattr(image_looks, "TURN_S", -1.0)
    look = ask_look(repository, "waste", digest)
    image_looks._look(take_look(actions.SLOW))
    look.refresh_from_db()
    assert (look.state, look.sentence) == ("asked", "0 of 3 layers are read.")
    monkeypatch.undo()
    look_at_images("slow")
    look.refresh_from_db()
    assert look.state == "ready"


def test_a_worker_that_died_leaves_its_look_to_another_one(repository, fake, rings, django_capture_on_commit_callbacks):
    look = ask_look(repository, "files", "sha256:" + "0" * 64)
    assert take_look(actions.SLOW) is not None
    assert take_look(actions.SLOW) is None
    ImageLook.objects.update(lease_until=database_now() - timedelta(seconds=1))
    look.refresh_from_db()
    with django_capture_on_commit_callbacks(execute=True):
        remind(look)
    assert rings == ["builds.look_at_images"]
    first, second = look, take_look(actions.SLOW)
    assert second is not None
    actions.fail_look(first, "too late")
    second.refresh_from_db()
    assert second.state == "reading"


def test_only_so_many_looks_are_kept_for_a_repository(repository, fake, monkeypatch):
    monkeypatch.setattr(actions, "MOST_LOOKS", 3)
    for place in range(6):
        ask_look(repository, "files", f"sha256:{place:064}")
    assert sorted(ImageLook.objects.values_list("digest", flat=True)) == [f"sha256:{place:064}" for place in (3, 4, 5)]
