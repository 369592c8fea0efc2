"""Finding the namespace that an address names, for the person who asks: a stranger finds nothing."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from accounts.access import Access, role_of
from accounts.models import Namespace, Role, User


def access_in(request: HttpRequest, namespace: Namespace) -> Access:
    """The access of the person who asks; looked up once for each request and namespace."""
    known: dict[int, Access] = request.__dict__.setdefault("_imageyard_access", {})
    if namespace.pk not in known:
        known[namespace.pk] = Access(role_of(request.user, namespace))
    return known[namespace.pk]


def find_namespace(request: HttpRequest, name: str, *, role: Role = Role.READ) -> Namespace:
    """The namespace `name` in which the person who asks has at least `role`.

    Raises Http404 for who is no member, PermissionDenied for a member of a lower role.
    """
    namespace = Namespace.objects.filter(name=name).first()
    mine = access_in(request, namespace).role if namespace else None
    if namespace is None or mine is None:
        raise Http404(f"There is no namespace {name}, or you are not a member of it.")
    if mine < role:
        raise PermissionDenied(f"You need the {role.label} role in {name} to do that. Ask an owner of {name} for it.")
    return namespace


def find_robot(request: HttpRequest, namespace: str, name: str) -> User:
    """The robot `namespace+name`, for administrators of the namespace. Raises as `find_namespace`, or Http404."""
    space = find_namespace(request, namespace, role=Role.ADMIN)
    rows = User.objects.filter(robot_of=space, robot_removed_at=None)
    found = rows.filter(username=f"{namespace}+{name}").first()
    if found is None:
        raise Http404(f"{namespace} has no robot {name}. It may have been removed.")
    found.robot_of = space  # spares the query for what is at hand
    return found


def namespace_page(request: HttpRequest, namespace: Namespace, tab: str) -> dict[str, Any]:
    """What `accounts/namespace_base.html`, which each page of a namespace extends, needs to know. `tab` is its own."""
    return {"namespace": namespace, "access": access_in(request, namespace), "tab": tab}


def person(request: HttpRequest) -> User:
    """Who asks. Only for views that were checked for a role, or for a log-in: those have somebody."""
    assert isinstance(request.user, User)
    return request.user
