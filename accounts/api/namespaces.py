"""The API's namespaces and who belongs to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Router, Schema, Status

from accounts.access import role_of
from accounts.actions import find_person, make_namespace, remove_member, set_member
from accounts.models import ROLE_NAMES, Membership, Namespace, Role, User
from accounts.views.lookup import find_namespace, person
from lib.paging import USUAL, page

router = Router(tags=["namespaces"])
N = "/namespaces/{namespace}"


class NamespaceIn(Schema):
    name: str


class NamespaceOut(Schema):
    name: str
    kind: str
    role: str | None
    created_at: datetime


class NamespacesOut(Schema):
    items: list[NamespaceOut]
    next: str | None


class MemberIn(Schema):
    role: Literal["read", "write", "admin", "owner"]


class MemberOut(Schema):
    username: str
    role: str
    is_active: bool
    since: datetime


class MembersOut(Schema):
    items: list[MemberOut]
    next: str | None


@router.get("/namespaces", response=NamespacesOut, summary="List namespaces")
def listing(request: HttpRequest, cursor: str = "", limit: int = USUAL) -> Any:
    """Those that the caller is a member of, by name; all of them for a superuser."""
    user = person(request)
    rows = Namespace.objects.with_role(user, Role.READ)
    found = page(rows, key="name", cursor=cursor, limit=limit, show=lambda row: row)
    mine = dict(Membership.objects.filter(user=user, namespace__in=found["items"]).values_list("namespace", "role"))
    return {**found, "items": [_out(row, user, mine.get(row.pk)) for row in found["items"]]}


@router.post("/namespaces", response={201: NamespaceOut}, summary="Make a namespace")
def create(request: HttpRequest, body: NamespaceIn) -> Any:
    """Superusers make any, others the one of their own username. The caller becomes its owner."""
    return Status(201, _out(make_namespace(person(request), body.name), person(request), Role.OWNER))


@router.get(N, response=NamespaceOut, summary="Read a namespace")
def detail(request: HttpRequest, namespace: str) -> Any:
    """For its members; `role` is the caller's."""
    found = find_namespace(request, namespace)
    return _out(found, person(request), role_of(request.user, found))


@router.get(f"{N}/members", response=MembersOut, summary="List the members of a namespace")
def members(request: HttpRequest, namespace: str, cursor: str = "", limit: int = USUAL) -> Any:
    """The people in it, by username. Robots have a list of their own."""
    rows = Membership.objects.filter(namespace=find_namespace(request, namespace), user__robot_of=None)
    return page(rows.select_related("user"), key="user__username", cursor=cursor, limit=limit, show=_member_out)


@router.put(f"{N}/members/{{username}}", response=MemberOut, summary="Add a member, or change a role")
def put_member(request: HttpRequest, namespace: str, username: str, body: MemberIn) -> Any:
    """For administrators of the namespace; owners are made and changed by owners, and the last one stays."""
    found = find_namespace(request, namespace, role=Role.ADMIN)
    row = set_member(person(request), found, find_person(username), ROLE_NAMES[body.role])
    return _member_out(row)


@router.delete(f"{N}/members/{{username}}", response={204: None}, summary="Remove a member")
def delete_member(request: HttpRequest, namespace: str, username: str) -> Any:
    """For administrators of the namespace; everybody can leave by themselves."""
    found = find_namespace(request, namespace)
    user = User.objects.filter(username=username, memberships__namespace=found).first()
    if user is None:
        raise Http404(f"{username} is no member of {namespace}.")
    remove_member(person(request), found, user)
    return Status(204, None)


def _out(row: Namespace, user: User, role: int | None) -> dict[str, Any]:
    role = Role.OWNER if user.is_superuser else role
    return {
        "name": row.name,
        "kind": row.kind,
        "role": Role(role).label if role else None,
        "created_at": row.created_at,
    }


def _member_out(row: Membership) -> dict[str, Any]:
    return {
        "username": row.user.username,
        "role": Role(row.role).label,
        "is_active": row.user.is_active,
        "since": row.created_at,
    }
