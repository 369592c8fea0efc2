"""The members of a namespace: who has which role; administrators add them, change roles and remove them."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.actions import find_person, remove_member, set_member
from accounts.forms import MemberForm
from accounts.models import Membership, Namespace, Role
from accounts.views.lookup import access_in, find_namespace, namespace_page, person
from lib.refusal import Refused

PAGE = 50


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def members(request: HttpRequest, name: str) -> HttpResponse:
    """The list, for members; a POST adds somebody or gives them another role."""
    asks = Role.ADMIN if request.method == "POST" else Role.READ
    namespace = find_namespace(request, name, role=asks)
    most = _most(request, namespace)
    if request.method != "POST":
        return _page(request, namespace, MemberForm(most=most))
    form = MemberForm(request.POST, most=most)
    if form.is_valid():
        try:
            user = find_person(form.cleaned_data["username"].strip())
            set_member(person(request), namespace, user, form.wanted)
        except Refused as refused:
            form.add_error("username", refused.sentence)
        else:
            messages.success(request, f"{user} has the {form.wanted.label} role in {namespace}.")
            return redirect("namespace-members", name)
    return _page(request, namespace, form, status=422)


def _most(request: HttpRequest, namespace: Namespace) -> Role:
    role = access_in(request, namespace).role
    return Role.OWNER if role == Role.OWNER else Role.ADMIN


def _page(request: HttpRequest, namespace: Namespace, form: MemberForm, *, status: int = 200) -> HttpResponse:
    rows = Membership.objects.filter(namespace=namespace, user__robot_of=None).select_related("user")
    page = Paginator(rows.order_by("-role", "user__username"), PAGE).get_page(request.GET.get("page"))
    most = _most(request, namespace)
    context = {
        "form": form,
        "page": page,
        "rows": [(row, Role(row.role).label, row.role <= most) for row in page.object_list],
        "roles": [(role.value, role.label) for role in Role if role <= most],
    }
    return render(
        request, "accounts/members.html", namespace_page(request, namespace, "members") | context, status=status
    )


@login_required
@require_POST
def remove(request: HttpRequest, name: str) -> HttpResponse:
    """Take somebody out, by username; anybody takes themselves out."""
    namespace = find_namespace(request, name)
    try:
        user = find_person(request.POST.get("username", ""))
        remove_member(person(request), namespace, user)
    except Refused as refused:
        messages.error(request, refused.sentence)
        return redirect("namespace-members", name)
    if user == request.user and not user.is_superuser:
        messages.success(request, f"You are no member of {namespace} any more.")
        return redirect("namespaces")
    messages.success(request, f"{user} is no member of {namespace} any more.")
    return redirect("namespace-members", name)
