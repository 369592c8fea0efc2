"""Registries that images go to: the list with what a worker found, a form for one, and checking and removing it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.views.lookup import person
from lib.refusal import Refused
from registry.actions.accounts_there import request_check
from registry.actions.external import delete_registry, save_registry
from registry.core.kinds import KINDS, Kind
from registry.forms import RegistryForm
from registry.models import Registry
from registry.reading import hub_cache_state

_MOST_ID = 12


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def registries(request: HttpRequest) -> HttpResponse:
    """The list and the form; `?change=<id>` is about one of them, `?kind=` about a new one of that kind."""
    asked = request.GET.get("change", "")
    changed = _find(request, int(asked)) if asked.isdigit() and len(asked) < _MOST_ID else None
    if request.method != "POST":
        kind = request.GET.get("kind", "")
        initial = {"kind": kind, "path_template": KINDS[Kind(kind)].template} if kind in KINDS else {}
        return _page(request, RegistryForm(request.user, registry=changed, initial=initial), changed)
    form = RegistryForm(request.user, request.POST, registry=changed)
    if form.is_valid():
        try:
            space = None if changed else form.cleaned_data["namespace"]
            saved = save_registry(person(request), form.draft(), changed, namespace=space)
        except Refused as refused:
            form.add_error(None, refused.sentence)
        else:
            messages.success(request, f"Saved {saved.name}. A worker tries it now.")
            return redirect(f"{request.path}#registry-{saved.pk}")
    return _page(request, form, changed, status=422)


def _page(request: HttpRequest, form: RegistryForm, changed: Registry | None, *, status: int = 200) -> HttpResponse:
    rows = Registry.objects.kept_by(request.user).for_page()
    rows = rows.annotate(
        uses=Count("repositories", distinct=True), copies=Count("destinations", distinct=True)
    ).order_by("-is_default", "name")
    field: Any = form.fields["namespace"]
    context = {
        "form": form,
        "changed": changed,
        "registries": rows,
        "kinds": [(kind.value, facts) for kind, facts in KINDS.items()],
        "may_add": getattr(request.user, "is_superuser", False) or field.queryset.exists(),
        "hub_cache": hub_cache_state() if getattr(request.user, "is_superuser", False) else None,
    }
    return render(request, "registry/registries.html", context, status=status)


@login_required
@require_safe
def state(request: HttpRequest, registry_id: int) -> HttpResponse:
    """What a worker found, while it tries."""
    return render(request, "registry/_check_state.html", {"row": _find(request, registry_id), "poll": "registry-state"})


@login_required
@require_POST
def check(request: HttpRequest, registry_id: int) -> HttpResponse:
    """Try it again."""
    request_check(_find(request, registry_id))
    return redirect("registries")


@login_required
@require_POST
def delete(request: HttpRequest, registry_id: int) -> HttpResponse:
    """Forget it, unless something uses it."""
    found = _find(request, registry_id)
    try:
        delete_registry(person(request), found)
    except Refused as refused:
        messages.error(request, refused.sentence)
    else:
        messages.success(request, f"{found.name} is removed. What was pushed there stays there.")
    return redirect("registries")


def _find(request: HttpRequest, registry_id: int) -> Registry:
    row = Registry.objects.kept_by(request.user).for_page().filter(pk=registry_id).first()
    if row is None:
        raise Http404("There is no such registry, or it is not yours to change.")
    return row
