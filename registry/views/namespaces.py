"""The page of a namespace: its repositories, as far as the person who asks may see them."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import F, Max, OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import Namespace
from accounts.views.lookup import access_in, namespace_page
from registry.models import Repository, Tag

PAGE = 50


@require_safe
def namespace(request: HttpRequest, name: str) -> HttpResponse:
    """For members, and for everybody who sees a repository in it: strangers see the public ones."""
    space = Namespace.objects.filter(name=name).first()
    rows = Repository.objects.visible_to(request.user).filter(namespace=space) if space else Repository.objects.none()
    if space is None or not (access_in(request, space).is_member or rows.exists()):
        raise Http404(f"There is no namespace {name}, or nothing in it is public and you are not a member of it.")
    search = request.GET.get("q", "").strip()
    if search:
        rows = rows.filter(name__icontains=search)
    page = Paginator(_told(rows), PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {"page": page, "search": search}
    return render(request, "registry/namespace.html", namespace_page(request, space, "repositories") | context)


def _told(rows: Any) -> Any:
    """With what a row tells: the last push, and the size where it was measured."""
    pushed = Tag.objects.filter(repository=OuterRef("pk")).order_by().values("repository")
    rows = rows.order_by("name").annotate(
        last_push=Subquery(pushed.annotate(last=Max("pushed_at")).values("last")),
        size_bytes=F("storage_use__total_bytes"),
        is_estimate=F("storage_use__is_estimate"),
    )
    return rows.only("name", "description", "visibility", "pulls", "last_pulled_at")
