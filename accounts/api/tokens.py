"""The API's tokens: one's own, made, listed and revoked. Those of robots have the same shapes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Field, Router, Schema, Status

from accounts.actions import TokenWish, make_token
from accounts.models import ApiToken, User
from accounts.tokens import revoke_token
from accounts.views.lookup import person
from lib.paging import USUAL, page_by

router = Router(tags=["tokens"])


class TokenIn(Schema):
    name: str = Field(max_length=100, description="What uses it.")
    scope: Literal["full", "push", "pull"] = Field(
        "full", description="`full`: API and registry; `push`, `pull`: the registry alone."
    )
    repositories: list[str] = Field([], description="Paths, `acme/web`, that a token for the registry is limited to.")
    expires_at: datetime | None = Field(None, description="When it ends; null: when it is revoked.")


class TokenOut(Schema):
    id: UUID
    name: str
    user: str
    prefix: str
    scope: str
    repositories: list[str]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    token: str | None = Field(None, description="The token itself; only in the answer that made it.")


class TokensOut(Schema):
    items: list[TokenOut]
    next: str | None


@router.get("/tokens", response=TokensOut, summary="List your tokens")
def listing(request: HttpRequest, cursor: str = "", limit: int = USUAL) -> Any:
    """Your own, newest first, without their texts; those that ended too."""
    return list_tokens(person(request), cursor, limit)


@router.post("/tokens", response={201: TokenOut}, summary="Make a token of yours")
def create(request: HttpRequest, body: TokenIn) -> Any:
    """Its text is in this answer, and never again. One that a token makes ends no later than that token."""
    return create_for(request, person(request), body)


@router.delete("/tokens/{token_id}", response={204: None}, summary="Revoke a token of yours")
def revoke(request: HttpRequest, token_id: UUID) -> Any:
    """It is refused from now on, everywhere. Again is harmless."""
    return revoke_of(request, person(request), token_id)


def list_tokens(user: User, cursor: str, limit: int) -> dict[str, Any]:
    rows = ApiToken.objects.filter(user=user).select_related("user")
    return page_by(rows, keys=("-created_at", "pk"), cursor=cursor, limit=limit, show=_out)


def create_for(request: HttpRequest, user: User, body: TokenIn) -> Status[dict[str, Any]]:
    """A token of `user`, made by whoever calls."""
    end = body.expires_at
    if end is not None and timezone.is_naive(end):
        end = timezone.make_aware(end)
    wish = TokenWish(body.name, body.scope, body.repositories, end)
    row, text = make_token(person(request), user, wish, made_with=getattr(request, "api_token", None))
    return Status(201, {**_out(row), "token": text})


def revoke_of(request: HttpRequest, user: User, token_id: UUID) -> Status[None]:
    row = ApiToken.objects.filter(pk=token_id, user=user).first()
    if row is None:
        raise Http404(f"{user} has no such token.")
    revoke_token(person(request), row)
    return Status(204, None)


def _out(row: ApiToken) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "user": row.user.username,
        "prefix": row.prefix,
        "scope": row.scope,
        "repositories": row.repositories,
        "created_at": row.created_at,
        "last_used_at": row.last_used_at,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
    }
