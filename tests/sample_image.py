"""The image of a build as its record and the looks at it keep it: rows for pages, by the functions that read one."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import orjson

from builds.actions.image_looks import pack
from builds.core.image_config import read_config
from builds.core.image_document import add_base, image_document
from builds.core.image_statement import read_packages, read_provenance, read_statement
from builds.core.image_waste import waste_of
from builds.core.layer_files import read_layer
from builds.models import Build, BuildRecord, ImageLook
from registry.core.manifest import ImageIndex, ImageManifest, Manifest, parse_manifest
from registry.models import Repository
from tests.builds.core.tars import pieces, tar
from tests.images import OCI_CONFIG, OCI_LAYER, as_manifest, sha256

MB = 1_000_000
IN_TOTO = "application/vnd.in-toto+json"
HISTORY = [
    ("# debian.sh --arch 'amd64' out/ 'bookworm'", False),
    ('/bin/sh -c #(nop)  CMD ["bash"]', True),
    ("COPY /app/dist /srv # buildkit", False),
    ("ENV MODE=production", True),
    ("RUN /bin/sh -c useradd app && rm -rf /srv/cache # buildkit", False),
    ("USER app", True),
    ("EXPOSE map[8080/tcp:{}]", True),
    ('ENTRYPOINT ["/srv/serve"]', True),
]
SIZES = (48 * MB, 50 * MB, 1 * MB)
CONTENTS = (
    tar(("bin/", 0), ("usr/bin/perl", 3_700_000), ("usr/lib/libc.so.6", 1_900_000), ("etc/passwd", 900)),
    tar(
        ("srv/serve", 4_200_000), ("srv/cache/big.bin", 1_300_000), *((f"srv/www/{n}.html", n * 90) for n in range(60))
    ),
    tar(("etc/passwd", 930), ("srv/.wh.cache", 0)),
)
CONFIG: dict[str, Any] = {
    "os": "linux",
    "architecture": "amd64",
    "created": "2026-11-25T09:00:00Z",
    "config": {
        "User": "app",
        "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "MODE=production", "NPM_TOKEN=npm-secret-value"],
        "Entrypoint": ["/srv/serve"],
        "Cmd": ["--listen", "0.0.0.0:8080"],
        "WorkingDir": "/srv",
        "ExposedPorts": {"8080/tcp": {}},
        "Volumes": {"/data": {}},
        "StopSignal": "SIGINT",
        "Healthcheck": {"Test": ["CMD-SHELL", "curl -f localhost:8080"], "Interval": 30_000_000_000, "Retries": 3},
        "OnBuild": ["COPY . /srv"],
        "Labels": {"org.opencontainers.image.source": "https://github.com/acme/site", "org.acme.team": "web"},
    },
    "history": [{"created": "2026-11-25T09:00:00Z", "created_by": by, "empty_layer": empty} for by, empty in HISTORY],
}
PROVENANCE = {
    "_type": "https://in-toto.io/Statement/v0.1",
    "predicateType": "https://slsa.dev/provenance/v1",
    "subject": [{"name": "_", "digest": {"sha256": "c" * 64}}],
    "predicate": {
        "buildDefinition": {
            "buildType": "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
            "externalParameters": {
                "configSource": {"path": "Dockerfile"},
                "request": {"frontend": "dockerfile.v0", "args": {"build-arg:VERSION": "2", "build-arg:API_KEY": "k1"}},
            },
            "internalParameters": {"builderPlatform": "linux/amd64"},
            "resolvedDependencies": [
                {"uri": "pkg:docker/debian@12?platform=linux%2Famd64", "digest": {"sha256": "a" * 64}}
            ],
        },
        "runDetails": {
            "builder": {"id": "https://builders.acme.example/1"},
            "metadata": {"startedOn": "2026-11-25T08:58:48Z", "finishedOn": "2026-11-25T09:00:00Z"},
        },
    },
}
SBOM = {
    "_type": "https://in-toto.io/Statement/v0.1",
    "predicateType": "https://spdx.dev/Document",
    "subject": [],
    "predicate": {
        "spdxVersion": "SPDX-2.3",
        "packages": [
            {
                "name": f"lib{name}",
                "versionInfo": f"1.{place}-2",
                "licenseDeclared": ["MIT", "GPL-2.0-or-later", "NOASSERTION"][place % 3],
                "externalRefs": [
                    {"referenceType": "purl", "referenceLocator": f"pkg:deb/debian/lib{name}@1.{place}-2"}
                ],
            }
            for place, name in enumerate(
                ["acl", "bz2", "c6", "db5", "ffi8", "gcc-s1", "idn2", "lzma5", "ssl3", "zstd1"]
            )
        ],
    },
}


def statement(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def image_manifest(layers: list[dict[str, Any]], config: bytes) -> Manifest:
    document = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": OCI_CONFIG, "digest": sha256(config), "size": len(config)},
        "layers": layers,
    }
    return as_manifest(document)


def attestation_manifest(*documents: dict[str, Any]) -> Manifest:
    layers = [
        {
            "mediaType": IN_TOTO,
            "digest": sha256(statement(document)),
            "size": len(statement(document)),
            "annotations": {"in-toto.io/predicate-type": document["predicateType"]},
        }
        for document in documents
    ]
    return image_manifest(layers, b"{}")


def index_manifest(*images: tuple[Manifest, str], attested: tuple[Manifest, Manifest] | None = None) -> Manifest:
    """An index; `attested` is an image's manifest and that of its attestations."""
    entries = []
    for manifest, platform in images:
        os, architecture = platform.split("/")
        entries.append(described(manifest) | {"platform": {"os": os, "architecture": architecture}})
    if attested:
        notes = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": attested[0].digest}
        unknown = {"os": "unknown", "architecture": "unknown"}
        entries.append(described(attested[1]) | {"platform": unknown, "annotations": notes})
    return as_manifest(
        {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries}
    )


def described(manifest: Manifest) -> dict[str, Any]:
    return {"mediaType": manifest.media_type, "digest": manifest.digest, "size": len(manifest.body)}


def documents() -> dict[str, Any]:
    """A copy, to be changed, of what is made once."""
    copy: dict[str, Any] = orjson.loads(_documents())
    return copy


@cache
def _documents() -> bytes:
    """An index of two platforms, the first of them attested, as it is read from a registry."""
    contents = [sha256(body) for body in CONTENTS]
    layers = [
        {"mediaType": OCI_LAYER, "digest": digest, "size": size} for digest, size in zip(contents, SIZES, strict=True)
    ]
    config, other = json.dumps(CONFIG).encode(), json.dumps(CONFIG | {"architecture": "arm64"}).encode()
    one, two = image_manifest(layers, config), image_manifest(layers, other)
    attestation = attestation_manifest(PROVENANCE, SBOM)
    index = index_manifest((one, "linux/amd64"), (two, "linux/arm64"), attested=(one, attestation))
    parsed = parse_manifest(index)
    assert isinstance(parsed, ImageIndex)
    document = image_document(
        index,
        parsed,
        {manifest.digest: _image(manifest) for manifest in (one, two)},
        {sha256(config): read_config(config), sha256(other): read_config(other)},
        {attestation.digest: _image(attestation)},
    )
    first = document["platforms"][0]
    first["provenance"] = read_provenance(read_statement(statement(PROVENANCE)))
    add_base(first, contents[:1], "debian:12", f"sha256:{'a' * 64}")
    first["layers"][1]["lines"], first["layers"][2]["lines"] = [9], [10]
    return orjson.dumps(document)


def _image(manifest: Manifest) -> ImageManifest:
    parsed = parse_manifest(manifest)
    assert isinstance(parsed, ImageManifest)
    return parsed


def add_image(build: Build) -> dict[str, Any]:
    """The build made this image, and people have looked into its layers and packages."""
    document = documents()
    rows = [
        {"digest": layer["digest"], "size_bytes": layer["size_bytes"], "step": step}
        for layer, step in zip(document["platforms"][0]["layers"], (2, 8, 9), strict=True)
    ]
    Build.objects.filter(pk=build.pk).update(digest=document["digest"], size_bytes=sum(SIZES))
    BuildRecord.objects.update_or_create(
        build=build,
        defaults={
            "attempt": build.attempt,
            "image": document,
            "platforms": [{"platform": "linux/amd64", "layers": rows, "base_layers": 1}],
        },
    )
    build.refresh_from_db()
    add_looks(build.repository, document)
    return document


def add_looks(repository: Repository, document: dict[str, Any]) -> None:
    layers = [read_layer(pieces(body, 65536)) for body in CONTENTS]
    for body, files in zip(CONTENTS, layers, strict=True):
        facts = {"files": len(files.files), "removed": 0, "size_bytes": files.size_bytes, "is_whole": True}
        _look(repository, "files", sha256(body), facts, pack(orjson.dumps(files.document)))
    _look(repository, "waste", document["platforms"][0]["digest"], waste_of(layers).document)
    packages = read_packages(read_statement(statement(SBOM)))
    _look(repository, "packages", sha256(statement(SBOM)), {"packages": 10}, pack(orjson.dumps(packages)))


def _look(repository: Repository, kind: str, digest: str, facts: dict[str, Any], data: bytes = b"") -> None:
    ImageLook.objects.create(repository=repository, kind=kind, digest=digest, state="ready", facts=facts, data=data)
