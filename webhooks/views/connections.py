"""Connections to forges: the list with what a worker found, a form for one, and checking and removing it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from builds.views.lookup import person
from lib.refusal import Refused
from webhooks.actions.connections import delete_connection, request_check, save_connection
from webhooks.forms import ConnectionForm
from webhooks.models import ForgeConnection


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def connections(request: HttpRequest) -> HttpResponse:
    """The list and the form; `?change=<id>` is about one of them."""
    asked = request.GET.get("change", "")
    changed = _find(request, int(asked)) if asked.isdigit() and len(asked) < 12 else None  # noqa: PLR2004 — an id
    if request.method != "POST":
        return _page(request, ConnectionForm(request.user, connection=changed), changed)
    form = ConnectionForm(request.user, request.POST, connection=changed)
    if form.is_valid():
        namespace = changed.namespace if changed else form.cleaned_data["namespace"]
        try:
            saved = save_connection(person(request), namespace, form.draft(), changed)
        except Refused as refused:
            form.add_error(None, refused.sentence)
        else:
            messages.success(request, f"Saved {saved.name}. A worker checks it now.")
            return redirect("connections")
    return _page(request, form, changed, status=422)


def _page(
    request: HttpRequest, form: ConnectionForm, changed: ForgeConnection | None, *, status: int = 200
) -> HttpResponse:
    rows = ForgeConnection.objects.administered_by(request.user).for_page().annotate(uses=Count("links"))
    field: Any = form.fields["namespace"]
    context = {"form": form, "changed": changed, "connections": rows, "may_add": field.queryset.exists()}
    return render(request, "webhooks/connections.html", context, status=status)


@login_required
@require_safe
def state(request: HttpRequest, connection_id: int) -> HttpResponse:
    """What a worker found, while it is asked."""
    found = ForgeConnection.objects.administered_by(request.user).for_page().filter(pk=connection_id).first()
    if found is None:
        raise Http404(_GONE)
    return render(request, "webhooks/_connection_state.html", {"connection": found})


@login_required
@require_POST
def check(request: HttpRequest, connection_id: int) -> HttpResponse:
    request_check(_find(request, connection_id))
    return redirect("connections")


@login_required
@require_POST
def delete(request: HttpRequest, connection_id: int) -> HttpResponse:
    found = _find(request, connection_id)
    delete_connection(person(request), found)
    messages.success(
        request, f"{found.name} is removed. What it installed at the forge stays there and goes on working."
    )
    return redirect("connections")


def _find(request: HttpRequest, connection_id: int) -> ForgeConnection:
    found = ForgeConnection.objects.administered_by(request.user).select_related("namespace").filter(pk=connection_id)
    row = found.first()
    if row is None:
        raise Http404(_GONE)
    return row


_GONE = "There is no such connection, or you are not an admin of its namespace."
