"""Finding an image of a repository for the person who asks: what its build kept of it, or what a worker has read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest

from builds.actions.image_looks import ask_look, remind
from builds.core.image_document import Document
from builds.models import Build, BuildRecord, ImageLook
from builds.views.lookup import find_repository
from registry.core.manifest import is_digest
from registry.models import Repository, Tag, TagMove

PENDING = (ImageLook.State.ASKED, ImageLook.State.READING)


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image by digest. `document` is None until it was read; `look` is how far that is, None if nobody asked.

    `build` made it, where one did, and `recorded` is that build's `BuildRecord.platforms`.
    """

    repository: Repository
    digest: str
    document: Document | None
    look: ImageLook | None = None
    build: Build | None = None
    recorded: tuple[dict[str, Any], ...] = ()

    @property
    def is_pending(self) -> bool:
        return self.document is None and self.look is not None and self.look.state in PENDING


def find_image(request: HttpRequest, namespace: str, name: str, digest: str) -> FoundImage:
    """The image of this digest. Raises Http404 where it is no digest; whether the registry has it is not asked here."""
    repository = find_repository(request, namespace, name)
    if not is_digest(digest):
        raise Http404(f"`{digest[:80]}` is no digest: sha256: and 64 hexadecimal digits.")
    builds = Build.objects.filter(repository=repository, digest=digest).order_by("-number")
    number = request.GET.get("build", "")
    if number.isascii() and number.isdigit():
        builds = builds.filter(number=min(int(number[:12]), 2**31 - 1))
    build = builds.select_related("record").first()
    return image_of(request, repository, digest, build, getattr(build, "record", None))


def image_of(
    request: HttpRequest, repository: Repository, digest: str, build: Build | None, record: BuildRecord | None
) -> FoundImage:
    """The image as its build kept it, else as it was read; one that we know of is asked for now."""
    if build is not None:
        build.repository = repository
    recorded = tuple(record.platforms) if record else ()
    if record is not None and record.image and record.image.get("digest") == digest:
        return FoundImage(repository, digest, record.image, None, build, recorded)
    look = ImageLook.objects.filter(repository=repository, kind="image", digest=digest).defer("data").first()
    if look is None and request.user.is_authenticated and (build or _is_known(repository, digest)):
        look = ask_look(repository, "image", digest)
    elif look is not None:
        remind(look)
    document = look.facts if look and look.state == ImageLook.State.READY else None
    return FoundImage(repository, digest, document, look, build, recorded)


def _is_known(repository: Repository, digest: str) -> bool:
    """Whether a tag points to it, or did."""
    known = Tag.objects.filter(repository=repository, digest=digest).exists()
    return known or TagMove.objects.filter(repository=repository, to_digest=digest).exists()


def looks_at(found: FoundImage, digests: list[str]) -> dict[tuple[str, str], ImageLook]:
    """What was asked of parts of the image, by kind and digest. One query; no files."""
    rows = ImageLook.objects.filter(repository=found.repository, digest__in=digests).exclude(kind="image")
    return {(row.kind, row.digest): row for row in rows.defer("data")}


def platform_with(document: Document, layer: str) -> tuple[Document, int] | None:
    """The first platform that has a layer, and the layer's place in it."""
    for platform in document["platforms"]:
        for place, row in enumerate(platform["layers"]):
            if row["digest"] == layer:
                return platform, place
    return None


def statements_of(document: Document) -> dict[str, dict[str, Any]]:
    """Every attestation by its digest."""
    return {row["digest"]: row for platform in document["platforms"] for row in platform["statements"]}
