"""The image of a build, or of a digest, as a page shows it: layers, waste, settings, attestations. Asks no registry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.urls import reverse

from builds.core.image_document import Document
from builds.core.image_rows import LayersShown, layers_shown, platform_of, settings_shown
from builds.core.image_waste import waste_sentences, waste_summary
from builds.core.states import State
from builds.models import BuildRecord, ImageLook, Step
from builds.views.image_found import PENDING, FoundImage, image_of, looks_at

if TYPE_CHECKING:
    from builds.views.build_tabs import Asked

_WASTED_SHOWN = 20


def image_tab(asked: Asked) -> dict[str, Any]:
    """What the tab shows; without an image why there is none."""
    build = asked.build
    if not build.digest:
        return {"image": {"why": _why_none(build.state)}}
    record = BuildRecord.objects.filter(build=build).only("image", "platforms").first()
    found = image_of(asked.request, build.repository, build.digest, build, record)
    return {"image": image_context(asked.request, found, asked.steps)}


def _why_none(state: str) -> str:
    if state == State.SUCCEEDED:
        return "The image of this build was not pushed: the code is of a pull request that nobody has taken over."
    if state in (State.FAILED, State.CANCELLED, State.SUPERSEDED):
        return "This build made no image."
    return "The image is shown here when the build has pushed it."


def image_context(request: HttpRequest, found: FoundImage, steps: Iterable[Step] = ()) -> dict[str, Any]:
    """What `builds/_image.html` draws."""
    address = [*found.repository.path.split("/"), found.digest]
    page = reverse("image", args=address)
    shown = f"&build={found.build.number}" if found.build else ""
    context: dict[str, Any] = {
        "found": found,
        "digest": found.digest,
        "document": found.document,
        "page_url": page,
        "part_url": f"{page}?part=image{shown}",
        "ask_url": reverse("image-look", args=address),
        "can_ask": request.user.is_authenticated,
        "build": found.build,
    }
    if found.document is None:
        return context
    platform = platform_of(found.document, request.GET.get("platform", ""))
    if platform is None:
        return context
    return context | _platform_context(found, platform, steps, page)


def _platform_context(found: FoundImage, platform: Document, steps: Iterable[Step], page: str) -> dict[str, Any]:
    digests = [layer["digest"] for layer in platform["layers"]]
    statements = platform["statements"]
    looks = looks_at(found, [*digests, platform["digest"], *(row["digest"] for row in statements)])
    recorded = recorded_of(found, platform)
    layers = layers_shown(platform, steps, recorded["layers"] if recorded else ())
    unpacked = {digest: _unpacked(looks.get(("files", digest))) for digest in digests}
    known = all(unpacked.get(digest) is not None for digest in digests) and digests
    build = f"&build={found.build.number}" if found.build else ""
    return {
        "platform": platform,
        "is_many": len(found.document["platforms"]) > 1 if found.document else False,
        "layers": layers,
        "unpacked": unpacked,
        "unpacked_bytes": sum(unpacked[digest] or 0 for digest in digests) if known else None,
        "settings": settings_shown(platform["config"]) if platform["config"] else None,
        "waste": waste_context(looks.get(("waste", platform["digest"])), layers, platform["base_layers"] or 0),
        "waste_url": f"{page}?part=waste&platform={platform['platform']}{build}",
        "provenance": platform["provenance"],
        "sboms": [(row, looks.get(("packages", row["digest"]))) for row in statements if row["kind"] == "sbom"],
        "others": [row for row in statements if not row["kind"]],
    }


def recorded_of(found: FoundImage, platform: Document) -> dict[str, Any] | None:
    """What the build kept of a platform's layers and their steps."""
    rows = [row for row in found.recorded if row.get("platform") == platform["platform"]]
    if rows:
        return rows[0]
    is_only = found.document is not None and len(found.document["platforms"]) == len(found.recorded) == 1
    return found.recorded[0] if is_only else None


def _unpacked(look: ImageLook | None) -> int | None:
    is_known = look is not None and look.state == ImageLook.State.READY
    return look.facts.get("size_bytes") if look and is_known else None


def waste_context(look: ImageLook | None, layers: LayersShown, base_layers: int) -> dict[str, Any]:
    """The waste of one platform's image, and how far it is looked for."""
    told: dict[str, Any] = {"look": look, "is_pending": look is not None and look.state in PENDING}
    if look is None or look.state != ImageLook.State.READY:
        return told
    made_by = [row.words for row in layers.rows if row.number]
    rows = [
        {"path": path, "size_bytes": size, "layer": layer + 1, "by": by + 1, "is_again": how == "again"}
        for path, size, layer, by, how in look.facts["files"][:_WASTED_SHOWN]
    ]
    return told | {
        "summary": waste_summary(look.facts),
        "sentences": list(waste_sentences(look.facts, made_by, base_layers)),
        "files": rows,
        "more": len(look.facts["files"]) - len(rows),
    }
