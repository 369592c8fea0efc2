"""The namespaces that one belongs to, and a new one."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import OuterRef, Q, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.actions import make_namespace
from accounts.forms import NamespaceForm
from accounts.models import Membership, Namespace, Role
from accounts.views.lookup import person
from lib.refusal import Refused

PAGE = 50


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def namespaces(request: HttpRequest) -> HttpResponse:
    """One's own with one's role; superusers see all. A POST makes one."""
    user = person(request)
    form = NamespaceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = make_namespace(user, form.cleaned_data["name"].strip())
        except Refused as refused:
            form.add_error("name", refused.sentence)
        else:
            return redirect("namespace-members", made.name)
    search = request.GET.get("q", "").strip()
    mine = Membership.objects.filter(namespace=OuterRef("pk"), user=user).values("role")
    rows = Namespace.objects.with_role(user, Role.READ).filter(Q(name__icontains=search)).annotate(mine=Subquery(mine))
    page = Paginator(rows.order_by("name"), PAGE).get_page(request.GET.get("page"))
    found: list[Any] = list(page.object_list)
    has_own = Namespace.objects.filter(name=user.username.lower()).exists()
    context = {
        "page": page,
        "rows": [(row, Role(row.mine).label if row.mine else "") for row in found],
        "search": search,
        "form": form,
        "may_make": form.is_bound or user.is_superuser or not has_own,
    }
    return render(request, "accounts/namespaces.html", context, status=422 if form.is_bound else 200)
