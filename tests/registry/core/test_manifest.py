"""registry.core.manifest: what may be a manifest, and what stands in one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.core.manifest import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    ImageIndex,
    ImageManifest,
    Manifest,
    ManifestError,
    digest_of,
    parse_manifest,
    read_manifest,
    stand_in,
)
from tests.images import as_manifest, make_image, make_index

IMAGE = make_image()
DIGEST = "sha256:" + "1" * 64


def document(**changes: object) -> bytes:
    return json.dumps({**json.loads(IMAGE.manifest.body), **changes}).encode()


def test_x02_it_hides_the_attestation_of_a_recorded_index(data: Path) -> None:
    """Field case X02: an index that BuildKit made holds an attestation as an image for unknown/unknown."""
    body = (data / "registry" / "oci-index-with-attestation.json").read_bytes()
    index = parse_manifest(read_manifest(body, OCI_INDEX, digest_of(body)))
    assert isinstance(index, ImageIndex)
    assert [str(item.platform) for item in index.images] == ["linux/amd64"]
    assert index.attestations == 1


@pytest.mark.parametrize("media_type", [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST])
def test_it_reads_all_four_types(media_type: str) -> None:
    docker = "docker" in media_type
    image = make_image(docker=docker)
    is_index = media_type in {OCI_INDEX, DOCKER_LIST}
    made = as_manifest(make_index((image, "linux/arm/v7"), docker=docker)) if is_index else image.manifest
    read = read_manifest(made.body, media_type, made.digest)
    assert read == made
    assert isinstance(parse_manifest(read), ImageIndex if is_index else ImageManifest)


def test_it_takes_the_type_from_the_header_where_the_document_has_none() -> None:
    body = document(mediaType=None)
    assert read_manifest(body, f"{DOCKER_MANIFEST}; charset=utf-8").media_type == DOCKER_MANIFEST


@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain"])
def test_it_takes_the_type_from_the_shape_where_the_header_says_nothing(content_type: str) -> None:
    assert read_manifest(document(mediaType=None), content_type).media_type == OCI_MANIFEST


def test_it_computes_the_digest_where_the_registry_names_none() -> None:
    assert read_manifest(IMAGE.manifest.body, OCI_MANIFEST).digest == IMAGE.manifest.digest


def test_it_verifies_a_sha512_digest() -> None:
    digest = digest_of(IMAGE.manifest.body, "sha512:")
    assert read_manifest(IMAGE.manifest.body, OCI_MANIFEST, digest).digest == digest


@pytest.mark.parametrize(
    ("body", "content_type", "digest", "asked", "sentence"),
    [
        (b"<html>", "text/html", "", "", "its manifest is not JSON"),
        (b"[]", OCI_MANIFEST, "", "", "its manifest is not a JSON object"),
        (b"[" * 100_000, OCI_MANIFEST, "", "", "its manifest is not JSON"),
        (b'{"schemaVersion":1}', "application/json", "", "", "schema 1 format"),
        (b"{}", "application/vnd.docker.distribution.manifest.v1+prettyjws", "", "", "schema 1 format"),
        (document(manifests=[]), OCI_INDEX, "", "", "an image and an index at once"),
        (document(), DOCKER_MANIFEST, "", "", "not one of a container image"),
        (document(mediaType="application/vnd.acme.thing"), OCI_MANIFEST, "", "", "'application/vnd.acme.thing'"),
        (document(mediaType=["x"]), OCI_MANIFEST, "", "", "not one of a container image"),
        (document(), OCI_MANIFEST, DIGEST, "", "does not have the digest"),
        (document(), OCI_MANIFEST, "sha256:short", "", "does not have the digest"),
        (document(), OCI_MANIFEST, "", DIGEST, "does not have the digest"),
    ],
)
def test_it_refuses_what_is_no_usable_manifest(
    body: bytes, content_type: str, digest: str, asked: str, sentence: str
) -> None:
    with pytest.raises(ManifestError, match=sentence):
        read_manifest(body, content_type, digest, asked)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"layers": None}, "has no list of layers"),
        ({"layers": [7]}, "points to nothing"),
        ({"config": None}, "points to nothing"),
        ({"layers": [{"digest": "sha256:zz", "size": 1}]}, "without a usable digest"),
        ({"layers": [{"digest": "../../etc/passwd", "size": 1}]}, "without a usable digest"),
        ({"layers": [{"digest": DIGEST, "size": -1}]}, "without a size"),
        ({"layers": [{"digest": DIGEST, "size": True}]}, "without a size"),
        ({"layers": [{"digest": DIGEST, "size": 2**63}]}, "without a size"),
        ({"layers": [{"digest": DIGEST, "size": "1"}]}, "without a size"),
    ],
)
def test_it_refuses_a_manifest_that_points_to_nothing(changes: dict, sentence: str) -> None:
    with pytest.raises(ManifestError, match=sentence):
        parse_manifest(Manifest(DIGEST, OCI_MANIFEST, document(**changes)))


def test_it_leaves_nested_indexes_and_unknown_platforms_out_of_the_images() -> None:
    index = make_index((IMAGE, "linux/amd64"), (make_image("two"), "unknown/unknown"), attested=False)
    index["manifests"].append({"mediaType": OCI_INDEX, "digest": DIGEST, "size": 3})
    parsed = parse_manifest(as_manifest(index))
    assert isinstance(parsed, ImageIndex)
    assert [item.digest for item in parsed.images] == [IMAGE.manifest.digest]


def test_it_tells_a_chart_from_an_image() -> None:
    body = document(config={"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": DIGEST, "size": 2})
    parsed = parse_manifest(read_manifest(body, OCI_MANIFEST))
    assert isinstance(parsed, ImageManifest)
    assert parsed.artifact_type == "application/vnd.cncf.helm.config.v1+json"


def test_it_makes_a_stand_in_with_the_same_content_and_another_digest() -> None:
    made = stand_in(IMAGE.manifest, "mark")
    assert made.digest not in {IMAGE.manifest.digest, stand_in(IMAGE.manifest, "other").digest}
    assert parse_manifest(made) == parse_manifest(IMAGE.manifest)


def test_it_reads_every_published_manifest(corpora: Path) -> None:
    files = sorted((corpora / "registry" / "buildkit-compat-manifests").rglob("manifest.json"))
    assert files
    for file in files:
        parsed = parse_manifest(read_manifest(file.read_bytes(), "application/json"))
        assert isinstance(parsed, ImageManifest), file
        assert parsed.layers, file
        assert not parsed.artifact_type, file
