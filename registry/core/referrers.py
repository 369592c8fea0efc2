"""What refers to an image without being part of it: signatures, SBOMs. Names and documents; no HTTP.

Two customs: a manifest names its `subject`, and where the registry does not list those itself, the tag `sha256-<hex>`
of the image does (OCI distribution-spec 1.1, "Referrers Tag Schema"); cosign has tags of its own, `sha256-<hex>.sig`.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from registry.core.copy_plan import CopyPlan, parts_of
from registry.core.manifest import INDEXES, MANIFESTS, OCI_INDEX, Descriptor, Manifest, digest_of, read_object

MOST_SUBJECTS = 50
MOST_REFERRERS = 200
_COSIGN = (".sig", ".att", ".sbom")


def referrers_tag(digest: str) -> str:
    """The tag under which an index lists what refers to `digest`; other algorithms than sha256 are cut to 64 digits."""
    algorithm, _, digits = digest.partition(":")
    return f"{algorithm[:32]}-{digits[:64]}"


def companion_tags(digest: str) -> tuple[str, ...]:
    """The tags under which cosign keeps what it says of `digest`."""
    return tuple(f"{referrers_tag(digest)}{end}" for end in _COSIGN)


def subjects_of(root: Manifest, plan: CopyPlan) -> list[str]:
    """The digests that somebody may have signed: the image, and in an index the image of each platform."""
    if root.media_type not in INDEXES:
        return [root.digest]
    children = [child for child in parts_of(root).manifests if not child.is_attestation]
    known = [child.digest for child in children if child.digest in plan.manifests]
    return [root.digest, *known][:MOST_SUBJECTS]


def subject_of(manifest: Manifest) -> str:
    """The digest that a manifest says it refers to; "" where it refers to none."""
    if manifest.media_type not in INDEXES | MANIFESTS:
        return ""
    subject = read_object(manifest.body).get("subject")
    digest = subject.get("digest") if isinstance(subject, dict) else ""
    return digest if isinstance(digest, str) else ""


def merged_index(there: Manifest | None, more: Iterable[Descriptor], raw: dict[str, Manifest]) -> Manifest | None:
    """The index for the tag, with `more` in it; None where it lists them all already. `raw` has their manifests."""
    document = read_object(there.body) if there is not None else {}
    entries = document.get("manifests")
    listed = list(entries) if isinstance(entries, list) else []
    known = {entry.get("digest") for entry in listed if isinstance(entry, dict)}
    new = [_entry(one, raw[one.digest]) for one in more if one.digest not in known and one.digest in raw]
    if not new:
        return None
    body = orjson.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*listed, *new]})
    return Manifest(digest_of(body), OCI_INDEX, body)


def _entry(descriptor: Descriptor, manifest: Manifest) -> dict[str, object]:
    """As the specification wants it: `artifactType` and annotations are those of the manifest."""
    document = read_object(manifest.body)
    config = document.get("config")
    kind = document.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else "")
    entry: dict[str, object] = {
        "mediaType": manifest.media_type,
        "digest": descriptor.digest,
        "size": len(manifest.body),
    }
    if kind:
        entry["artifactType"] = kind
    if isinstance(document.get("annotations"), dict):
        entry["annotations"] = document["annotations"]
    return entry


def holds_all_of(manifest: Manifest, other: Manifest) -> bool:
    """Whether `manifest` has every blob of `other`: then it may take its place, as signatures are only added."""
    there = {blob.digest for blob in parts_of(other).blobs if blob.what != "configuration"}
    return there <= {blob.digest for blob in parts_of(manifest).blobs}
