"""Point 8: a real image of two stages, and one of several platforms that was pushed by hand, as they are told."""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from builds.core.image_statement import PREDICATE
from tests.builds.core.tars import tar
from tests.images import Image, Pusher, as_manifest, descriptor, make_image, sha256
from tests.sample_image import PROVENANCE, SBOM, attestation_manifest, index_manifest, statement
from tests.yard import Linked, Yard

pytestmark = pytest.mark.timeout(300)
DOCKERFILE = """\
ARG BASE
FROM ${BASE} AS make
RUN : NONCE && head -c 300000 /dev/urandom > /big.bin && head -c 200000 /dev/urandom > /wasted.bin
FROM ${BASE}
COPY --from=make /big.bin /srv/big.bin
COPY --from=make /wasted.bin /srv/wasted.bin
RUN rm /srv/wasted.bin && echo NONCE > /srv/note.txt
ENV MODE=production API_TOKEN=abcdefgh
USER 1000:1000
EXPOSE 8080
HEALTHCHECK --interval=30s CMD ["true"]
ENTRYPOINT ["/bin/sh"]
"""


@pytest.fixture(scope="module")
def linked(yard: Yard) -> Linked:
    return yard.link("acme/pictured")


@pytest.fixture(scope="module")
def made(linked: Linked, base_image: str) -> dict[str, Any]:
    rules = [{"ref_type": "branch", "pattern": "main", "tags": ["latest"], "build_args": {"BASE": base_image}}]
    linked.yard.send("PUT", f"/repositories/{linked.path}/rules", rules)
    return linked.build({"Dockerfile": DOCKERFILE.replace("NONCE", uuid4().hex)}, timeout_s=120)


@pytest.fixture
def pusher(yard: Yard, linked: Linked) -> Iterator[Pusher]:
    found = Pusher(yard.registry, linked.path)
    yield found
    found.close()


def until(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a call answers once a worker has read it."""
    give_up = time.monotonic() + 60
    while (found := ask())["state"] not in ("ready", "failed"):
        assert time.monotonic() < give_up, found
        time.sleep(0.2)
    assert found["state"] == "ready", found
    return found


def image_of(yard: Yard, linked: Linked, digest: str, rest: str = "") -> dict[str, Any]:
    return until(lambda: yard.get(f"/repositories/{linked.path}/images/{digest}{rest}"))


def look(yard: Yard, linked: Linked, digest: str, kind: str, target: str = "") -> None:
    body = {"kind": kind, "digest": target}
    yard.send("POST", f"/repositories/{linked.path}/images/{digest}/looks", body, status=202)


def test_the_image_of_two_stages_is_joined_with_lines_and_steps_it_knows_the_base(yard, linked, made, base_image):
    assert made["state"] == "succeeded", made["error"]
    found = image_of(yard, linked, made["digest"])
    assert found["build"] == made["number"]
    platform = found["platforms"][0]
    assert platform["base"]["name"] == base_image
    layers = [row for row in platform["history"] if row["digest"]]
    assert [row["is_base"] for row in layers] == [True, False, False, False]
    assert [row["line"] for row in layers] == [None, 5, 6, 7]
    assert [row["made_by"].partition(" ")[0] for row in layers[1:]] == ["COPY", "COPY", "RUN"]
    steps = {step["index"]: step["name"] for step in made["steps"]}
    assert all(row["made_by"].split()[-1] in steps[row["step"]] for row in layers[1:])
    assert layers[1]["size_bytes"] > 290_000
    config = {item["name"]: item["value"] for item in platform["config"]["env"]}
    assert (config["MODE"], config["API_TOKEN"], platform["config"]["user"]) == ("production", None, "1000:1000")
    assert platform["provenance"]["is_full"]
    assert platform["provenance"]["materials"][0]["name"] == base_image


def test_an_image_for_several_platforms_knows_its_lines_from_the_attestations(yard, linked, made):
    """buildx tells no provenance of such a build; what the registry has beside each image does."""
    rules = [{"ref_type": "branch", "pattern": "main", "tags": ["latest"], "platforms": ["linux/amd64", "linux/arm64"]}]
    several = yard.link("acme/pictured-twice", rules=rules)
    build = several.build({"Dockerfile": "FROM scratch\nLABEL a=b\nCOPY Dockerfile /\n"}, timeout_s=120)
    assert build["state"] == "succeeded", build["error"]
    found = image_of(yard, several, build["digest"])
    assert sorted(platform["platform"] for platform in found["platforms"]) == ["linux/amd64", "linux/arm64"]
    steps = {step["index"]: step["name"] for step in build["steps"]}
    for platform in found["platforms"]:
        layers = [row for row in platform["history"] if row["digest"]]
        assert [(row["line"], row["made_by"], row["is_base"]) for row in layers] == [(3, "COPY Dockerfile /", False)]
        assert steps[layers[0]["step"]].endswith("COPY Dockerfile /")  # the very same operation for both platforms
        assert platform["base_layers"] == 0
        assert platform["config"]["platform"] == platform["platform"]


def test_what_is_carried_in_vain_and_the_files_of_every_layer_are_read_once(yard, linked, made):
    digest = made["digest"]
    platform = image_of(yard, linked, digest)["platforms"][0]
    look(yard, linked, digest, "waste", platform["digest"])
    until(lambda: {"state": "ready"} if image_of(yard, linked, digest)["platforms"][0]["waste"] else {"state": "asked"})
    waste = image_of(yard, linked, digest)["platforms"][0]["waste"]
    assert [(file["path"], file["size_bytes"], file["how"]) for file in waste["files"]] == [
        ("srv/wasted.bin", 200_000, "removed")
    ]
    layers = [row["digest"] for row in platform["history"] if row["digest"]]
    files = image_of(yard, linked, digest, f"/layers/{layers[1]}")
    assert [(file["path"], file["size_bytes"]) for file in files["files"] if file["kind"] == "file"] == [
        ("srv/big.bin", 300_000)
    ]
    removed = image_of(yard, linked, digest, f"/layers/{layers[3]}")
    assert ("srv/wasted.bin", "removed") in [(file["path"], file["kind"]) for file in removed["files"]]


def test_an_index_pushed_by_hand_is_read_with_its_platforms_and_packages(yard, linked, made, pusher):
    first, second = make_image("amd"), make_image("arm", architecture="arm64")
    for image in (first, second):
        pusher.image(image)
    attested = attestation_manifest(PROVENANCE, SBOM)
    for body in (b"{}", statement(PROVENANCE), statement(SBOM)):
        pusher.blob(body)
    pusher.manifest(attested)
    manifests = ((first.manifest, "linux/amd64"), (second.manifest, "linux/arm64"))
    digest = pusher.manifest(index_manifest(*manifests, attested=(first.manifest, attested)), "by-hand")
    assert yard.get(f"/repositories/{linked.path}/images/{digest}")["state"] == "unknown"
    look(yard, linked, digest, "image")
    found = image_of(yard, linked, digest)
    assert [platform["platform"] for platform in found["platforms"]] == ["linux/amd64", "linux/arm64"]
    assert found["platforms"][0]["provenance"]["builder"] == "https://builders.acme.example/1"
    packages = image_of(yard, linked, digest, f"/packages/{sha256(statement(SBOM))}?q=ssl")
    assert [row["name"] for row in packages["packages"]] == ["libssl3"]
    assert PREDICATE == "in-toto.io/predicate-type"


def test_a_layer_that_leads_out_of_the_image_is_told_in_a_sentence(yard, linked, pusher):
    layer = gzip.compress(tar(("../../etc/passwd", 10), ("/abs", 3)), mtime=0)
    digest = pusher.image(hostile(layer), "hostile")
    look(yard, linked, digest, "image")
    image_of(yard, linked, digest)
    look(yard, linked, digest, "files", sha256(layer))
    files = image_of(yard, linked, digest, f"/layers/{sha256(layer)}")
    assert [note.partition(":")[0] for note in files["notes"]] == [
        "1 entry leads out of the image by `..`",
        "1 entry has an absolute name",
    ]


def hostile(layer: bytes) -> Image:
    config = json.dumps({"os": "linux", "architecture": "amd64", "history": [{"created_by": "COPY x /"}]}).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
        "layers": [descriptor(layer, "application/vnd.oci.image.layer.v1.tar+gzip")],
    }
    return Image(as_manifest(manifest), {sha256(config): config, sha256(layer): layer})


def test_an_image_that_the_registry_has_not_is_a_sentence(yard, linked, made):
    digest = sha256(uuid4().bytes)
    look(yard, linked, digest, "image")
    give_up = time.monotonic() + 30
    while (found := yard.get(f"/repositories/{linked.path}/images/{digest}"))["state"] != "failed":
        assert time.monotonic() < give_up, found
        time.sleep(0.2)
    assert re.search(r"has no|is not there|not found|does not have", found["sentence"]), found["sentence"]


def test_the_json_behind_an_image_is_downloaded_as_the_registry_has_it(yard, linked, made):
    platform = image_of(yard, linked, made["digest"])["platforms"][0]
    raw = f"/repositories/{linked.path}/images/{made['digest']}/raw"
    for digest in (made["digest"], platform["digest"], platform["statements"][0]["digest"]):
        assert sha256(yard.client.get(f"{raw}/{digest}").content) == digest
    assert yard.client.get(f"{raw}/{sha256(b'other')}").status_code == 404
