"""Robots: accounts of machines, which belong to a namespace and come in by their tokens."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit
from accounts.models import NAMESPACE_NAME, ApiToken, Membership, Namespace, Role, User
from lib.humanize import plural
from lib.refusal import Refused

LONGEST = 64
MOST_ROBOTS = 100
_TAKEN = "{name} is taken. Choose another name."


@dataclass(frozen=True, slots=True)
class RobotWish:
    """What a robot may do, and what it is for."""

    role: Role
    note: str = ""

    def check(self) -> None:
        if self.role not in (Role.READ, Role.WRITE):
            raise Refused("A robot has the read or the write role, never more: it makes no members and no tokens.")
        if len(self.note) > 200:  # noqa: PLR2004
            raise Refused("What it is for has at most 200 characters.")


def make_robot(actor: User, namespace: Namespace, name: str, wish: RobotWish) -> User:
    """A new robot `acme+<name>`, without a token yet. One that was removed comes back under its name, with no token.

    Raises Refused: a name that is odd or taken, a role that is too high, too many robots.
    """
    wish.check()
    _check_name(name)
    username = f"{namespace.name}+{name}"
    with transaction.atomic():
        Namespace.objects.select_for_update().get(pk=namespace.pk)
        if living_robots(namespace) >= MOST_ROBOTS:
            raise Refused(f"{namespace} has {plural(MOST_ROBOTS, 'robot')}, the most it can have. Remove one.")
        robot = User.objects.filter(username=username).first()
        if robot is not None and (robot.robot_of_id != namespace.pk or robot.robot_removed_at is None):
            raise Refused(_TAKEN.format(name=username), code="conflict")
        if robot is None:
            robot = _new_user(username, namespace)
        User.objects.filter(pk=robot.pk).update(is_active=True, robot_removed_at=None, robot_note=wish.note)
        Membership.objects.create(namespace=namespace, user=robot, role=wish.role)
        audit.record(actor, "robot.create", robot, f"role {wish.role.label}")
    robot.refresh_from_db()
    return robot


def change_robot(actor: User, robot: User, wish: RobotWish) -> None:
    """Another role, another word on what it is for. Raises Refused for a role that is too high."""
    wish.check()
    with transaction.atomic():
        _living(robot)
        User.objects.filter(pk=robot.pk).update(robot_note=wish.note)
        Membership.objects.filter(user=robot, namespace=robot.robot_of).update(role=wish.role)
        audit.record(actor, "robot.change", robot, f"role {wish.role.label}")


def set_robot_enabled(actor: User, robot: User, *, enabled: bool) -> None:
    """Let its tokens work or not, from this moment. Again is harmless."""
    with transaction.atomic():
        _living(robot)
        if User.objects.filter(pk=robot.pk).exclude(is_active=enabled).update(is_active=enabled):
            audit.record(actor, "robot.enable" if enabled else "robot.disable", robot)


def remove_robot(actor: User, robot: User) -> None:
    """End the robot and its tokens for good; histories keep its name. Again is harmless."""
    now = timezone.now()
    with transaction.atomic():
        rows = User.objects.filter(pk=robot.pk, robot_removed_at=None).exclude(robot_of=None)
        if not rows.update(is_active=False, robot_removed_at=now):
            return
        ended = ApiToken.objects.filter(user=robot, revoked_at=None).update(revoked_at=now)
        Membership.objects.filter(user=robot).delete()
        audit.record(actor, "robot.remove", robot, f"with {plural(ended, 'token')}")


def living_robots(namespace: Namespace) -> int:
    return User.objects.filter(robot_of=namespace, robot_removed_at=None).count()


def _living(robot: User) -> None:
    """Wait for whoever changes it, and raise Refused where it was removed."""
    if User.objects.select_for_update().get(pk=robot.pk).robot_removed_at is not None:
        raise Refused(f"The robot {robot} was removed. Make it again to use its name.", code="conflict")


def _check_name(name: str) -> None:
    try:
        NAMESPACE_NAME(name)
    except ValidationError as error:
        raise Refused(
            f"“{name[:LONGEST]}” is no name for a robot. It is lower-case letters and digits, with single dots,"
            " underscores or dashes between them, such as `deploy`."
        ) from error
    if len(name) > LONGEST:
        raise Refused(f"A robot's name has at most {LONGEST} characters.")


def _new_user(username: str, namespace: Namespace) -> User:
    try:
        with transaction.atomic():
            return User.objects.create(username=username, robot_of=namespace, password=make_password(None))
    except IntegrityError as error:  # a person of that name, made a moment ago
        raise Refused(_TAKEN.format(name=username), code="conflict") from error
