"""RegistryClient against a real CNCF Distribution 2.8."""

from __future__ import annotations

import httpx
import pytest

from registry.client import Deletion, Manifest, RegistryClient, RegistryError, RegistryErrorKind
from registry.core.manifest import OCI_INDEX
from tests.images import Pusher, as_manifest, make_image, make_index


def test_it_reads_back_what_was_pushed(real: RegistryClient, pusher: Pusher, repository: str) -> None:
    image = make_image()
    pusher.image(image, "1.0")
    assert real.manifest(repository, "1.0") == image.manifest
    assert real.manifest(repository, image.manifest.digest) == image.manifest
    assert real.head(repository, "1.0") == image.manifest.digest


def test_x02_it_gets_the_digest_of_the_index_itself(
    real: RegistryClient, pusher: Pusher, repository: str, registry_host: str
) -> None:
    """Field case X02: with fewer Accept types the registry answers 404, or another digest."""
    digest = pusher.index((make_image(), "linux/amd64"), tag="latest")
    url = f"http://{registry_host}/v2/{repository}/manifests/latest"
    bare = httpx.get(url, headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"}, trust_env=False)
    assert bare.headers.get("docker-content-digest") != digest
    assert real.manifest(repository, "latest").digest == digest
    assert real.head(repository, "latest") == digest


def test_x02_it_shows_one_platform_and_an_attestation(real: RegistryClient, pusher: Pusher, repository: str) -> None:
    """Field case X02: the platforms are linux/amd64 only, the attestation is a number."""
    image = make_image()
    digest = pusher.index((image, "linux/amd64"), tag="latest")
    facts = real.image_facts(repository, "latest")
    assert facts.digest == digest
    assert facts.media_type == OCI_INDEX
    assert [item.platform for item in facts.platforms] == ["linux/amd64"]
    assert facts.attestations == 1
    assert facts.size_bytes == sum(map(len, image.blobs.values()))
    assert facts.config.cmd == ("cat", "/app")


def test_it_describes_a_docker_image(real: RegistryClient, pusher: Pusher, repository: str) -> None:
    image = make_image(docker=True)
    pusher.image(image, "1")
    facts = real.image_facts(repository, "1")
    assert [item.platform for item in facts.platforms] == ["linux/amd64"]
    assert facts.size_bytes == sum(map(len, image.blobs.values()))


def test_it_puts_a_manifest_under_one_more_tag(real: RegistryClient, pusher: Pusher, repository: str) -> None:
    image = make_image()
    pusher.image(image, "build-1")
    assert real.put_manifest(repository, "latest", real.manifest(repository, "build-1")) == image.manifest.digest
    assert sorted(real.tags(repository)) == ["build-1", "latest"]


def test_x01_it_finds_no_tags_where_nothing_was_pushed_yet(real: RegistryClient, repository: str) -> None:
    """Field case X01: 404 NAME_UNKNOWN is no error."""
    assert list(real.tags(repository)) == []


def test_it_says_that_a_tag_is_not_there(real: RegistryClient, pusher: Pusher, repository: str) -> None:
    pusher.image(make_image(), "1.0")
    with pytest.raises(RegistryError) as caught:
        real.manifest(repository, "2.0")
    assert caught.value.kind is RegistryErrorKind.NOT_FOUND
    assert caught.value.message == f"{real.host} has no {repository}:2.0. It says: manifest unknown."
    assert real.find(repository, "2.0") is None
    assert real.head(repository, "2.0") is None


def test_it_says_that_a_part_of_an_image_is_gone(real: RegistryClient, repository: str) -> None:
    with pytest.raises(RegistryError) as caught:
        real.put_manifest(repository, "1.0", make_image().manifest)
    assert f"{real.host} refused the push of {repository}:1.0: it lacks a part" in caught.value.message
    assert not caught.value.retryable


def test_it_deletes_no_tag_where_that_would_take_others(real: RegistryClient, pusher: Pusher, repository: str) -> None:
    pusher.image(make_image(), "1.0")
    assert real.delete_tag(repository, "1.0") is Deletion.UNSUPPORTED
    assert list(real.tags(repository)) == ["1.0"]


def test_it_takes_away_one_tag_of_an_image_and_no_other(real: RegistryClient, pusher: Pusher, repository: str) -> None:
    image = make_image()
    pusher.image(image, "1.0")
    pusher.image(image, "latest")
    assert real.replace_and_delete_tag(repository, "latest") is Deletion.DELETED
    assert list(real.tags(repository)) == ["1.0"]
    assert real.manifest(repository, "1.0") == image.manifest
    assert real.replace_and_delete_tag(repository, "latest") is Deletion.ABSENT


def test_it_verifies_a_blob(real: RegistryClient, pusher: Pusher, repository: str) -> None:
    image = make_image()
    pusher.image(image, "1.0")
    for digest, body in image.blobs.items():
        assert real.blob(repository, digest) == body


def test_it_describes_an_image_whose_parts_are_gone(real: RegistryClient, pusher: Pusher, repository: str) -> None:
    amd, arm = make_image(), make_image(architecture="arm64")
    pusher.index((amd, "linux/amd64"), (arm, "linux/arm64"), tag="1.0", attested=False)
    httpx.delete(f"{pusher.base}/manifests/{amd.manifest.digest}", trust_env=False).raise_for_status()
    facts = real.image_facts(repository, "1.0")
    assert [(item.platform, item.size_bytes is None) for item in facts.platforms] == [
        ("linux/amd64", True),
        ("linux/arm64", False),
    ]
    assert facts.layers == ()


def test_it_says_that_a_registry_answers(real: RegistryClient) -> None:
    ping = real.ping()
    assert ping.seconds < 3
    assert ping.skew_s is not None and abs(ping.skew_s) < 5


@pytest.mark.parametrize(
    ("name", "reference"),
    [("../etc", "x"), ("Acme/web", "x"), ("acme/web", "a/../b"), ("acme/web", "x?y"), ("acme/web", ""), ("", "x")],
)
def test_it_puts_no_strange_name_into_an_address(real: RegistryClient, name: str, reference: str) -> None:
    with pytest.raises(RegistryError) as caught:
        real.manifest(name, reference)
    assert caught.value.kind is RegistryErrorKind.INVALID


def test_it_takes_a_manifest_that_no_type_hides(real: RegistryClient, pusher: Pusher, repository: str) -> None:
    image = make_image()
    pusher.image(image)
    index = make_index((image, "linux/amd64"), attested=False)
    made = as_manifest(index)
    assert real.put_manifest(repository, "1.0", Manifest(made.digest, OCI_INDEX, made.body)) == made.digest
