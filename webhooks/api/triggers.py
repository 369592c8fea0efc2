"""The API's triggers: making, listing and revoking tokens, and their last calls. For admins, as the page."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.models import Role
from builds.views.lookup import find_repository, find_source, person
from lib.paging import USUAL, page
from lib.refusal import Refused
from webhooks.actions.triggers import create_trigger, revoke_trigger
from webhooks.api.deliveries import VerdictOut
from webhooks.models import TriggerCall, TriggerToken
from webhooks.views.triggers import trigger_url

router = Router(tags=["triggers"])
R = "/repositories/{namespace}/{name}/triggers"


class TriggerTokenIn(Schema):
    name: str = Field(max_length=100)


class TriggerTokenOut(Schema):
    id: UUID
    name: str
    prefix: str
    created_at: datetime
    created_by: str | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    url: str | None = Field(None, description="The secret address; only in the answer that made it.")


class TriggerCallOut(Schema):
    id: int
    token: str
    at: datetime
    remote_address: str
    body: str
    ref_type: str
    ref: str
    commit: str
    status: str
    code: int
    sentence: str
    verdicts: list[VerdictOut]
    builds: list[int]
    times: int


class TriggerCallsOut(Schema):
    items: list[TriggerCallOut]
    next: str | None


@router.get(R, response=list[TriggerTokenOut], summary="List trigger tokens")
def listing(request: HttpRequest, namespace: str, name: str) -> Any:
    """The tokens of a repository, without their secrets; the revoked ones too."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    return [
        _out(row) for row in TriggerToken.objects.filter(source__repository=repository).select_related("created_by")
    ]


@router.post(R, response={201: TriggerTokenOut}, summary="Make a trigger token")
def create(request: HttpRequest, namespace: str, name: str, body: TriggerTokenIn) -> Any:
    """A secret address that starts builds by POST. It is in this answer, and never again."""
    source = find_source(find_repository(request, namespace, name, role=Role.ADMIN))
    if source is None:
        raise Refused(
            f"{namespace}/{name} has no source yet, so a trigger would have nothing to build. Link one first."
        )
    token, secret = create_trigger(person(request), source, body.name)
    return Status(201, {**_out(token), "url": trigger_url(secret)})


@router.delete(f"{R}/{{uuid:token_id}}", response={204: None}, summary="Revoke a trigger token")
def revoke(request: HttpRequest, namespace: str, name: str, token_id: UUID) -> Any:
    """End a token; its address answers 404 from then on. Again is harmless."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    token = TriggerToken.objects.filter(source__repository=repository, pk=token_id).first()
    if token is None:
        raise Http404(f"{repository.path} has no such trigger token.")
    revoke_trigger(person(request), token)
    return Status(204, None)


@router.get(f"{R}/calls", response=TriggerCallsOut, summary="List the calls of triggers")
def calls(request: HttpRequest, namespace: str, name: str, cursor: str = "", limit: int = USUAL) -> Any:
    """What came to the triggers of a repository, newest first, and what came of it."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    rows = TriggerCall.objects.filter(token__source__repository=repository).select_related("token")
    return page(rows, key="-pk", cursor=cursor, limit=limit, show=_call_out)


def _out(token: TriggerToken) -> dict[str, Any]:
    return {
        "id": token.pk,
        "name": token.name,
        "prefix": token.prefix,
        "created_at": token.created_at,
        "created_by": token.created_by.get_username() if token.created_by else None,
        "last_used_at": token.last_used_at,
        "revoked_at": token.revoked_at,
    }


def _call_out(call: TriggerCall) -> dict[str, Any]:
    names = ("at", "remote_address", "body", "ref_type", "ref", "commit", "status", "code", "sentence", "times")
    shown = {name: getattr(call, name) for name in names}
    return {**shown, "id": call.pk, "token": call.token.name, "verdicts": call.verdicts, "builds": call.build_ids}
