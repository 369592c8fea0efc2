"""Comparing two tags, or what a tag pointed to once: the images of both, as far as a worker has read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from builds.core.image_document import Document
from builds.models import Build
from builds.views.comparing_images import ComparedImage, ComparedSettings, documents_compared
from builds.views.image_found import FoundImage, image_of
from builds.views.lookup import find_repository
from lib.humanize import short_digest
from registry.core.manifest import is_digest
from registry.models import Repository, Tag

_OFFERED = 30
LAST = 286
"""The status that tells `refresh.js` that nothing more will come."""


@dataclass(frozen=True, slots=True)
class TagSide:
    """One of the two: `asked` is a tag or a digest, as it stands in the address."""

    asked: str
    tag: Tag | None
    image: FoundImage

    @property
    def name(self) -> str:
        """The tag, or its digest in short."""
        return self.asked if self.tag else short_digest(self.asked)


@dataclass(frozen=True, slots=True)
class ComparedTags:
    """`images` and `settings` are of the platforms that both have; empty until both images were read."""

    before: TagSide
    after: TagSide
    images: tuple[ComparedImage, ...] = ()
    settings: tuple[ComparedSettings, ...] = ()

    @property
    def sides(self) -> tuple[TagSide, TagSide]:
        return self.before, self.after

    @property
    def is_one(self) -> bool:
        return self.before.image.digest == self.after.image.digest

    @property
    def unread(self) -> tuple[TagSide, ...]:
        """The sides of which nobody knows yet what is in them."""
        sides = self.sides[:1] if self.is_one else self.sides
        return tuple(side for side in sides if side.image.document is None)

    @property
    def is_pending(self) -> bool:
        return not self.is_one and any(side.image.is_pending for side in self.unread)

    @property
    def builds(self) -> tuple[Build, Build] | None:
        """The builds that made both, where two did: they have a comparison of their own."""
        before, after = self.before.image.build, self.after.image.build
        return (before, after) if before and after and before.pk != after.pk else None

    @property
    def headlines(self) -> tuple[str, ...]:
        """What a person wants to know first."""
        if self.is_one:
            return (f"`{self.before.name}` and `{self.after.name}` are one image.",)
        if self.unread:
            waited = " and ".join(f"`{side.name}`" for side in self.unread)
            return (f"What differs is told as soon as somebody has read what is in {waited}.",)
        told = [self._of_platform(image) for image in self.images if image.sentence]
        told += [
            f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} only in `{side.name}`."
            for side, other in (self.sides, self.sides[::-1])
            if (names := _missing(side.image.document, other.image.document)) and not self._are_both_for_one
        ]
        return tuple(told) or ("They have no platform in common, so there is nothing to hold side by side.",)

    @property
    def _are_both_for_one(self) -> bool:
        """Then they are held side by side, whatever their platforms are called."""
        return all(len((side.image.document or {}).get("platforms", ())) == 1 for side in self.sides)

    def _of_platform(self, image: ComparedImage) -> str:
        return f"{image.platform}: {image.sentence}" if len(self.images) > 1 else image.sentence


def _missing(of: Document | None, other: Document | None) -> list[str]:
    """The platforms of one image that the other is not made for."""
    there = {platform["platform"] for platform in (other or {}).get("platforms", ())}
    return [platform["platform"] for platform in (of or {}).get("platforms", ()) if platform["platform"] not in there]


@require_safe
def choose(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The form of the page: `?before=1.9&after=latest` becomes an address to keep."""
    find_repository(request, namespace, name)
    before, after = (request.GET.get(side, "").strip()[:140] for side in ("before", "after"))
    if not before or not after or "/" in before + after:
        raise Http404("Say which tags: ?before=1.9&after=latest.")
    return redirect("tags-compare", namespace, name, before, after)


@require_safe
def compare(request: HttpRequest, namespace: str, name: str, before: str, after: str) -> HttpResponse:
    """Two tags or digests, the older one first as a rule; `?part=tags` is the comparison alone."""
    found = compared_tags(request, find_repository(request, namespace, name), before, after)
    context = {"repository": found.before.image.repository, "tab": "tags", **_context(request, found)}
    if request.GET.get("part"):
        return render(request, "builds/_compare_tags.html", context, status=None if found.is_pending else LAST)
    names = Tag.objects.filter(repository=context["repository"]).order_by("-pushed_at", "name")
    context["offered"] = list(names.values_list("name", flat=True)[:_OFFERED])
    return render(request, "builds/compare_tags.html", context)


def compared_tags(request: HttpRequest, repository: Repository, before: str, after: str) -> ComparedTags:
    """Raises Http404 for what is neither a tag of the repository nor a digest."""
    sides = _side(request, repository, before), _side(request, repository, after)
    documents = [side.image.document for side in sides]
    if documents[0] is None or documents[1] is None or sides[0].image.digest == sides[1].image.digest:
        return ComparedTags(*sides)
    return ComparedTags(*sides, *documents_compared(documents[0], documents[1]))


def _side(request: HttpRequest, repository: Repository, asked: str) -> TagSide:
    tag = Tag.objects.filter(repository=repository, name=asked).first()
    if tag is None and not is_digest(asked):
        raise Http404(f"{repository.path} has no tag {asked[:128]}.")
    digest = tag.digest if tag else asked
    builds = Build.objects.filter(repository=repository, digest=digest).select_related("record")
    # Of several builds that made one image the one that the tag names.
    build = builds.filter(number=tag.build_number).first() if tag and tag.build_number else None
    build = build or builds.order_by("-number").first()
    return TagSide(asked, tag, image_of(request, repository, digest, build, getattr(build, "record", None)))


def _context(request: HttpRequest, found: ComparedTags) -> dict[str, Any]:
    place = found.before.image.repository.path.split("/")
    before, after = found.before.asked, found.after.asked
    rows = [row for image in found.images for row in image.layers.rows]
    return {
        "found": found,
        "most_bytes": max((row.shown.size_bytes for row in rows), default=1) or 1,
        "page_url": reverse("tags-compare", args=[*place, before, after]),
        "swap_url": reverse("tags-compare", args=[*place, after, before]),
        "builds_url": reverse("builds-compare", args=[*place, f"{found.builds[0].number}...{found.builds[1].number}"])
        if found.builds
        else "",
        "can_ask": request.user.is_authenticated,
    }
