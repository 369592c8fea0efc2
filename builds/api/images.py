"""The API's images: what one is by its digest, the files of its layers, its packages, and having a worker look."""

from __future__ import annotations

from typing import Any, Literal

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Field, Router, Schema, Status

from builds.actions.image_looks import ask_look, content_of, remind
from builds.core.image_document import Document
from builds.core.image_rows import Setting, layers_shown, settings_shown
from builds.core.image_waste import waste_summary
from builds.core.layer_files import files_of
from builds.core.secret_words import looks_secret
from builds.models import ImageLook
from builds.reading import steps_of
from builds.views.image_found import FoundImage, find_image, looks_at, platform_with, statements_of
from builds.views.image_raw import json_file, read_part
from builds.views.images import may_look
from builds.views.tab_image import recorded_of
from lib.refusal import Refused
from registry.client import RegistryError

router = Router(tags=["images"])
I = "/repositories/{namespace}/{name}/images/{digest}"  # noqa: E741 — as R for repositories
MOST = 1_000
Looked = Literal["unknown", "asked", "reading", "ready", "failed"]


class HistoryOut(Schema):
    """One instruction, oldest first. `digest` is null where it made no layer; `step` is the index of the build's."""

    made_by: str
    created: str
    is_base: bool
    digest: str | None
    size_bytes: int
    unpacked_bytes: int | None = Field(None, description="Null until somebody had the layer's files read.")
    step: int | None
    line: int | None


class StatementOut(Schema):
    digest: str
    size_bytes: int
    type: str
    kind: str


class PlatformOut(Schema):
    """`config` has null for values that look like secrets. `base_layers` is null where nobody knows."""

    platform: str
    digest: str
    size_bytes: int | None
    created: str
    sentences: list[str]
    base: dict[str, str] | None
    base_layers: int | None
    config: dict[str, Any] | None
    history: list[HistoryOut]
    provenance: dict[str, Any] | None
    statements: list[StatementOut]
    waste: dict[str, Any] | None


class ImageOut(Schema):
    """`state` says how far reading it is; all that follows `build` is empty until it is `ready`."""

    digest: str
    state: Looked
    sentence: str
    build: int | None
    kind: str = ""
    media_type: str = ""
    size_bytes: int | None = None
    sentences: list[str] = []
    platforms: list[PlatformOut] = []


class LookIn(Schema):
    """`digest` is that of the layer, of the platform's image, or of the SBOM; by default the image itself."""

    kind: Literal["image", "files", "waste", "packages"]
    digest: str = ""


class LookOut(Schema):
    kind: str
    digest: str
    state: Looked
    sentence: str


class FileOut(Schema):
    path: str
    kind: str
    size_bytes: int
    target: str


class FilesOut(Schema):
    """The largest files first, at most 1,000; `total` are all of them."""

    state: Looked
    sentence: str
    size_bytes: int | None = None
    notes: list[str] = []
    total: int | None = None
    files: list[FileOut] = []


class PackageOut(Schema):
    name: str
    version: str
    kind: str
    licence: str
    purl: str


class PackagesOut(Schema):
    """By name, at most 1,000; `total` are all that fit."""

    state: Looked
    sentence: str
    total: int | None = None
    packages: list[PackageOut] = []


@router.get(I, response=ImageOut, summary="Read an image")
def read(request: HttpRequest, namespace: str, name: str, digest: str) -> Any:
    """Layers, settings and attestations of an image. One that a build or a tag names is read when it is asked for."""
    found = find_image(request, namespace, name, digest)
    build = found.build.number if found.build else None
    told: dict[str, Any] = {"digest": digest, "build": build, **_state(found.look, is_here=found.document is not None)}
    if found.document is None:
        return told
    keys = ("kind", "media_type", "size_bytes", "sentences")
    return told | {key: found.document[key] for key in keys} | {"platforms": _platforms(found, found.document)}


@router.post(f"{I}/looks", response={202: LookOut}, summary="Have a worker look")
def look(request: HttpRequest, namespace: str, name: str, digest: str, body: LookIn) -> Any:
    """Read the image, a layer's files, what it carries in vain, or an SBOM's packages from the registry."""
    if not request.user.is_authenticated:
        raise PermissionDenied("Log in to have an image read from the registry.")
    found = find_image(request, namespace, name, digest)
    target = body.digest or digest
    if not may_look(found, body.kind, target):
        raise Refused(f"This image has no such part to look at: {body.kind} of {target[:100]}.")
    asked = ask_look(found.repository, body.kind, target)
    return Status(202, {"kind": body.kind, "digest": target, **_state(asked, is_here=False)})


@router.get(f"{I}/layers/{{layer}}", response=FilesOut, summary="Read the files of a layer")
def files(request: HttpRequest, namespace: str, name: str, digest: str, layer: str, path: str = "") -> Any:
    """Files, links and removals; `path` leaves those out that are not below it."""
    found = find_image(request, namespace, name, digest)
    if found.document is None or platform_with(found.document, layer) is None:
        raise Http404("This image has no such layer, or it was not read yet.")
    row = _look_at(found, ImageLook.Kind.FILES, layer)
    told = _state(row, is_here=False)
    if row is None or row.state != ImageLook.State.READY:
        return told
    layer_files = files_of(content_of(row))
    below = f"{path.strip('/')}/" if path.strip("/") else ""
    rows = [file for file in layer_files.files if file.path.startswith(below)]
    largest = sorted(rows, key=lambda file: (-file.size_bytes, file.path))[:MOST]
    return told | {
        "size_bytes": layer_files.size_bytes,
        "notes": list(layer_files.notes),
        "total": len(rows),
        "files": [
            {"path": file.path, "kind": file.kind, "size_bytes": file.size_bytes, "target": file.target}
            for file in largest
        ],
    }


@router.get(f"{I}/packages/{{statement}}", response=PackagesOut, summary="Read the packages of an SBOM")
def packages(request: HttpRequest, namespace: str, name: str, digest: str, statement: str, q: str = "") -> Any:
    """What the SBOM with this digest names; `q` searches names, versions and licences."""
    found = find_image(request, namespace, name, digest)
    row = statements_of(found.document or {"platforms": []}).get(statement)
    if row is None or row["kind"] != "sbom":
        raise Http404("This image has no such SBOM, or it was not read yet.")
    kept = _look_at(found, ImageLook.Kind.PACKAGES, statement)
    told = _state(kept, is_here=False)
    if kept is None or kept.state != ImageLook.State.READY:
        return told
    rows = [item for item in content_of(kept) or [] if not q or any(q.lower() in text.lower() for text in item[:4])]
    fields = ("name", "version", "kind", "licence", "purl")
    return told | {"total": len(rows), "packages": [dict(zip(fields, item, strict=True)) for item in rows[:MOST]]}


@router.get(f"{I}/raw/{{part}}", summary="Read the JSON behind an image")
def raw(request: HttpRequest, namespace: str, name: str, digest: str, part: str) -> HttpResponse:
    """A manifest, a configuration or an attestation of the image, by its digest, as the registry has it."""
    try:
        body, _ = read_part(request, namespace, name, digest, part)
    except RegistryError as error:
        raise Refused(error.message, code="unavailable") from error
    return json_file(body)


def _look_at(found: FoundImage, kind: str, digest: str) -> ImageLook | None:
    row = ImageLook.objects.filter(repository=found.repository, kind=kind, digest=digest).first()
    if row is not None:
        remind(row)
    return row


def _state(row: ImageLook | None, *, is_here: bool) -> dict[str, Any]:
    if is_here:
        return {"state": "ready", "sentence": ""}
    if row is None:
        return {"state": "unknown", "sentence": "Nobody had it read from the registry yet."}
    return {"state": row.state, "sentence": row.sentence}


def _platforms(found: FoundImage, document: Document) -> list[dict[str, Any]]:
    steps = steps_of(found.build, found.build.attempt) if found.build else []
    digests = [layer["digest"] for platform in document["platforms"] for layer in platform["layers"]]
    looks = looks_at(found, [*digests, *(platform["digest"] for platform in document["platforms"])])
    return [_platform(found, platform, steps, looks) for platform in document["platforms"]]


def _platform(
    found: FoundImage, platform: Document, steps: list[Any], looks: dict[tuple[str, str], ImageLook]
) -> dict[str, Any]:
    recorded = recorded_of(found, platform)
    shown = layers_shown(platform, steps, recorded["layers"] if recorded else ())
    waste = looks.get(("waste", platform["digest"]))
    keys = ("platform", "digest", "size_bytes", "created", "sentences", "base", "base_layers", "statements")
    return {key: platform[key] for key in keys} | {
        "config": _config(platform["config"]) if platform["config"] else None,
        "provenance": _provenance(platform["provenance"]) if platform["provenance"] else None,
        "history": [
            {
                "made_by": row.words,
                "created": row.created.isoformat() if row.created else "",
                "is_base": row.is_base,
                "digest": row.digest or None,
                "size_bytes": row.size_bytes,
                "unpacked_bytes": _unpacked(looks.get(("files", row.digest))),
                "step": row.step.index if row.step else None,
                "line": row.line,
            }
            for row in shown.rows
        ],
        "waste": _waste(waste) if waste and waste.state == ImageLook.State.READY else None,
    }


def _unpacked(row: ImageLook | None) -> int | None:
    return row.facts.get("size_bytes") if row and row.state == ImageLook.State.READY else None


def _waste(row: ImageLook) -> dict[str, Any]:
    return {
        "bytes": row.facts["bytes"],
        "unpacked_bytes": row.facts["unpacked_bytes"],
        "sentence": waste_summary(row.facts),
        "files": [
            {"path": path, "size_bytes": size, "layer": layer, "by": by, "how": how}
            for path, size, layer, by, how in row.facts["files"]
        ],
    }


def _config(config: Document) -> dict[str, Any]:
    shown = settings_shown(config)
    return config | {"env": _settings(shown.env), "labels": _settings(shown.labels)}


def _settings(items: tuple[Setting, ...]) -> list[dict[str, str | None]]:
    return [{"name": item.name, "value": item.value} for item in items]


def _provenance(told: Document) -> Document:
    """Arguments that look like secrets are there without their values."""
    return told | {
        "arguments": [
            {"name": name, "value": None if looks_secret(name.removeprefix("build-arg:"), value) else value}
            for name, value in told["arguments"]
        ]
    }
