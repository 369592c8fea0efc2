"""Point 8: the document of an image, of recorded manifests and odd ones; and its layers as the page lists them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from builds.core.image_document import add_base, add_provenance, image_document, image_for
from builds.core.image_rows import compared_configs, layers_shown, platform_of, settings_shown
from builds.core.metadata import read_metadata
from registry.core.manifest import Manifest, digest_of, parse_manifest
from tests.images import as_manifest
from tests.sample_image import CONFIG, described, documents, image_manifest, index_manifest

CONFIGURED = {"platform": "linux/amd64", "created": "", "author": "", "config": {}, "history": []}


def layer(name: str, size: int = 10, media_type: str = "application/vnd.oci.image.layer.v1.tar+gzip") -> dict:
    return {"mediaType": media_type, "digest": digest_of(name.encode()), "size": size}


def entry(words: str, *, empty: bool = False) -> dict:
    return {"words": words, "created": "", "comment": "", "empty": empty}


def document_of(manifest: Manifest, **config: object) -> dict:
    parsed = parse_manifest(manifest)
    return image_document(manifest, parsed, {}, {parsed.config.digest: CONFIGURED | config}, {})


def test_history_and_layers_are_joined_where_their_counts_agree_it_counts_no_empty_ones():
    history = [entry("ADD a /"), entry("ENV x", empty=True), entry("RUN b")]
    found = document_of(image_manifest([layer("a"), layer("b")], b"{}"), history=history)
    assert [row["layer"] for row in found["platforms"][0]["history"]] == [0, None, 1]
    assert found["platforms"][0]["sentences"] == []


@pytest.mark.parametrize("history", [[entry("ADD a /")], [entry(f"RUN {n}") for n in range(3)]])
def test_a_history_that_names_other_layers_it_says_that_nobody_knows(history):
    found = document_of(image_manifest([layer("a"), layer("b")], b"{}"), history=history)["platforms"][0]
    assert [row["words"] for row in found["history"]] == ["", ""]
    assert found["sentences"] == [
        f"Its history names {len(history)} layer{'s' * (len(history) > 1)} and it has 2: nobody knows which made which."
    ]


@pytest.mark.parametrize(
    ("configs", "sentence"),
    [
        ({}, "Its configuration cannot be shown: it is not in the registry any more."),
        ("it is not the JSON that it should be", "Its configuration cannot be shown: it is not the JSON"),
    ],
)
def test_a_configuration_that_is_missing_or_wrong_it_shows_the_layers_all_the_same(configs, sentence):
    manifest = image_manifest([layer("a")], b"{}")
    parsed = parse_manifest(manifest)
    known = {parsed.config.digest: configs} if configs else {}
    found = image_document(manifest, parsed, {}, known, {})["platforms"][0]
    assert found["sentences"][0].startswith(sentence)
    assert len(layers_shown(found).rows) == 1


def test_an_index_with_what_nobody_can_run_it_says_what_it_is():
    inner = as_manifest({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []})
    wasm = {"mediaType": "application/vnd.acme.thing", "digest": digest_of(b"x"), "size": 1}
    index = as_manifest(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [described(inner), wasm],
        }
    )
    found = image_document(index, parse_manifest(index), {}, {}, {})
    assert found["platforms"] == []
    assert found["sentences"] == [
        "It holds 1 more index, which few tools follow and this page does not.",
        "It holds what is no image: `application/vnd.acme.thing`.",
        "It holds no image that something could run.",
    ]


def test_a_platform_whose_manifest_is_gone_it_can_no_longer_be_pulled():
    index = index_manifest((image_manifest([layer("a")], b"{}"), "linux/amd64"))
    found = image_document(index, parse_manifest(index), {}, {}, {})
    assert "can no longer be pulled" in found["platforms"][0]["sentences"][0]
    assert found["platforms"][0]["size_bytes"] is None


def test_what_is_no_container_image_it_says_so():
    document = json.loads(image_manifest([layer("chart")], b"{}").body)
    document["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json"
    manifest = as_manifest(document)
    found = image_document(manifest, parse_manifest(manifest), {}, {}, {})
    assert found["kind"] == "artifact"
    assert found["sentences"][0].startswith("This is no container image but `application/vnd.cncf.helm.config")


def test_attestations_belong_to_their_image_it_does_not_show_them_as_platforms():
    found = documents()
    assert [platform["platform"] for platform in found["platforms"]] == ["linux/amd64", "linux/arm64"]
    assert [row["kind"] for row in found["platforms"][0]["statements"]] == ["provenance", "sbom"]
    assert found["platforms"][1]["statements"] == []


def test_recorded_manifests_of_buildkit_it_reads_them_all(corpora: Path):
    files = sorted((corpora / "registry" / "buildkit-compat-manifests").rglob("manifest.json"))
    assert len(files) > 30
    for path in files:
        body = path.read_bytes()
        media_type = json.loads(body).get("mediaType", "application/vnd.oci.image.manifest.v1+json")
        manifest = Manifest(digest_of(body), media_type, body)
        found = image_document(manifest, parse_manifest(manifest), {}, {}, {})
        assert found["kind"] in ("image", "index"), path
        assert found["platforms"] or found["sentences"], path


def test_recorded_provenance_tells_lines_and_base_layers(data: Path):
    metadata = json.loads((data / "rawjson" / "metadata" / "push.json").read_text())
    facts = read_metadata(metadata).platforms[0]
    layers = [layer(one.digest, one.size_bytes) | {"digest": one.digest} for one in facts.layers]
    found = document_of(image_manifest(layers, b"{}"))["platforms"][0]
    add_provenance(found, facts)
    assert found["base_layers"] == 1
    assert found["base"] == {"name": "busybox:local", "digest": facts.base_images[0].digest}
    assert [row["lines"][:1] for row in found["layers"][1:]] == [[3], [6], [7], [12], [13]]


def test_the_layers_of_a_base_image_it_takes_only_the_very_same_ones():
    found = documents()["platforms"][1]
    digests = [row["digest"] for row in found["layers"]]
    assert not add_base(found, ["sha256:other"], "x", "sha256:x")
    assert not add_base(found, [], "x", "sha256:x")
    assert not add_base(found, [*digests, "sha256:more"], "x", "sha256:x")
    assert add_base(found, digests[:2], "acme/base:1", "sha256:b")
    assert (found["base_layers"], found["base"]["name"]) == (2, "acme/base:1")


STEP = {"dockerfile_line": 9, "duration_s": 1.0, "cached": False}


def test_layers_find_their_steps_by_vertex_and_by_the_record():
    platform = documents()["platforms"][0]
    platform["layers"][1] |= {"vertex": "sha256:v", "lines": []}
    steps = [
        SimpleNamespace(index=4, name="[stage-1 2/3] COPY x /", vertex="sha256:v", **STEP),
        SimpleNamespace(index=5, name="[stage-1 3/3] RUN y", vertex="sha256:w", **STEP),
    ]
    recorded = [{"digest": platform["layers"][2]["digest"], "step": 5}]
    rows = [row for row in layers_shown(platform, steps, recorded).rows if row.number]
    assert [(row.step.index if row.step else None, row.line) for row in rows] == [(None, None), (4, 9), (5, 10)]
    assert [row.step_label for row in rows[1:]] == ["step 2 of 3", "step 3 of 3"]


def test_the_picture_fills_the_whole_it_shows_slivers_too():
    platform = documents()["platforms"][0]
    platform["layers"][2]["size_bytes"] = 1
    pieces = layers_shown(platform).pieces
    assert sum(piece.width for piece in pieces) == pytest.approx(1)
    assert pieces[2].width > 0.005
    assert pieces[2].left + pieces[2].width == pytest.approx(1)


@pytest.mark.parametrize(
    ("base", "sentence"),
    [
        (None, "3 layers, 99.0 MB. Which of them are the base image's is not known."),
        (0, "3 layers, 99.0 MB, none of them of a base image."),
        (2, "3 layers, 99.0 MB: 98.0 MB in 2 layers of the base image, 1.0 MB in 1 of its own."),
    ],
)
def test_the_picture_in_words_it_tells_the_base_apart(base, sentence):
    assert layers_shown(documents()["platforms"][0] | {"base_layers": base}).sentence == sentence


@pytest.mark.parametrize(
    ("media_type", "problem"),
    [
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "may not be passed on"),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar", "may not be passed on"),
        ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "is encrypted"),
        ("application/vnd.oci.image.layer.v1.tar+zstd", ""),
    ],
)
def test_layers_that_cannot_be_read_it_says_why(media_type, problem):
    platform = documents()["platforms"][0]
    platform["layers"][0]["media_type"] = media_type
    row = layers_shown(platform).rows[0]
    assert problem in row.problem
    assert bool(row.problem) == bool(problem)


def test_a_platform_is_chosen_by_name_it_prefers_amd64():
    found = documents()
    assert platform_of(found, "linux/arm64")["platform"] == "linux/arm64"
    assert platform_of(found, "windows/amd64")["platform"] == "linux/amd64"
    assert platform_of({"platforms": []}, "") is None


def test_an_index_is_asked_for_a_platform_it_takes_any_variant_of_it():
    index = parse_manifest(
        index_manifest((image_manifest([], b"a"), "linux/amd64"), (image_manifest([], b"b"), "linux/arm64"))
    )
    assert str(image_for(index, "linux/arm64").platform) == "linux/arm64"
    assert image_for(index, "linux/s390x") is None


def test_settings_of_two_images_are_compared_by_platform():
    before, after = documents(), copy.deepcopy(documents())
    after["platforms"][0]["config"]["user"] = "root"
    found = dict(compared_configs(before, after))
    assert [row.sentence for row in found["linux/amd64"]] == ["User changed from `app` to `root`."]
    assert found["linux/arm64"] == ()
    assert compared_configs({}, after) == []


def test_the_settings_tell_root_and_secrets():
    settings = settings_shown(documents()["platforms"][0]["config"])
    assert settings.secrets == ("NPM_TOKEN",)
    assert not settings.is_root
    assert CONFIG["config"]["User"] == settings.plain.user
