"""registry.core.image: platforms, sizes, layers and configuration of an image."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from registry.core.image import ImageConfig, parse_config, summarise
from registry.core.manifest import ImageManifest, ManifestError, parse_manifest
from tests.images import Image, as_manifest, make_image, make_index, sha256


def config_of(image: Image) -> ImageConfig:
    parsed = parsed_image(image)
    return parse_config(image.blobs[parsed.config.digest])


def parsed_image(image: Image) -> ImageManifest:
    parsed = parse_manifest(image.manifest)
    assert isinstance(parsed, ImageManifest)
    return parsed


def test_it_describes_an_image_for_one_platform() -> None:
    image = make_image()
    facts = summarise(image.manifest, parsed_image(image), {}, config_of(image))
    assert [item.platform for item in facts.platforms] == ["linux/amd64"]
    assert facts.size_bytes == sum(map(len, image.blobs.values()))
    assert [item.created_by for item in facts.layers] == ["COPY base /", "COPY app /"]
    assert facts.created == datetime(2026, 11, 25, 12, 0, 0, 123456, tzinfo=UTC)
    assert facts.config.cmd == ("cat", "/app")
    assert facts.attestations == 0


def test_x02_it_counts_layers_that_platforms_share_once() -> None:
    """Field case X02: the size sums each layer once, and no attestation."""
    amd, arm = make_image(), make_image("arm", architecture="arm64")
    manifest = as_manifest(make_index((arm, "linux/arm64"), (amd, "linux/amd64")))
    images = {item.manifest.digest: parsed_image(item) for item in (amd, arm)}
    facts = summarise(manifest, parse_manifest(manifest), images, config_of(amd))
    assert facts.size_bytes == sum(map(len, (amd.blobs | arm.blobs).values()))
    assert facts.size_bytes < sum(item.size_bytes or 0 for item in facts.platforms)
    assert [item.platform for item in facts.platforms] == ["linux/arm64", "linux/amd64"]
    assert facts.digest == manifest.digest
    assert facts.attestations == 2
    assert facts.layers[1].digest == parsed_image(amd).layers[1].digest


def test_it_says_which_platform_is_not_in_the_registry() -> None:
    amd, arm = make_image(), make_image(architecture="arm64")
    manifest = as_manifest(make_index((amd, "linux/amd64"), (arm, "linux/arm64")))
    images = {amd.manifest.digest: parsed_image(amd)}
    facts = summarise(manifest, parse_manifest(manifest), images, config_of(amd))
    assert [item.size_bytes is None for item in facts.platforms] == [False, True]


def test_it_names_no_step_where_history_and_layers_do_not_match() -> None:
    image = make_image()
    config = parse_config(b'{"os":"linux","architecture":"amd64","history":[{"created_by":"COPY . ."}]}')
    facts = summarise(image.manifest, parsed_image(image), {}, config)
    assert [item.created_by for item in facts.layers] == ["", ""]


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'"text"'])
def test_it_refuses_what_is_no_configuration(body: bytes) -> None:
    with pytest.raises(ManifestError, match="its configuration is not"):
        parse_config(body)


def test_it_leaves_wrong_parts_of_a_configuration_out() -> None:
    body = b"""{"os": 7, "created": "yesterday", "history": {}, "config": {"Env": "PATH=/", "Cmd": ["a", 1],
        "Labels": {"a": 1, "b": "2"}, "ExposedPorts": {"80/tcp": {}}, "Volumes": [], "User": null}}"""
    assert parse_config(body) == ImageConfig(cmd=("a",), labels=(("b", "2"),), exposed_ports=("80/tcp",))


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", ""])
def test_it_takes_no_time_for_what_stands_for_none(text: str) -> None:
    assert parse_config(f'{{"created": "{text}"}}'.encode()).created is None


def test_it_reads_every_published_configuration(corpora: Path) -> None:
    files = sorted((corpora / "registry" / "buildkit-compat-manifests").rglob("config.json"))
    assert files
    for file in files:
        body = file.read_bytes()
        config = parse_config(body)
        assert str(config.platform) == "linux/amd64", file
        manifest = parse_manifest_beside(file)
        if manifest is not None and manifest.config.digest == sha256(body):
            assert len(config.created_by) == len(manifest.layers), file


def parse_manifest_beside(file: Path) -> ImageManifest | None:
    from registry.core.manifest import read_manifest

    other = file.with_name("manifest.json")
    parsed = parse_manifest(read_manifest(other.read_bytes(), "")) if other.exists() else None
    return parsed if isinstance(parsed, ImageManifest) else None
