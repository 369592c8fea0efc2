"""An image by its digest, the files of its layers and its packages: the pages, and asking a worker to look."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from builds.actions.image_looks import ask_look, content_of, remind
from builds.core.image_rows import layers_shown
from builds.core.layer_files import files_of
from builds.core.layer_tree import largest, tree
from builds.models import ImageLook
from builds.reading import steps_of
from builds.views.image_found import PENDING, FoundImage, find_image, platform_with, statements_of
from builds.views.tab_image import LAST, image_context
from registry.core.manifest import is_digest
from registry.models import Tag

PAGE = 100
_MOST_TAGS = 20


@require_safe
def image(request: HttpRequest, namespace: str, name: str, digest: str) -> HttpResponse:
    """The page of a digest; `?platform=` of many, `?part=` one part of it, fetched anew while it is being read."""
    found = find_image(request, namespace, name, digest)
    steps = steps_of(found.build, found.build.attempt) if found.build else []
    shown = image_context(request, found, steps)
    context = {"repository": found.repository, "tab": "tags", "image": shown, "build": found.build}
    if part := request.GET.get("part"):
        is_pending = shown["waste"]["is_pending"] if part == "waste" and "waste" in shown else found.is_pending
        return _part(
            request, "builds/_image_waste.html" if part == "waste" else "builds/_image.html", context, is_pending
        )
    context["tags"] = Tag.objects.filter(repository=found.repository, digest=digest)[:_MOST_TAGS]
    return render(request, "builds/image.html", context)


@require_safe
def layer(request: HttpRequest, namespace: str, name: str, digest: str, layer: str) -> HttpResponse:
    """The files of a layer: the largest, and a tree; `?path=` a folder of it."""
    found = find_image(request, namespace, name, digest)
    platform, place = _layer_or_404(found, layer)
    look = ImageLook.objects.filter(repository=found.repository, kind="files", digest=layer).first()
    steps = steps_of(found.build, found.build.attempt) if found.build else []
    rows = [row for row in layers_shown(platform, steps).rows if row.number == place + 1]
    context: dict[str, Any] = {
        "repository": found.repository,
        "tab": "tags",
        "found": found,
        "layer": rows[0] if rows else None,
        "layer_digest": layer,
        "look": look,
        "is_pending": look is not None and look.state in PENDING,
        "ask_url": reverse("image-look", args=[namespace, name, digest]),
        "page_url": reverse("image-layer", args=[namespace, name, digest, layer]),
        "can_ask": request.user.is_authenticated,
        **_files(request, look),
    }
    if look is not None:
        remind(look)
    if request.GET.get("part"):
        return _part(request, "builds/_image_files.html", context, context["is_pending"])
    return render(request, "builds/image_layer.html", context)


def _part(request: HttpRequest, template: str, context: dict[str, Any], is_pending: bool) -> HttpResponse:
    """A part of a page that is fetched anew; the last time when nothing more will come."""
    return render(request, template, context, status=None if is_pending else LAST)


def _files(request: HttpRequest, look: ImageLook | None) -> dict[str, Any]:
    if look is None or look.state != ImageLook.State.READY:
        return {}
    files = files_of(content_of(look))
    path = request.GET.get("path", "").strip("/")
    top = tree(files.files, path)
    if top is None:
        raise Http404(f"This layer has no folder `{path[:200]}`.")
    names = path.split("/") if path else []
    return {
        "files": files,
        "path": path,
        "crumbs": [(part, "/".join(names[: place + 1])) for place, part in enumerate(names)],
        "top": top,
        "largest": [] if path else largest(files.files),
        "removed": [file for file in files.files if file.kind in ("removed", "emptied")][:PAGE] if not path else [],
    }


@require_safe
def packages(request: HttpRequest, namespace: str, name: str, digest: str, statement: str) -> HttpResponse:
    """The packages that an SBOM names; `?q=` searches their names, versions and licences."""
    found = find_image(request, namespace, name, digest)
    row = statements_of(found.document or {"platforms": []}).get(statement)
    if row is None or row["kind"] != "sbom":
        raise Http404("This image has no such SBOM, or it was not read yet.")
    look = ImageLook.objects.filter(repository=found.repository, kind="packages", digest=statement).first()
    if look is not None:
        remind(look)
    search = request.GET.get("q", "").strip()
    rows = content_of(look) or [] if look and look.state == ImageLook.State.READY else []
    total = len(rows)
    if search:
        rows = [item for item in rows if any(search.lower() in text.lower() for text in item[:4])]
    context: dict[str, Any] = {
        "repository": found.repository,
        "tab": "tags",
        "found": found,
        "statement": row,
        "look": look,
        "is_pending": look is not None and look.state in PENDING,
        "search": search,
        "total": total,
        "page": Paginator(rows, PAGE).get_page(request.GET.get("page")),
        "ask_url": reverse("image-look", args=[namespace, name, digest]),
        "page_url": reverse("image-packages", args=[namespace, name, digest, statement]),
        "can_ask": request.user.is_authenticated,
    }
    if request.GET.get("part"):
        return _part(request, "builds/_image_packages.html", context, context["is_pending"])
    return render(request, "builds/image_packages.html", context)


@require_POST
def look(request: HttpRequest, namespace: str, name: str, digest: str) -> HttpResponse:
    """Have a worker read something of an image: itself, a layer's files, what is in vain, an SBOM."""
    if not request.user.is_authenticated:
        raise PermissionDenied("Log in to have an image read from the registry.")
    found = find_image(request, namespace, name, digest)
    kind, target = request.POST.get("kind", ""), request.POST.get("digest", digest)
    if not may_look(found, kind, target):
        messages.error(request, "This image has no such part, so there is nothing to look at.")
        return redirect("image", namespace, name, digest)
    ask_look(found.repository, kind, target)
    if kind == "files":
        return redirect("image-layer", namespace, name, digest, target)
    if kind == "packages":
        return redirect("image-packages", namespace, name, digest, target)
    number, platform = request.POST.get("build", ""), request.POST.get("platform", "")
    where = f"&platform={platform}" if any(row["platform"] == platform for row in _platforms(found)) else ""
    if kind == "waste" and number.isascii() and number.isdigit():
        return redirect(f"{reverse('build', args=[namespace, name, int(number[:9])])}?tab=image{where}#waste")
    return redirect(f"{reverse('image', args=[namespace, name, digest])}{where.replace('&', '?', 1)}")


def _platforms(found: FoundImage) -> list[dict[str, Any]]:
    return found.document["platforms"] if found.document else []


def may_look(found: FoundImage, kind: str, digest: str) -> bool:
    """Whether that is a part of the image: nobody has a worker read what they cannot see."""
    if not is_digest(digest):
        return False
    if kind == ImageLook.Kind.IMAGE:
        return digest == found.digest
    if found.document is None:
        return False
    if kind == ImageLook.Kind.FILES:
        return platform_with(found.document, digest) is not None
    if kind == ImageLook.Kind.WASTE:
        return any(row["digest"] == digest for row in _platforms(found))
    return kind == ImageLook.Kind.PACKAGES and statements_of(found.document).get(digest, {}).get("kind") == "sbom"


def _layer_or_404(found: FoundImage, layer: str) -> tuple[dict[str, Any], int]:
    place = platform_with(found.document, layer) if found.document else None
    if place is None:
        raise Http404("This image has no such layer, or it was not read yet.")
    return place
