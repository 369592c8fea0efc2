"""Copies within and between real registries (Distribution 2.8): digests stay, and nothing is lost."""

from __future__ import annotations

import json
import os
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from imageyard.supervisor.ports import free_port
from imageyard.supervisor.registry import Registry
from registry.client import Place, RegistryClient, RegistryError, copy_image
from registry.core.manifest import OCI_INDEX, Manifest
from registry.core.referrers import referrers_tag
from tests.fake_registry import FakeRegistry
from tests.images import Pusher, as_manifest, descriptor, make_attestation, make_image, sha256
from tests.real_parts import running
from tests.registry.copying import make_artifact, put_manifest

IMAGES = [(make_image(arch, architecture=arch), f"linux/{arch}") for arch in ("amd64", "arm64")]


@pytest.fixture(scope="module")
def second_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another registry."""
    registry = Registry(Path(tmp_path_factory.mktemp("second")), f"127.0.0.1:{free_port()}")
    with running(registry):
        yield registry.host


@pytest.fixture
def target() -> str:
    return f"acme/to-{uuid.uuid4().hex[:12]}"


def test_an_index_is_mounted_within_a_registry(
    real: RegistryClient, pusher: Pusher, repository: str, target: str
) -> None:
    digest = pusher.index(*IMAGES, tag="1.0")
    done = copy_image(Place(real, repository), Place(real, target), digest)
    assert real.manifest(target, digest) == real.manifest(repository, digest)
    assert (done.sent_bytes, done.mounted) == (0, 7)
    for image, _ in IMAGES:
        for each in (image, make_attestation(image)):
            assert real.manifest(target, each.manifest.digest).body == each.manifest.body
            assert all(real.blob(target, blob) == body for blob, body in each.blobs.items())
    assert list(real.tags(target)) == []


def test_an_index_goes_to_another_registry_and_again_costs_nothing(
    real: RegistryClient,
    connect: Callable[..., RegistryClient],
    second_host: str,
    pusher: Pusher,
    repository: str,
    target: str,
) -> None:
    there, digest = connect(second_host), pusher.index(*IMAGES, tag="1.0")
    done = copy_image(Place(real, repository), Place(there, target), digest)
    assert there.manifest(target, digest) == real.manifest(repository, digest)
    assert there.image_facts(target, digest) == real.image_facts(repository, digest)
    assert done.sent_bytes == done.size_bytes > 0
    assert copy_image(Place(real, repository), Place(there, target), digest).sent_bytes == 0


def test_signatures_come_along_where_the_registry_lists_none(
    real: RegistryClient,
    connect: Callable[..., RegistryClient],
    second_host: str,
    pusher: Pusher,
    repository: str,
    target: str,
) -> None:
    """2.8 has no referrers API: both sides go by the tag `sha256-<hex>`."""
    there, image = connect(second_host), IMAGES[0][0]
    digest = pusher.image(image, "1.0")
    signature = make_artifact(image.manifest)
    pusher.image(signature)
    entry = descriptor(signature.manifest.body, signature.manifest.media_type)
    index = as_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]})
    pusher.manifest(index, referrers_tag(digest))
    done = copy_image(Place(real, repository), Place(there, target), digest)
    assert (done.referrers, done.left_out) == (1, ())
    assert there.manifest(target, signature.manifest.digest).body == signature.manifest.body
    assert list(there.tags(target)) == [referrers_tag(digest)]


def test_what_2_8_makes_of_a_read_without_accept_is_schema_1_and_no_image(
    real: RegistryClient, pusher: Pusher, repository: str
) -> None:
    """X02: it rewrites the manifest, under another digest; ours names all four types and gets the image itself."""
    image = make_image("docker", docker=True)
    digest = pusher.image(image, "1.0")
    plain = httpx.get(f"http://{real.host}/v2/{repository}/manifests/1.0", trust_env=False)
    assert plain.headers["content-type"] == "application/vnd.docker.distribution.manifest.v1+prettyjws"
    assert plain.headers["docker-content-digest"] != digest
    assert real.manifest(repository, "1.0").digest == real.head(repository, "1.0") == digest


def test_a_part_that_was_deleted_is_named(
    real: RegistryClient, pusher: Pusher, repository: str, target: str, registry_host: str
) -> None:
    digest = pusher.index(*IMAGES, tag="1.0", attested=False)
    gone = IMAGES[1][0].manifest.digest
    httpx.delete(f"http://{registry_host}/v2/{repository}/manifests/{gone}", trust_env=False).raise_for_status()
    with pytest.raises(RegistryError) as caught:
        copy_image(Place(real, repository), Place(real, target), digest)
    assert caught.value.message == (
        f"{registry_host} no longer has a part of {repository}: the image for linux/arm64 `{gone[7:19]}`. It was "
        "probably deleted there. Build or push that image again, and then promote it."
    )
    assert list(real.tags(target)) == []


def test_a_foreign_media_type_is_the_targets_to_refuse(
    real: RegistryClient, fake: FakeRegistry, connect: Callable[..., RegistryClient], target: str
) -> None:
    """X02: 2.8 takes images alone, and says so."""
    body = b'{"kind":"thing"}'
    thing = Manifest(sha256(body), "application/vnd.acme.thing+json", body)
    put_manifest(fake, "acme/web", thing)
    with pytest.raises(RegistryError) as caught:
        copy_image(Place(connect(fake.host), "acme/web"), Place(real, target), thing.digest)
    assert caught.value.message.startswith(
        f"{real.host} refused the push of {target}@{thing.digest} (400 Bad Request)."
    )
    assert "It says: manifest invalid" in caught.value.message
    assert not caught.value.retryable


def test_two_copies_at_once_and_the_deletion_of_the_source_leave_the_target_whole(
    real: RegistryClient, pusher: Pusher, repository: str, target: str, registry_host: str
) -> None:
    digest = pusher.index(*IMAGES, tag="1.0")
    places = Place(real, repository), Place(real, target)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(copy_image, *places, digest) for _ in range(2)]
        assert {one.result().manifest.digest for one in both} == {digest}
    httpx.delete(f"http://{registry_host}/v2/{repository}/manifests/{digest}", trust_env=False).raise_for_status()
    assert real.image_facts(target, digest).platforms[1].platform == "linux/arm64"
    for image, _ in IMAGES:
        assert all(real.blob(target, blob) == body for blob, body in image.blobs.items())


def test_a_copy_holds_a_few_pieces_of_a_blob_however_large_it_is(
    real: RegistryClient,
    connect: Callable[..., RegistryClient],
    second_host: str,
    pusher: Pusher,
    repository: str,
    target: str,
) -> None:
    big = os.urandom(48 * 1024 * 1024)
    image = make_artifact(None)
    layers = [descriptor(big, "application/vnd.oci.image.layer.v1.tar+zstd")]
    manifest = as_manifest({**json.loads(image.manifest.body), "layers": layers})
    pusher.blob(big)
    pusher.blob(b"{}")
    pusher.manifest(manifest)
    there = connect(second_host)
    tracemalloc.start()
    done = copy_image(Place(real, repository), Place(there, target), manifest.digest)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert done.sent_bytes == len(big) + 2
    assert most < 4 * 1024 * 1024
    assert there.manifest(target, manifest.digest).body == manifest.body
