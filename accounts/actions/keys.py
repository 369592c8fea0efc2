"""Making a token for whoever asks, or for a robot: what is asked, checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import ApiToken, User
from accounts.tokens import create_token
from lib.humanize import plural
from lib.refusal import Refused

MOST_TOKENS = 50
MOST_REPOSITORIES = 20
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"\A{_PART}/{_PART}\Z")


@dataclass(frozen=True, slots=True)
class TokenWish:
    """A token as somebody asks for it. `repositories` are paths (`acme/web`); none: whatever its user may."""

    name: str
    scope: str = ApiToken.Scope.FULL
    repositories: Sequence[str] = ()
    expires_at: datetime | None = None


def make_token(actor: User, user: User, wish: TokenWish, *, made_with: ApiToken | None = None) -> tuple[ApiToken, str]:
    """A new token of `user`, who is the actor or a robot of a namespace that the actor administrates; and its text.

    `made_with` is the token that asks, where one does: the new one ends no later. Raises Refused, each with its reason.
    """
    if actor.is_robot:
        raise Refused(f"A robot makes no tokens. An administrator of {actor.robot_of} does.", code="forbidden")
    _check(wish, user)
    if made_with is not None and made_with.expires_at is not None:
        last = made_with.expires_at
        if wish.expires_at is None or wish.expires_at > last:
            raise Refused(
                f"A token that is made with a token ends no later than it: by {last:%Y-%m-%d %H:%M} UTC. Say"
                " `expires_at`, or make it on the page."
            )
    with transaction.atomic():
        if User.objects.select_for_update().get(pk=user.pk).robot_removed_at is not None:
            raise Refused(f"The robot {user} was removed. Make it again to use its name.", code="conflict")
        if ApiToken.objects.filter(user=user).living(timezone.now()).count() >= MOST_TOKENS:
            raise Refused(f"{user} has {plural(MOST_TOKENS, 'token')}, the most there can be. Revoke one first.")
        return create_token(
            user,
            wish.name,
            scope=wish.scope,
            repositories=wish.repositories,
            expires_at=wish.expires_at,
            actor=actor,
        )


def _check(wish: TokenWish, user: User) -> None:
    if not wish.name.strip() or len(wish.name) > 100:  # noqa: PLR2004
        raise Refused("A token has a name of at most 100 characters, so that you know what stops when it ends.")
    if wish.scope not in ApiToken.Scope.values:
        raise Refused("The scope of a token is full, push or pull.")
    if wish.expires_at is not None and wish.expires_at <= timezone.now():
        raise Refused("The time at which the token ends is over already.")
    if wish.repositories and wish.scope == ApiToken.Scope.FULL:
        raise Refused("A token is limited to repositories with the scopes pull and push; “full” has the whole API.")
    if len(wish.repositories) > MOST_REPOSITORIES:
        raise Refused(f"A token is limited to at most {plural(MOST_REPOSITORIES, 'repository', 'repositories')}.")
    for path in wish.repositories:
        if not _PATH.match(path):
            raise Refused(f"“{path[:200]}” is no repository. It has a namespace and a name, such as `acme/web`.")
        if user.robot_of is not None and path.partition("/")[0] != user.robot_of.name:
            raise Refused(f"{path} is not in {user.robot_of}, the namespace of {user}.")
