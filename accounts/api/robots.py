"""The API's robots and their tokens. For administrators of the namespace, as the page."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db.models import OuterRef, Subquery
from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.actions import RobotWish, change_robot, make_robot, remove_robot, set_robot_enabled
from accounts.api.namespaces import N
from accounts.api.tokens import TokenIn, TokenOut, TokensOut, create_for, list_tokens, revoke_of
from accounts.models import ROLE_NAMES, Membership, Role, User
from accounts.views.lookup import find_namespace, find_robot, person
from lib.paging import USUAL, page

router = Router(tags=["robots"])
ROBOT = f"{N}/robots/{{name}}"


class RobotIn(Schema):
    name: str = Field(description="`deploy` makes `acme+deploy`.")
    role: Literal["read", "write"] = "read"
    note: str = Field("", max_length=200, description="What it is for.")


class RobotChange(Schema):
    role: Literal["read", "write"] | None = None
    note: str | None = Field(None, max_length=200)
    is_active: bool | None = Field(None, description="False: its tokens are refused until this is true again.")


class RobotOut(Schema):
    name: str
    username: str
    role: str
    note: str
    is_active: bool
    created_at: datetime


class RobotsOut(Schema):
    items: list[RobotOut]
    next: str | None


@router.get(f"{N}/robots", response=RobotsOut, summary="List robots")
def listing(request: HttpRequest, namespace: str, cursor: str = "", limit: int = USUAL) -> Any:
    """The robots of a namespace, by name."""
    found = find_namespace(request, namespace, role=Role.ADMIN)
    role = Membership.objects.filter(user=OuterRef("pk"), namespace=found).values("role")
    rows = User.objects.filter(robot_of=found, robot_removed_at=None).annotate(role=Subquery(role[:1]))
    return page(rows, key="username", cursor=cursor, limit=limit, show=lambda row: _out(row, row.role))


@router.post(f"{N}/robots", response={201: RobotOut}, summary="Make a robot")
def create(request: HttpRequest, namespace: str, body: RobotIn) -> Any:
    """An account for a machine, `acme+deploy`: it sees its namespace alone, and comes in by its tokens."""
    found = find_namespace(request, namespace, role=Role.ADMIN)
    role = ROLE_NAMES[body.role]
    return Status(201, _out(make_robot(person(request), found, body.name, RobotWish(role, body.note)), role))


@router.get(ROBOT, response=RobotOut, summary="Read a robot")
def detail(request: HttpRequest, namespace: str, name: str) -> Any:
    """One robot with its role."""
    robot = find_robot(request, namespace, name)
    return _out(robot, _role(robot))


@router.patch(ROBOT, response=RobotOut, summary="Change a robot")
def change(request: HttpRequest, namespace: str, name: str, body: RobotChange) -> Any:
    """Its role, its note, whether its tokens work; what is not sent stays."""
    robot = find_robot(request, namespace, name)
    if body.role is not None or body.note is not None:
        role = ROLE_NAMES[body.role] if body.role else _role(robot)
        change_robot(person(request), robot, RobotWish(role, robot.robot_note if body.note is None else body.note))
    if body.is_active is not None:
        set_robot_enabled(person(request), robot, enabled=body.is_active)
    robot.refresh_from_db()
    return _out(robot, _role(robot))


@router.delete(ROBOT, response={204: None}, summary="Remove a robot")
def remove(request: HttpRequest, namespace: str, name: str) -> Any:
    """Its tokens end at once; histories keep its name."""
    remove_robot(person(request), find_robot(request, namespace, name))
    return Status(204, None)


@router.get(f"{ROBOT}/tokens", response=TokensOut, summary="List the tokens of a robot")
def tokens(request: HttpRequest, namespace: str, name: str, cursor: str = "", limit: int = USUAL) -> Any:
    """Newest first, without their texts; those that ended too."""
    return list_tokens(find_robot(request, namespace, name), cursor, limit)


@router.post(f"{ROBOT}/tokens", response={201: TokenOut}, summary="Make a token of a robot")
def create_token(request: HttpRequest, namespace: str, name: str, body: TokenIn) -> Any:
    """Its text is in this answer, and never again. Several work at a time, so one replaces another without a gap."""
    return create_for(request, find_robot(request, namespace, name), body)


@router.delete(f"{ROBOT}/tokens/{{token_id}}", response={204: None}, summary="Revoke a token of a robot")
def revoke(request: HttpRequest, namespace: str, name: str, token_id: UUID) -> Any:
    """It is refused from now on; the others go on. Again is harmless."""
    return revoke_of(request, find_robot(request, namespace, name), token_id)


def _role(robot: User) -> Role:
    row = Membership.objects.filter(user=robot, namespace=robot.robot_of).first()
    return Role(row.role) if row else Role.READ


def _out(robot: User, role: int | None) -> dict[str, Any]:
    return {
        "name": robot.username.partition("+")[2],
        "username": robot.username,
        "role": Role(role).label if role else "none",
        "note": robot.robot_note,
        "is_active": robot.is_active,
        "created_at": robot.date_joined,
    }
