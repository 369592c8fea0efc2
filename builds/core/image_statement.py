"""What an attestation says of an image: how it was built (SLSA provenance) and what is in it (SBOM). Verifies nothing.

Formats: in-toto Statement 0.1 and 1, bare or in a DSSE envelope; SLSA provenance 0.2 and 1 as BuildKit writes it
(BuildKit docs/attestations/slsa-definitions.md); SPDX 2.3 JSON; CycloneDX 1.x JSON. Whoever may push may write
anything here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from builds.core.json_values import blob, dicts, table, text
from builds.core.metadata_steps import read_image_purl

IN_TOTO = "application/vnd.in-toto+json"
PREDICATE = "in-toto.io/predicate-type"
"""Annotation of the layer that holds a statement."""
MOST_PACKAGES = 50_000
MOST_ROWS = 200
MOST_TEXT = 2_000
_ENVELOPE = "application/vnd.in-toto+json"
_PURL_KIND = re.compile(r"pkg:(?P<kind>[A-Za-z0-9.+-]{1,40})/")


@dataclass(frozen=True, slots=True)
class Statement:
    """An in-toto statement: what kind of thing it says, of which digests, and what."""

    predicate_type: str
    subjects: tuple[str, ...]
    predicate: dict[str, Any]


def kind_of(predicate_type: str) -> str:
    """`provenance`, `sbom`, or "" for any other kind."""
    if predicate_type.startswith("https://slsa.dev/provenance/"):
        return "provenance"
    return "sbom" if predicate_type.startswith(("https://spdx.dev/Document", "https://cyclonedx.org/bom")) else ""


def read_statement(body: bytes) -> Statement:
    """Read one statement. Raises ValueError with a clause where it is none."""
    document = _object(body)
    if text(document.get("payloadType")) == _ENVELOPE:
        document = _object(blob(document.get("payload")))
    if not text(document.get("_type")).startswith("https://in-toto.io/Statement/"):
        raise ValueError("it is not an in-toto statement")
    subjects = (text(table(item.get("digest")).get("sha256")) for item in dicts(document.get("subject")))
    return Statement(
        text(document.get("predicateType")),
        tuple(f"sha256:{digest}" for digest in subjects if digest),
        table(document.get("predicate")),
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except ValueError as error:
        raise ValueError("it is not JSON") from error
    if not isinstance(document, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 — the same kind of wrong as a syntax error
    return document


def read_provenance(statement: Statement) -> dict[str, Any]:
    """What people ask of a provenance, as a document of texts.

    `{version, builder, build_type, frontend, started, finished, source, revision, entry_point, platform, arguments:
    [[name, value]], materials: [{name, uri, digest, platform}], is_full}`; `is_full` where it holds the steps too.
    """
    predicate = statement.predicate
    is_new = "buildDefinition" in predicate
    found = _version_1(predicate) if is_new else _version_02(predicate)
    found["version"] = statement.predicate_type.rpartition("/v")[2][:10]
    return found


def _version_02(predicate: dict[str, Any]) -> dict[str, Any]:
    invocation = table(predicate.get("invocation"))
    source, parameters = table(invocation.get("configSource")), table(invocation.get("parameters"))
    metadata = table(predicate.get("metadata"))
    kit = table(metadata.get("https://mobyproject.org/buildkit@v1#metadata"))
    return {
        "builder": _cut(table(predicate.get("builder")).get("id")),
        "build_type": _cut(predicate.get("buildType")),
        "frontend": _cut(parameters.get("frontend")),
        "started": _cut(metadata.get("buildStartedOn"))[:40],
        "finished": _cut(metadata.get("buildFinishedOn"))[:40],
        **_source(source, kit),
        "entry_point": _cut(source.get("entryPoint")),
        "platform": _cut(table(invocation.get("environment")).get("platform")),
        "arguments": _arguments(parameters),
        "materials": _materials(dicts(predicate.get("materials"))),
        "is_full": bool(table(predicate.get("buildConfig"))),
    }


def _version_1(predicate: dict[str, Any]) -> dict[str, Any]:
    definition, run = table(predicate.get("buildDefinition")), table(predicate.get("runDetails"))
    external, internal = table(definition.get("externalParameters")), table(definition.get("internalParameters"))
    source, request = table(external.get("configSource")), table(external.get("request"))
    metadata = table(run.get("metadata"))
    return {
        "builder": _cut(table(run.get("builder")).get("id")),
        "build_type": _cut(definition.get("buildType")),
        "frontend": _cut(request.get("frontend")),
        "started": _cut(metadata.get("startedOn"))[:40],
        "finished": _cut(metadata.get("finishedOn"))[:40],
        **_source(source, table(metadata.get("buildkit_metadata"))),
        "entry_point": _cut(source.get("path")),
        "platform": _cut(internal.get("builderPlatform")),
        "arguments": _arguments(request),
        "materials": _materials(dicts(definition.get("resolvedDependencies"))),
        "is_full": bool(table(internal.get("buildConfig"))),
    }


def _source(source: dict[str, Any], kit: dict[str, Any]) -> dict[str, str]:
    """Where the code came from: what the builder fetched itself, else what the client said of its own folder."""
    digests, vcs = table(source.get("digest")), table(kit.get("vcs"))
    revision = next((text(digests[key]) for key in ("sha1", "gitCommit", "sha256") if key in digests), "")
    return {
        "source": _cut(source.get("uri")) or _cut(vcs.get("source")),
        "revision": revision[:128] or _cut(vcs.get("revision"))[:128],
    }


def _arguments(request: dict[str, Any]) -> list[list[str]]:
    pairs = sorted(table(request.get("args")).items())
    return [[text(name)[:200], _cut(value)] for name, value in pairs if isinstance(value, str)][:MOST_ROWS]


def _materials(rows: Iterable[dict[str, Any]]) -> list[dict[str, str]]:
    found = []
    for row in list(rows)[:MOST_ROWS]:
        uri = _cut(row.get("uri"))
        name, platform = read_image_purl(uri)
        digests = table(row.get("digest"))
        algorithm = next((key for key in ("sha256", "sha512", "sha1") if key in digests), "")
        digest = f"{algorithm}:{text(digests[algorithm])}"[:140] if algorithm else ""
        found.append({"name": name or uri, "uri": uri, "digest": digest, "platform": platform})
    return found


def read_packages(statement: Statement) -> list[list[str]]:
    """The packages of an SBOM by name, `[name, version, kind, licence, purl]` each; [] where it names none."""
    rows = _spdx(statement.predicate) if "packages" in statement.predicate else _cyclonedx(statement.predicate)
    unique = {tuple(row): None for row, _ in zip(rows, range(MOST_PACKAGES), strict=False)}
    return sorted((list(row) for row in unique), key=lambda row: (row[0].lower(), row[1]))


def _spdx(predicate: dict[str, Any]) -> Iterator[list[str]]:
    for package in dicts(predicate.get("packages")):
        references = dicts(package.get("externalRefs"))
        purls = (_cut(ref.get("referenceLocator")) for ref in references if ref.get("referenceType") == "purl")
        if package.get("primaryPackagePurpose") in ("FILE", "OPERATING-SYSTEM") and not package.get("versionInfo"):
            continue
        licence = next(filter(_is_said, (_cut(package.get(f"license{key}")) for key in ("Concluded", "Declared"))), "")
        yield _row(package.get("name"), package.get("versionInfo"), licence, next(purls, ""))


def _is_said(licence: str) -> bool:
    return licence not in ("", "NOASSERTION", "NONE")


def _cyclonedx(predicate: dict[str, Any]) -> Iterator[list[str]]:
    for component in dicts(predicate.get("components")):
        licences = (
            _cut(item.get("expression")) or _cut(table(item.get("license")).get("id"))
            or _cut(table(item.get("license")).get("name"))
            for item in dicts(component.get("licenses"))
        )  # fmt: skip
        if component.get("type") != "file":
            licence = " AND ".join(filter(None, licences))
            yield _row(component.get("name"), component.get("version"), licence, _cut(component.get("purl")))


def _row(name: Any, version: Any, licence: str, purl: str) -> list[str]:
    kind = _PURL_KIND.match(purl)
    return [_cut(name) or "(no name)", _cut(version)[:200], kind["kind"] if kind else "", licence[:300], purl[:500]]


def _cut(value: Any) -> str:
    return text(value)[:MOST_TEXT]
