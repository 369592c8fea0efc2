"""Accounts for private base images, of a namespace or of all: the list with what a worker found, and a form for one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Namespace, Role
from accounts.views.lookup import find_namespace, namespace_page, person
from lib.refusal import Refused
from registry.actions.accounts_there import request_check
from registry.actions.credentials import delete_credential, save_credential
from registry.forms import CredentialForm
from registry.models import PullCredential

_MOST_ID = 12


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def credentials(request: HttpRequest, name: str = "") -> HttpResponse:
    """The list and the form; `?change=<id>` is about one of them. Without `name` those for all, for superusers."""
    space = _space(request, name)
    asked = request.GET.get("change", "")
    changed = _find(request, int(asked)) if asked.isdigit() and len(asked) < _MOST_ID else None
    if changed is not None and changed.namespace != space:
        raise Http404(_GONE)
    if request.method != "POST":
        return _page(request, space, CredentialForm(credential=changed), changed)
    form = CredentialForm(request.POST, credential=changed)
    if form.is_valid():
        try:
            saved = save_credential(person(request), space, form.draft(), changed)
        except Refused as refused:
            form.add_error(None, refused.sentence)
        else:
            messages.success(request, f"Saved the account for {saved.host}. A worker tries it now.")
            return redirect(address(space))
    return _page(request, space, form, changed, status=422)


def _page(
    request: HttpRequest,
    space: Namespace | None,
    form: CredentialForm,
    changed: PullCredential | None,
    *,
    status: int = 200,
) -> HttpResponse:
    rows = PullCredential.objects.for_page().filter(namespace=space)
    hosts = {row.host for row in rows}
    shared = PullCredential.objects.for_page().filter(namespace=None).exclude(host__in=hosts) if space else []
    context: dict[str, Any] = {"form": form, "changed": changed, "rows": rows, "shared": shared, "here": address(space)}
    if space is not None:
        context |= namespace_page(request, space, "credentials")
        return render(request, "registry/namespace_credentials.html", context, status=status)
    return render(request, "registry/credentials.html", context, status=status)


def address(space: Namespace | None) -> str:
    """Where the accounts of a namespace are kept; of None those for all."""
    return reverse("namespace-credentials", args=[space.name]) if space else reverse("credentials")


@login_required
@require_safe
def state(request: HttpRequest, credential_id: int) -> HttpResponse:
    """What a worker found, while it tries."""
    row = _find(request, credential_id)
    return render(request, "registry/_check_state.html", {"row": row, "poll": "credential-state"})


@login_required
@require_POST
def check(request: HttpRequest, credential_id: int) -> HttpResponse:
    """Try it again."""
    row = _find(request, credential_id)
    request_check(row)
    return redirect(address(row.namespace))


@login_required
@require_POST
def delete(request: HttpRequest, credential_id: int) -> HttpResponse:
    """Forget it."""
    row = _find(request, credential_id)
    delete_credential(person(request), row)
    messages.success(request, f"The account for {row.host} is removed. Builds read its images as nobody from now on.")
    return redirect(address(row.namespace))


def _space(request: HttpRequest, name: str) -> Namespace | None:
    if name:
        return find_namespace(request, name, role=Role.ADMIN)
    if not getattr(request.user, "is_superuser", False):
        raise Http404("There is nothing here.")
    return None


def _find(request: HttpRequest, credential_id: int) -> PullCredential:
    row = PullCredential.objects.kept_by(request.user).for_page().filter(pk=credential_id).first()
    if row is None:
        raise Http404(_GONE)
    return row


_GONE = "There is no such account, or it is not yours to change."
