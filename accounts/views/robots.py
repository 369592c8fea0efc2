"""The robots of a namespace: the list with a form, and the page of one with its tokens. For administrators of it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Max, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.actions import (
    MOST_ROBOTS,
    change_robot,
    make_robot,
    make_token,
    remove_robot,
    set_robot_enabled,
)
from accounts.forms import NewRobotForm, RobotForm, TokenForm
from accounts.models import ApiToken, Membership, Namespace, Role, User
from accounts.tokens import revoke_token
from accounts.views.lookup import find_namespace, find_robot, namespace_page, person
from accounts.views.token_rows import keep_text, take_new, token_rows
from lib.refusal import Refused


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def robots(request: HttpRequest, name: str) -> HttpResponse:
    """The list; a POST makes one, whose page then asks for its first token."""
    namespace = find_namespace(request, name, role=Role.ADMIN)
    form = NewRobotForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = make_robot(person(request), namespace, form.cleaned_data["name"].strip(), form.wish)
        except Refused as refused:
            form.add_error("name", refused.sentence)
        else:
            messages.success(request, f"{made} is made. It needs a token to come in with.")
            return redirect("namespace-robot", name, short_name(made))
    tokens = ApiToken.objects.filter(user=OuterRef("pk")).order_by().values("user")
    living = ApiToken.objects.living(timezone.now()).filter(user=OuterRef("pk")).order_by().values("user")
    rows = User.objects.filter(robot_of=namespace, robot_removed_at=None).annotate(
        role=Subquery(Membership.objects.filter(user=OuterRef("pk")).values("role")[:1]),
        used_at=Subquery(tokens.annotate(last=Max("last_used_at")).values("last")),
        tokens_n=Coalesce(Subquery(living.annotate(n=Count("pk")).values("n")), 0),
    )
    found = [(row, short_name(row), _role(row.role)) for row in rows.order_by("username")[:MOST_ROBOTS]]
    context = {"form": form, "robots": found, **namespace_page(request, namespace, "robots")}
    return render(request, "accounts/robots.html", context, status=422 if form.is_bound else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def robot(request: HttpRequest, name: str, robot: str) -> HttpResponse:
    """One robot; a POST makes a token, which the next page shows this once."""
    found = find_robot(request, name, robot)
    namespace = _of(found)
    form = TokenForm(request.POST or None, namespace=namespace)
    if request.method == "POST" and form.is_valid():
        try:
            _, text = make_token(person(request), found, form.wish)
        except Refused as refused:
            form.add_error(None, refused.sentence)
        else:
            keep_text(request, found, text)
            return redirect("namespace-robot", name, robot)
    role = Membership.objects.filter(user=found, namespace=namespace).values_list("role", flat=True).first()
    context = {
        "robot": found,
        "name": robot,
        "role": _role(role),
        "form": form,
        "change_form": RobotForm(initial={"role": role, "note": found.robot_note}),
        "new": take_new(request, found),
        **token_rows(found),
        **namespace_page(request, namespace, "robots"),
    }
    return render(request, "accounts/robot.html", context, status=422 if form.is_bound else 200)


@login_required
@require_POST
def change(request: HttpRequest, name: str, robot: str) -> HttpResponse:
    """Another role, another word on what it is for."""
    found = find_robot(request, name, robot)
    form = RobotForm(request.POST)
    if not form.is_valid():
        messages.error(request, "A robot has the read or the write role, and a word of at most 200 characters.")
    else:
        try:
            change_robot(person(request), found, form.wish)
        except Refused as refused:  # removed a moment ago
            messages.error(request, refused.sentence)
        else:
            messages.success(request, f"{found} has the {form.wish.role.label} role from now on.")
    return redirect("namespace-robot", name, robot)


@login_required
@require_POST
def switch(request: HttpRequest, name: str, robot: str) -> HttpResponse:
    """Enable it or, without `enabled`, disable it."""
    found = find_robot(request, name, robot)
    enabled = request.POST.get("enabled") == "1"
    try:
        set_robot_enabled(person(request), found, enabled=enabled)
    except Refused as refused:  # removed a moment ago
        messages.error(request, refused.sentence)
    else:
        said = "works again with its tokens" if enabled else "is disabled: its tokens are refused from now on"
        messages.success(request, f"{found} {said}.")
    return redirect("namespace-robot", name, robot)


@login_required
@require_POST
def remove(request: HttpRequest, name: str, robot: str) -> HttpResponse:
    """End it with its tokens."""
    found = find_robot(request, name, robot)
    remove_robot(person(request), found)
    messages.success(request, f"{found} is removed, and its tokens with it. Histories keep its name.")
    return redirect("namespace-robots", name)


@login_required
@require_POST
def revoke(request: HttpRequest, name: str, robot: str, token_id: UUID) -> HttpResponse:
    """End one of its tokens; the others go on."""
    found = find_robot(request, name, robot)
    token = get_object_or_404(ApiToken, pk=token_id, user=found)
    revoke_token(person(request), token)
    messages.success(request, f"The token {token.name} of {found} is revoked; whatever used it is refused from now on.")
    return redirect("namespace-robot", name, robot)


def short_name(robot: User) -> str:
    """`deploy` of `acme+deploy`."""
    return robot.username.partition("+")[2]


def _of(robot: User) -> Namespace:
    assert robot.robot_of is not None
    return robot.robot_of


def _role(role: int | None) -> str:
    return str(Role(role).label) if role else "no"
