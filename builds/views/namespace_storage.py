"""What a namespace takes up, its quota, and its repositories by size. For its members."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Role
from accounts.views.lookup import find_namespace, namespace_page
from builds.forms.storage import QuotaForm
from builds.views.lookup import find_repository, person
from builds.views.storage import SPANS, growth_for, largest_repositories
from lib.refusal import Refused
from registry.actions import quotas
from registry.models import Quota, StorageUse

MOST = 50


@login_required
@require_safe
def page(request: HttpRequest, name: str) -> HttpResponse:
    """The tab; `?days=90` looks further back."""
    space = find_namespace(request, name)
    days = 90 if request.GET.get("days") == "90" else 30
    use = StorageUse.objects.filter(namespace=space).first()
    quota = quotas.quota_of_namespace(space)
    context = {
        "use": use,
        "quota": quota,
        "refused": Quota.objects.filter(namespace=space).exclude(refused_at=None).first(),
        "growth": growth_for(use, days),
        "days": days,
        "spans": SPANS,
        "bars": largest_repositories(StorageUse.objects.filter(repository__namespace=space), MOST),
        "most": MOST,
        "form": QuotaForm(initial={"limit": quota.limit_bytes}),
        "is_administrator": person(request).is_superuser,
    }
    return render(request, "builds/namespace_storage.html", namespace_page(request, space, "storage") | context)


@login_required
@require_POST
def set_quota(request: HttpRequest, name: str) -> HttpResponse:
    """The quota of the namespace, or, with `repository`, of one of its repositories."""
    space = find_namespace(request, name, role=Role.ADMIN)
    form = QuotaForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for error in form.errors["limit"]))
        return redirect("namespace-storage", name)
    limit, who = form.cleaned_data["limit"], person(request)
    try:
        if repository := request.POST.get("repository", ""):
            found = find_repository(request, name, repository, role=Role.ADMIN)
            quotas.set_repository_quota(who, found, limit)
            told = found.path
        else:
            quotas.set_namespace_quota(who, space, limit)
            told = space.name
    except Refused as refused:
        if refused.code == "forbidden":
            raise PermissionDenied(refused.sentence) from refused
        messages.error(request, refused.sentence)
    else:
        messages.success(request, f"{told} has {'a new quota' if limit is not None else 'no quota any more'}.")
    return redirect("namespace-storage", name)
