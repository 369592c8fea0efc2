"""The API's accounts for private base images: of a namespace for its administrators, of all for superusers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.models import Namespace, Role
from accounts.views.lookup import find_namespace, person
from lib.paging import USUAL, page
from registry.actions.accounts_there import request_check
from registry.actions.credentials import CredentialDraft, delete_credential, save_credential
from registry.api.registries import LineOut, show_check
from registry.models import PullCredential

router = Router(tags=["registries"])
C = "/credentials/{credential_id}"


class CredentialIn(Schema):
    host: str = Field(max_length=255, description="As in `FROM`; Docker Hub is `docker.io`.")
    scheme: Literal["https", "http"] = "https"
    username: str = Field(max_length=255)
    password: str | None = Field(None, max_length=10_000, description="Write only. Absent: the stored one stays.")
    test_image: str = Field("", max_length=255, description="A private image there that the check reads.")


class CredentialOut(Schema):
    id: int
    namespace: str | None = Field(description="Absent: for builds of all namespaces.")
    host: str
    scheme: str
    username: str
    test_image: str
    state: str = Field(description="Empty, asked, good or failed.")
    sentence: str
    lines: list[LineOut]
    checked_at: datetime | None
    last_used_at: datetime | None


class CredentialsOut(Schema):
    items: list[CredentialOut]
    next: str | None


@router.get("/credentials", response=CredentialsOut, summary="List accounts for base images")
def listing(request: HttpRequest, namespace: str = "", cursor: str = "", limit: int = USUAL) -> Any:
    """Those that you keep; `?namespace=` narrows them down."""
    rows = PullCredential.objects.kept_by(request.user).for_page()
    if namespace:
        rows = rows.filter(namespace=find_namespace(request, namespace, role=Role.ADMIN))
    return page(rows, key="pk", cursor=cursor, limit=limit, show=_show)


@router.post("/credentials", response={201: CredentialOut}, summary="Add an account for all namespaces")
def create_for_all(request: HttpRequest, body: CredentialIn) -> Any:
    """For superusers. A worker checks it at once; `state` is `asked` until it did."""
    if not person(request).is_superuser:
        raise PermissionDenied("Accounts for all namespaces are superusers' to add.")
    return Status(201, _show(save_credential(person(request), None, _draft(body, is_new=True))))


@router.post("/namespaces/{namespace}/credentials", response={201: CredentialOut}, summary="Add an account")
def create(request: HttpRequest, namespace: str, body: CredentialIn) -> Any:
    """For the builds of one namespace; it goes before one for all with the same host."""
    space: Namespace = find_namespace(request, namespace, role=Role.ADMIN)
    return Status(201, _show(save_credential(person(request), space, _draft(body, is_new=True))))


@router.get(C, response=CredentialOut, summary="Read an account for base images")
def detail(request: HttpRequest, credential_id: int) -> Any:
    """With what its last check found, line by line."""
    return _show(_find(request, credential_id))


@router.put(C, response=CredentialOut, summary="Change an account for base images")
def change(request: HttpRequest, credential_id: int, body: CredentialIn) -> Any:
    """All of it is replaced but the password, which stays where it is absent."""
    found = _find(request, credential_id)
    return _show(save_credential(person(request), found.namespace, _draft(body, is_new=False), found))


@router.delete(C, response={204: None}, summary="Remove an account for base images")
def remove(request: HttpRequest, credential_id: int) -> Any:
    """Builds read its images as nobody from now on."""
    delete_credential(person(request), _find(request, credential_id))
    return Status(204, None)


@router.post(f"{C}/check", response={202: CredentialOut}, summary="Check an account for base images")
def check(request: HttpRequest, credential_id: int) -> Any:
    """Have a worker try it again."""
    found = _find(request, credential_id)
    request_check(found)
    return Status(202, _show(found))


def _draft(body: CredentialIn, *, is_new: bool) -> CredentialDraft:
    password = (body.password or "") if is_new else body.password
    return CredentialDraft(
        host=body.host, scheme=body.scheme, username=body.username, password=password, test_image=body.test_image
    )


def _find(request: HttpRequest, credential_id: int) -> PullCredential:
    row = PullCredential.objects.kept_by(request.user).for_page().filter(pk=credential_id).first()
    if row is None:
        raise Http404("There is no such account, or it is not yours to change.")
    return row


def _show(row: PullCredential) -> dict[str, Any]:
    names = ("host", "scheme", "username", "test_image", "last_used_at")
    return {
        **{name: getattr(row, name) for name in names},
        "namespace": row.namespace.name if row.namespace else None,
        **show_check(row),
    }
