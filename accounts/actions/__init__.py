"""What happens to namespaces, their members and robots, and everybody's tokens. Who may ask is the shells' to know."""

from __future__ import annotations

from accounts.actions.keys import MOST_TOKENS, TokenWish, make_token
from accounts.actions.members import find_person, remove_member, set_member
from accounts.actions.namespaces import make_namespace
from accounts.actions.robots import (
    MOST_ROBOTS,
    RobotWish,
    change_robot,
    make_robot,
    remove_robot,
    set_robot_enabled,
)

__all__ = [
    "MOST_ROBOTS",
    "MOST_TOKENS",
    "RobotWish",
    "TokenWish",
    "change_robot",
    "find_person",
    "make_namespace",
    "make_robot",
    "make_token",
    "remove_member",
    "remove_robot",
    "set_member",
    "set_robot_enabled",
]
