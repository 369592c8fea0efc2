"""The API's registries: those of all for superusers, those of a namespace for its administrators, as the page."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.models import Namespace, Role
from accounts.views.lookup import find_namespace, person
from lib.paging import USUAL, page
from lib.refusal import Refused
from registry.actions.accounts_there import request_check
from registry.actions.external import RegistryDraft, delete_registry, save_registry
from registry.core.kinds import DEFAULT_TEMPLATE, KINDS, Kind
from registry.models import PullCredential, Registry

router = Router(tags=["registries"])
KindName = Literal["plain", "docker_hub", "ghcr", "quay", "harbor", "ecr", "gitlab", "acr", "gar"]


class RegistryIn(Schema):
    name: str = Field(max_length=100)
    kind: KindName = "plain"
    host: str = Field("", max_length=255, description="As in image names; empty for Docker Hub and GHCR.")
    scheme: Literal["https", "http"] = "https"
    username: str = Field("", max_length=255)
    password: str | None = Field(None, max_length=10_000, description="Write only. Absent: the stored one stays.")
    path_template: str = Field(DEFAULT_TEMPLATE, max_length=255, description="Where `{namespace}/{name}` goes there.")
    test_path: str = Field("", max_length=255, description="A repository there on which the check tries to push.")


class NewRegistryIn(RegistryIn):
    namespace: str = Field("", description="Whose it is; empty: everybody's, for superusers to make.")


class LineOut(Schema):
    what: str = Field(description="reach, clock, log-in, pull, push, rate")
    ok: bool | None = Field(description="Absent: it could not be found out, or need not be.")
    sentence: str
    remedy: str


class RateOut(Schema):
    limit: int
    remaining: int
    window_s: int
    seen_at: datetime | None


class RegistryOut(Schema):
    id: int
    name: str
    kind: str
    namespace: str | None
    host: str
    scheme: str
    username: str
    path_template: str
    test_path: str
    is_default: bool
    is_own: bool
    state: str = Field(description="Empty, asked, good or failed.")
    sentence: str
    lines: list[LineOut]
    checked_at: datetime | None
    last_used_at: datetime | None
    last_error: str
    last_error_at: datetime | None
    rate: RateOut | None = Field(description="Pulls that are left, where it counts them.")


class RegistriesOut(Schema):
    items: list[RegistryOut]
    next: str | None


@router.get("/registries", response=RegistriesOut, summary="List registries")
def listing(request: HttpRequest, cursor: str = "", limit: int = USUAL) -> Any:
    """Those that you keep, by name: all for superusers, else those of the namespaces you administrate."""
    rows = Registry.objects.kept_by(request.user).for_page()
    return page(rows, key="name", cursor=cursor, limit=limit, show=show)


@router.post("/registries", response={201: RegistryOut}, summary="Add a registry")
def create(request: HttpRequest, body: NewRegistryIn) -> Any:
    """A worker checks it at once; `state` is `asked` until it did."""
    space = _owner(request, body.namespace)
    return Status(201, show(save_registry(person(request), _draft(body, is_new=True), namespace=space)))


@router.get("/registries/{registry_id}", response=RegistryOut, summary="Read a registry")
def detail(request: HttpRequest, registry_id: int) -> Any:
    """With what its last check found, line by line."""
    return show(_find(request, registry_id))


@router.put("/registries/{registry_id}", response=RegistryOut, summary="Change a registry")
def change(request: HttpRequest, registry_id: int, body: RegistryIn) -> Any:
    """All of it is replaced but the password, which stays where it is absent. It is checked again."""
    found = _find(request, registry_id)
    return show(save_registry(person(request), _draft(body, is_new=False), found))


@router.delete("/registries/{registry_id}", response={204: None}, summary="Remove a registry")
def remove(request: HttpRequest, registry_id: int) -> Any:
    """409 with the list where repositories use it. What was pushed there stays there."""
    delete_registry(person(request), _find(request, registry_id))
    return Status(204, None)


@router.post("/registries/{registry_id}/check", response={202: RegistryOut}, summary="Check a registry")
def check(request: HttpRequest, registry_id: int) -> Any:
    """Have a worker try its account again; `state` is `asked` until it did."""
    found = _find(request, registry_id)
    request_check(found)
    return Status(202, show(found))


def _owner(request: HttpRequest, name: str) -> Namespace | None:
    if name:
        return find_namespace(request, name, role=Role.ADMIN)
    if not person(request).is_superuser:
        raise Refused("Say whose registry it is: `namespace`. Those of everybody are superusers' to add.")
    return None


def _draft(body: RegistryIn, *, is_new: bool) -> RegistryDraft:
    facts = KINDS[Kind(body.kind)]
    return RegistryDraft(
        name=body.name,
        kind=body.kind,
        host=body.host or facts.host,
        scheme=body.scheme,
        username=body.username,
        password=(body.password or "") if is_new else body.password,
        path_template=body.path_template,
        test_path=body.test_path,
    )


def _find(request: HttpRequest, registry_id: int) -> Registry:
    row = Registry.objects.kept_by(request.user).for_page().filter(pk=registry_id).first()
    if row is None:
        raise Http404("There is no such registry, or it is not yours to change.")
    return row


def show(row: Registry) -> dict[str, Any]:
    """A registry without its password."""
    rate = row.rate
    names = ("name", "kind", "host", "scheme", "username", "path_template", "test_path", "is_default", "is_own")
    more = ("last_used_at", "last_error", "last_error_at")
    return {
        **{name: getattr(row, name) for name in (*names, *more)},
        "namespace": row.namespace.name if row.namespace else None,
        "rate": rate
        and {"limit": rate.limit, "remaining": rate.remaining, "window_s": rate.window_s, "seen_at": row.rate_seen_at},
        **show_check(row),
    }


def show_check(row: Registry | PullCredential) -> dict[str, Any]:
    """What the check of an account found."""
    return {
        "id": row.pk,
        "state": str(row.check_state),
        "sentence": row.check_sentence,
        "lines": [line.as_json() for line in row.lines],
        "checked_at": row.checked_at,
    }
