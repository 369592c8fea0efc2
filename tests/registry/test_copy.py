"""Copying an image to another repository: mounted within a registry, else sent; bit for bit, whatever it is."""

from __future__ import annotations

import itertools
import json

import pytest

from registry.client import RegistryError
from registry.core.copy_plan import EMPTY
from registry.core.manifest import OCI_INDEX, Manifest
from registry.core.referrers import referrers_tag
from tests.fake_registry import FakeRegistry
from tests.images import Image, as_manifest, descriptor, make_attestation, make_image, sha256
from tests.registry.copying import (
    FROM,
    TO,
    Connect,
    changed,
    copied,
    has,
    make_artifact,
    put,
    put_index,
    put_manifest,
)

IMAGE = make_image("hello")


def test_within_a_registry_blobs_are_mounted_and_nothing_is_sent(one: FakeRegistry, connect: Connect) -> None:
    done = copied(connect, one, one, put(one, FROM, IMAGE))
    assert has(one, TO, IMAGE)
    assert (done.mounted, done.sent_bytes) == (3, 0)
    assert one.state.count("PUT", "/blobs/") == 0
    assert done.size_bytes == sum(len(body) for body in IMAGE.blobs.values())


def test_a_registry_that_does_not_mount_takes_the_bytes(one: FakeRegistry, connect: Connect) -> None:
    """It answers 202 in place of 201, and the upload that it began is used."""
    one.state.mounts = False
    done = copied(connect, one, one, put(one, FROM, IMAGE))
    assert has(one, TO, IMAGE)
    assert (done.mounted, done.sent_bytes) == (0, done.size_bytes)
    assert one.state.count("POST") == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
def test_a_mount_that_is_refused_is_no_end(one: FakeRegistry, connect: Connect, status: int) -> None:
    one.state.steps["mount"] = [status] * 3
    copied(connect, one, one, put(one, FROM, IMAGE))
    assert has(one, TO, IMAGE)


def test_between_registries_all_of_it_is_sent_once(one: FakeRegistry, other: FakeRegistry, connect: Connect) -> None:
    digest = put(one, FROM, IMAGE)
    told: list[tuple[int, int]] = []
    done = copied(connect, one, other, digest, told=lambda *now: told.append(now))
    assert has(other, TO, IMAGE)
    assert (done.sent_bytes, done.mounted) == (done.size_bytes, 0)
    assert told[-1] == (done.size_bytes, done.size_bytes)
    assert all(before[0] <= after[0] for before, after in itertools.pairwise(told))
    assert one.state.count("GET", "/blobs/") == 3
    again = copied(connect, one, other, digest)
    assert (again.sent_bytes, one.state.count("GET", "/blobs/")) == (0, 3)


def test_no_tag_is_put(one: FakeRegistry, other: FakeRegistry, connect: Connect) -> None:
    copied(connect, one, other, put(one, FROM, IMAGE, "latest"))
    assert [reference for _, reference in other.state.manifests] == [IMAGE.manifest.digest]


def test_an_index_comes_with_all_children_from_the_bottom_up(
    one: FakeRegistry, other: FakeRegistry, connect: Connect
) -> None:
    images = [(make_image(arch, architecture=arch), f"linux/{arch}") for arch in ("amd64", "arm64")]
    index = put_index(one, FROM, *images)
    copied(connect, one, other, index.digest)
    for image, _ in images:
        assert has(other, TO, image)
        assert has(other, TO, make_attestation(image))
    assert other.state.manifests[TO, index.digest] == (index.media_type, index.body)
    put_order = [path.rpartition("/")[2] for method, path in other.state.asked if method == "PUT" and "manif" in path]
    assert put_order[-1] == index.digest


def test_the_same_child_in_two_indexes_is_there_before_both(
    one: FakeRegistry, other: FakeRegistry, connect: Connect
) -> None:
    inner = put_index(one, FROM, (IMAGE, "linux/amd64"))
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX}
    entries = [descriptor(each.body, each.media_type) for each in (IMAGE.manifest, inner)]
    outer = as_manifest({**document, "manifests": entries})
    put_manifest(one, FROM, outer)
    copied(connect, one, other, outer.digest)
    assert (TO, outer.digest) in other.state.manifests


def test_a_child_that_is_no_manifest_is_copied_as_a_blob(
    one: FakeRegistry, other: FakeRegistry, connect: Connect
) -> None:
    """BuildKit's cache lists its layers and its configuration in an index."""
    body = b"layer of a cache"
    one.state.blobs[sha256(body)] = body
    one.state.owned.add((FROM, sha256(body)))
    entry = descriptor(body, "application/vnd.oci.image.layer.v1.tar+zstd")
    index = as_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]})
    other.state.is_strict = False
    copied(connect, one, other, put_manifest(one, FROM, index))
    assert (TO, sha256(body)) in other.state.owned


@pytest.mark.parametrize(
    "image",
    [
        make_artifact(None),
        changed(make_artifact(None), config=None),
        changed(make_image("zstd"), annotations={"x": "ÿ\n"}),
        make_image("docker", docker=True),
    ],
    ids=["empty configuration", "no configuration", "odd annotation", "docker"],
)
def test_whatever_it_is_it_keeps_its_digest(
    one: FakeRegistry, other: FakeRegistry, connect: Connect, image: Image
) -> None:
    copied(connect, one, other, put(one, FROM, image))
    assert has(
        other, TO, Image(image.manifest, {d: b for d, b in image.blobs.items() if d.encode() in image.manifest.body})
    )


def test_the_empty_configuration_need_not_have_been_pushed(
    one: FakeRegistry, other: FakeRegistry, connect: Connect
) -> None:
    artifact = make_artifact(None)
    digest = put(one, FROM, artifact)
    one.state.owned.discard((FROM, sha256(EMPTY)))
    copied(connect, one, other, digest)
    assert has(other, TO, artifact)


def test_layers_that_stay_elsewhere_are_named_and_not_pushed(
    one: FakeRegistry, other: FakeRegistry, connect: Connect
) -> None:
    foreign = descriptor(b"windows", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
    foreign["urls"] = ["https://example.com/windows"]
    layers = json.loads(IMAGE.manifest.body)["layers"]
    image = changed(IMAGE, layers=[*layers, foreign])
    done = copied(connect, one, other, put(one, FROM, image))
    assert has(other, TO, image)
    assert done.elsewhere == 1
    assert (TO, foreign["digest"]) not in other.state.owned


def test_a_foreign_media_type_passes_through(one: FakeRegistry, other: FakeRegistry, connect: Connect) -> None:
    body = b'{"kind":"thing"}'
    thing = Manifest(sha256(body), "application/vnd.acme.thing+json", body)
    copied(connect, one, other, put_manifest(one, FROM, thing))
    assert other.state.manifests[TO, thing.digest] == (thing.media_type, body)


def test_signatures_come_along_by_their_subject(one: FakeRegistry, other: FakeRegistry, connect: Connect) -> None:
    digest = put(one, FROM, IMAGE)
    signature = make_artifact(IMAGE.manifest)
    of_signature = make_artifact(signature.manifest, "signed twice")
    put(one, FROM, signature)
    put(one, FROM, of_signature)
    one.state.lists_referrers = True
    done = copied(connect, one, other, digest)
    assert done.referrers == 2
    assert has(other, TO, signature)
    assert has(other, TO, of_signature)
    # The target has no list of its own, so the tag of the specification is one.
    index = json.loads(other.state.manifests[TO, referrers_tag(digest)][1])
    listed = [(entry["digest"], entry["artifactType"]) for entry in index["manifests"]]
    assert listed == [(signature.manifest.digest, "application/vnd.acme.signature")]


def test_signatures_are_found_by_the_tag_of_the_specification_and_by_those_of_cosign(
    one: FakeRegistry, other: FakeRegistry, connect: Connect
) -> None:
    digest = put(one, FROM, IMAGE)
    signature, cosigned = make_artifact(IMAGE.manifest), make_artifact(None, "cosign")
    put(one, FROM, signature)
    put(one, FROM, cosigned, f"{referrers_tag(digest)}.sig")
    entry = descriptor(signature.manifest.body, signature.manifest.media_type)
    index = as_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]})
    put_manifest(one, FROM, index, referrers_tag(digest))
    other.state.lists_referrers = True
    assert copied(connect, one, other, digest).referrers == 2
    assert has(other, TO, signature)
    assert (TO, f"{referrers_tag(digest)}.sig") in other.state.manifests
    assert (TO, referrers_tag(digest)) not in other.state.manifests


def test_signatures_can_stay_behind_and_none_at_the_target_is_lost(
    one: FakeRegistry, other: FakeRegistry, connect: Connect
) -> None:
    digest, tag = put(one, FROM, IMAGE), f"{referrers_tag(IMAGE.manifest.digest)}.sig"
    put(one, FROM, make_artifact(None, "ours"), tag)
    assert copied(connect, one, other, digest, referrers=False).referrers == 0
    put(other, TO, make_artifact(None, "theirs"), tag)
    assert copied(connect, one, other, digest).referrers == 0
    assert b"theirs" in other.state.blobs[sha256(b"theirs")]
    assert other.state.manifests[TO, tag][1] == make_artifact(None, "theirs").manifest.body


def test_a_signature_that_is_broken_does_not_keep_the_image_back(
    one: FakeRegistry, other: FakeRegistry, connect: Connect
) -> None:
    digest, signature = put(one, FROM, IMAGE), make_artifact(IMAGE.manifest)
    put(one, FROM, signature)
    one.state.lists_referrers = True
    one.state.owned.discard((FROM, sha256(b"signed")))
    done = copied(connect, one, other, digest)
    assert has(other, TO, IMAGE)
    assert "no longer has a part of acme/web: the layer" in done.left_out[0]


def test_what_stops_a_copy_goes_through_and_it_goes_on_where_it_was(
    one: FakeRegistry, other: FakeRegistry, connect: Connect
) -> None:
    digest, looks = put(one, FROM, IMAGE), itertools.count()

    def check() -> None:
        if next(looks) > 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        copied(connect, one, other, digest, check=check)
    assert (TO, digest) not in other.state.manifests
    copied(connect, one, other, digest)
    assert has(other, TO, IMAGE)


def test_schema_1_is_refused_in_the_words_that_are_there(
    one: FakeRegistry, other: FakeRegistry, connect: Connect
) -> None:
    """2.8 makes it of every read that names too few media types; its digest is another one."""
    body = b'{"schemaVersion":1,"name":"old","tag":"1"}'
    old = Manifest(sha256(body), "application/vnd.docker.distribution.manifest.v1+prettyjws", body)
    with pytest.raises(RegistryError) as caught:
        copied(connect, one, other, put_manifest(one, FROM, old))
    assert "it is stored in Docker's schema 1 format, which ended in 2019" in caught.value.message
