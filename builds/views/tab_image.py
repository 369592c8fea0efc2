"""The image of a build, or of a digest, as a page shows it: layers, waste, settings, attestations. Asks no registry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from builds.core.image_document import Document
from builds.core.image_rows import LayersShown, layers_shown, platform_of, settings_shown
from builds.core.image_waste import waste_sentences, waste_summary
from builds.core.states import State
from builds.models import Build, BuildRecord, ImageLook, Step
from builds.reading import steps_of
from builds.views.build_lookup import find_build
from builds.views.image_found import PENDING, FoundImage, image_of, looks_at

if TYPE_CHECKING:
    from builds.views.build_tabs import Asked

_WASTED_SHOWN = 20
LAST = 286
"""The status that tells `refresh.js` that nothing more will come."""


def image_tab(asked: Asked) -> dict[str, Any]:
    """What the tab shows; without an image why there is none."""
    return {"image": _of_build(asked.request, asked.build, asked.steps)}


@require_safe
def fragment(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """The tab's content alone: it comes when the build has ended, and when a worker has read its image."""
    build = find_build(request, namespace, name, number)
    shown = _of_build(request, build, steps_of(build, build.attempt))
    context = {"image": shown, "build": build, "repository": build.repository}
    is_over = build.is_final and not (shown.get("found") and shown["found"].is_pending)
    return render(request, "builds/_image_or_why.html", context, status=LAST if is_over else None)


def _of_build(request: HttpRequest, build: Build, steps: Iterable[Step]) -> dict[str, Any]:
    address = [*build.repository.path.split("/"), build.number]
    tab = {
        "tab_url": reverse("build-image", args=address),
        "topic": f"build:{build.pk} repository:{build.repository_id}",
    }
    if not build.digest:
        return tab | {"why": _why_none(build.state), "is_pending": not build.is_final}
    record = BuildRecord.objects.filter(build=build).only("image", "platforms").first()
    found = image_of(request, build.repository, build.digest, build, record)
    return image_context(request, found, steps) | tab | {"is_pending": found.is_pending or not build.is_final}


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
        "tab_url": f"{page}?part=image{shown}",
        "topic": f"repository:{found.repository.pk}",
        "is_pending": found.is_pending,
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
