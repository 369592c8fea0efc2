"""Reading an image from the registry for its page: once at the end of a build, and for others when somebody asks."""

from __future__ import annotations

from typing import Any

import structlog

from builds.actions.image_looks import ask_packages
from builds.core.errors import BuildError, Skipped, Stopped
from builds.core.image_config import read_config
from builds.core.image_document import (
    MOST_PLATFORMS,
    Document,
    add_base,
    add_provenance,
    image_document,
    image_for,
    masked,
)
from builds.core.image_statement import Statement, read_provenance, read_statement
from builds.core.metadata import BuildFacts, read_metadata
from builds.pipeline.job import Job
from lib.storable import storable
from registry.client import RegistryClient, RegistryError
from registry.client import RegistryErrorKind as Kind
from registry.core.manifest import ImageIndex, ImageManifest, ManifestError, parse_manifest
from registry.core.patience import ONCE
from registry.core.reference import BadReferenceError, parse_reference
from registry.models import Registry
from registry.opening import open_client

log = structlog.get_logger(__name__)
READ_S = 10.0
"""For all of an image's manifests, configurations and provenances together."""
STATEMENT_BYTES = 16 * 1024 * 1024
_MOST_ATTESTATIONS = 40
_MOST_BASES = 5


def client_of(registry: Registry) -> RegistryClient:
    """A client that asks once: whoever reads for a page asks again later."""
    return open_client(registry, patience=ONCE)


def record_image(job: Job, ended: Stopped | BuildError | Skipped | None) -> dict[str, Any]:
    """A recorder: the image of a build that succeeded, as the registry has it now."""
    build = job.build
    if ended is not None or not build.digest:
        return {}
    registry = build.repository.registry
    try:
        with client_of(registry) as client:
            bounded = client.within(READ_S)
            document = read_image(bounded, build.repository.registry_path, build.digest)
            _add_facts(document, job.findings.facts)
            _add_bases(bounded, registry.host, document, build.base_images)
    except RegistryError as error:
        log.info("the image of a build was not kept", build=build.pk, reason=error.message)
        return {}  # it is read when somebody opens its page
    ask_packages(build.repository, document)
    return {"image": masked(document, job.logbook.redactor.text)}


def read_image(client: RegistryClient, repository: str, digest: str) -> Document:
    """Read `builds.core.image_document` of what `digest` names. Raises `RegistryError` with a sentence."""
    manifest = client.manifest(repository, digest)
    try:
        parsed = parse_manifest(manifest)
        images = _images(client, repository, parsed)
        attestations = _attestations(client, repository, parsed)
    except ManifestError as error:
        raise RegistryError(f"The image cannot be shown: {error}.", kind=Kind.INVALID) from error
    shown = [parsed] if isinstance(parsed, ImageManifest) else list(images.values())
    configs = {image.config.digest: _config(client, repository, image.config.digest) for image in shown}
    document = image_document(manifest, parsed, images, configs, attestations)
    for platform in document["platforms"]:
        _add_provenance(client, repository, platform)
    return document


def _images(client: RegistryClient, repository: str, parsed: ImageManifest | ImageIndex) -> dict[str, ImageManifest]:
    items = parsed.images[:MOST_PLATFORMS] if isinstance(parsed, ImageIndex) else ()
    return _manifests(client, repository, [item.digest for item in items])


def _attestations(
    client: RegistryClient, repository: str, parsed: ImageManifest | ImageIndex
) -> dict[str, ImageManifest]:
    items = parsed.manifests if isinstance(parsed, ImageIndex) else ()
    digests = [item.digest for item in items if item.is_attestation]
    return _manifests(client, repository, digests[:_MOST_ATTESTATIONS])


def _manifests(client: RegistryClient, repository: str, digests: list[str]) -> dict[str, ImageManifest]:
    """Those that the registry still has."""
    found = {}
    for digest in digests:
        manifest = client.find(repository, digest)
        parsed = parse_manifest(manifest) if manifest else None
        if isinstance(parsed, ImageManifest):
            found[digest] = parsed
    return found


def _config(client: RegistryClient, repository: str, digest: str) -> Document | str:
    """The configuration, or a clause why there is none."""
    try:
        return read_config(client.blob(repository, digest))
    except RegistryError as error:
        if error.kind is Kind.NOT_FOUND:
            return "it is not in the registry any more"
        if error.kind is Kind.INVALID:
            return "the registry does not give it as its manifest names it"
        raise
    except ValueError:
        return "it is not the JSON that it should be"


def _add_provenance(client: RegistryClient, repository: str, platform: Document) -> None:
    """What the attestation says of how the image was built. One that cannot be read is a sentence, no more."""
    named = next((row for row in platform["statements"] if row["kind"] == "provenance"), None)
    if named is None:
        return
    try:
        statement = statement_of(client, repository, named["digest"])
    except (RegistryError, ValueError) as error:
        why = str(error).rstrip(".")
        platform["sentences"].append(f"Its provenance cannot be shown: {storable(why)}.")
        return
    platform["provenance"] = read_provenance(statement)
    key = f"buildx.build.provenance/{platform['platform']}"
    for facts in read_metadata({key: statement.predicate}).platforms:
        add_provenance(platform, facts)


def statement_of(client: RegistryClient, repository: str, digest: str) -> Statement:
    """One attestation. Raises `RegistryError`, and ValueError with a clause."""
    return read_statement(client.blob(repository, digest, max_bytes=STATEMENT_BYTES))


def _add_facts(document: Document, facts: BuildFacts | None) -> None:
    """What buildx told of the build, where the image itself has no attestation."""
    for found in facts.platforms if facts else ():
        for platform in document["platforms"]:
            fits = found.platform == platform["platform"] or len(document["platforms"]) == 1
            if fits and platform["base_layers"] is None:
                add_provenance(platform, found)


def _add_bases(client: RegistryClient, host: str, document: Document, bases: list[dict[str, str]]) -> None:
    """Where no provenance tells: the base image's own layers, if it is in the same registry."""
    for platform in document["platforms"]:
        if platform["base_layers"] is not None:
            continue
        for base in bases[:_MOST_BASES]:
            try:
                layers = _layers_of(client, host, base, platform["platform"])
            except (RegistryError, ManifestError, BadReferenceError) as error:
                log.info("a base image was not read", base=base.get("name"), reason=str(error))
            else:
                add_base(platform, layers, base.get("name", ""), base.get("digest", ""))


def _layers_of(client: RegistryClient, host: str, base: dict[str, str], platform: str) -> list[str]:
    name = parse_reference(base.get("name", ""))
    if name.domain != host or not base.get("digest"):
        return []
    parsed = parse_manifest(client.manifest(name.path, base["digest"]))
    if isinstance(parsed, ImageIndex):
        item = image_for(parsed, platform)
        parsed = parse_manifest(client.manifest(name.path, item.digest)) if item else parsed
    return [layer.digest for layer in parsed.layers] if isinstance(parsed, ImageManifest) else []
