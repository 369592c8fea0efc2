"""The API's connections to forges, and what a repository has at its forge. For admins, as the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.models import Namespace, Role
from builds.views.lookup import find_repository, find_source, person
from lib.refusal import Refused
from webhooks.actions import links
from webhooks.actions.connections import ConnectionDraft, delete_connection, request_check, save_connection
from webhooks.models import ForgeConnection, SourceLink

router = Router(tags=["forges"])
F = "/repositories/{namespace}/{name}/forge"


class ConnectionIn(Schema):
    namespace: str
    name: str = Field(max_length=100)
    forge: Literal["github", "gitlab", "gitea", "bitbucket"]
    server: str = Field("", max_length=400, description="As in a browser; empty for the forge's own service.")
    kind: Literal["token", "app"] = "token"
    owner: str = Field("", max_length=255)
    username: str = Field("", max_length=255)
    token: str | None = Field(None, max_length=2000, description="Write only. Absent: the stored one stays.")
    app_id: str = Field("", max_length=32)
    installation_id: str = Field("", max_length=32)
    private_key: str | None = Field(None, max_length=20_000, description="Write only. Absent: the stored one stays.")


class ConnectionOut(Schema):
    id: int
    namespace: str
    name: str
    forge: str
    kind: str
    api_url: str
    owner: str
    state: str = Field(description="Empty, asked, good or failed.")
    sentence: str
    checked_at: datetime | None
    paused_until: datetime | None


class ForgeIn(Schema):
    connection: int
    full_name: str = Field(max_length=255, description="As the forge calls the repository.")
    reports_status: bool = True


class FindingOut(Schema):
    hook_id: str
    url: str
    problem: str
    sentence: str
    remedy: str


class ForgeOut(Schema):
    connection: int
    full_name: str
    reports_status: bool
    asked: str = Field(description="What a worker shall do there next; empty: nothing.")
    hook_state: str
    hook_sentence: str
    key_sentence: str
    findings: list[FindingOut]
    checked_at: datetime | None


class ErrandIn(Schema):
    do: Literal["look", "install", "mend", "remove"]
    hooks: list[str] = Field([], max_length=50, description="Ids of the webhooks to mend or to remove.")


@router.get("/connections", response=list[ConnectionOut], summary="List connections to forges")
def listing(request: HttpRequest) -> Any:
    """Those of every namespace in which you are an admin, without their secrets."""
    return [_connection(row) for row in ForgeConnection.objects.administered_by(request.user).for_page()]


@router.post("/connections", response={201: ConnectionOut}, summary="Connect to a forge")
def create(request: HttpRequest, body: ConnectionIn) -> Any:
    """A worker checks it then; ask again for what it found."""
    return Status(201, _connection(save_connection(person(request), _namespace(request, body), _draft(body))))


@router.put("/connections/{int:connection_id}", response=ConnectionOut, summary="Change a connection")
def change(request: HttpRequest, connection_id: int, body: ConnectionIn) -> Any:
    """Everything but its namespace; secrets that are absent stay."""
    row = _find(request, connection_id)
    return _connection(save_connection(person(request), row.namespace, _draft(body), row))


@router.post("/connections/{int:connection_id}/check", response={202: ConnectionOut}, summary="Check a connection")
def check(request: HttpRequest, connection_id: int) -> Any:
    """A worker asks the forge whose token it is and what it lacks."""
    row = _find(request, connection_id)
    request_check(row)
    return Status(202, _connection(row))


@router.delete("/connections/{int:connection_id}", response={204: None}, summary="Remove a connection")
def delete(request: HttpRequest, connection_id: int) -> Any:
    """The token is forgotten. What was installed at the forge stays there."""
    delete_connection(person(request), _find(request, connection_id))
    return Status(204, None)


@router.get(F, response=ForgeOut, summary="What a repository has at its forge")
def show(request: HttpRequest, namespace: str, name: str) -> Any:
    """Which repository it is there, its webhook and deploy key, and webhooks there that are not right."""
    return _link(_find_link(request, namespace, name))


@router.put(F, response=ForgeOut, summary="Link a repository to its forge")
def link(request: HttpRequest, namespace: str, name: str, body: ForgeIn) -> Any:
    """The source must be there already; a worker looks at the webhooks then."""
    source = find_source(find_repository(request, namespace, name, role=Role.ADMIN))
    if source is None:
        raise Refused(f"{namespace}/{name} has no source yet. Link a Git repository first.")
    row = ForgeConnection.objects.filter(namespace=source.repository.namespace_id, pk=body.connection).first()
    if row is None:
        raise Refused(f"{namespace} has no connection {body.connection}.")
    made = links.link_source(person(request), source, row, body.full_name)
    if made.reports_status != body.reports_status:
        links.set_reporting(person(request), made, reports=body.reports_status)
    return _link(made)


@router.post(f"{F}/errands", response={202: ForgeOut}, summary="Have something done at the forge")
def errand(request: HttpRequest, namespace: str, name: str, body: ErrandIn) -> Any:
    """Look at the webhooks, install ours and the deploy key, mend or remove some. A worker does it."""
    found = _find_link(request, namespace, name)
    if body.do == "install":
        links.install(person(request), found)
    elif body.do == "mend":
        links.mend(person(request), found, body.hooks)
    elif body.do == "remove":
        links.remove(person(request), found, body.hooks)
    else:
        links.ask(found, SourceLink.Errand.LOOK)
    return Status(202, _link(found))


@router.delete(F, response={204: None}, summary="Forget what a repository is at its forge")
def unlink(request: HttpRequest, namespace: str, name: str) -> Any:
    """No status is reported any more. The webhook and the key stay at the forge."""
    links.unlink_source(person(request), _find_link(request, namespace, name))
    return Status(204, None)


def _namespace(request: HttpRequest, body: ConnectionIn) -> Namespace:
    found = Namespace.objects.with_role(request.user, Role.ADMIN).filter(name=body.namespace).first()
    if found is None:
        raise Refused(f"There is no namespace {body.namespace} in which you are an admin.", code="not_found")
    return found


def _draft(body: ConnectionIn) -> ConnectionDraft:
    return ConnectionDraft(**body.model_dump(exclude={"namespace"}))


def _find(request: HttpRequest, connection_id: int) -> ForgeConnection:
    rows = ForgeConnection.objects.administered_by(request.user).select_related("namespace")
    found = rows.filter(pk=connection_id).first()
    if found is None:
        raise Http404("There is no such connection, or you are not an admin of its namespace.")
    return found


def _find_link(request: HttpRequest, namespace: str, name: str) -> SourceLink:
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    found = SourceLink.objects.filter(source__repository=repository).select_related("source__repository__namespace")
    row = found.first()
    if row is None:
        raise Http404(f"{repository.path} is linked to no repository at a forge yet.")
    return row


def _connection(row: ForgeConnection) -> dict[str, Any]:
    return {
        "id": row.pk,
        "namespace": row.namespace.name,
        "name": row.name,
        "forge": row.forge,
        "kind": row.kind,
        "api_url": row.api_url,
        "owner": row.owner,
        "state": row.check_state,
        "sentence": row.failing_sentence or row.check_sentence,
        "checked_at": row.checked_at,
        "paused_until": row.paused_until,
    }


def _link(row: SourceLink) -> dict[str, Any]:
    return {
        "connection": row.connection_id,
        "full_name": row.full_name,
        "reports_status": row.reports_status,
        "asked": row.errand,
        "hook_state": row.hook_state,
        "hook_sentence": row.hook_sentence,
        "key_sentence": row.key_sentence,
        "findings": row.findings,
        "checked_at": row.checked_at,
    }
