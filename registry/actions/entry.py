"""Who comes in at the own registry, and what their log-in is good for at most. What they may do is `granting.py`."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from accounts.models import ApiToken, User
from accounts.tokens import LAST_USED_STEP, PREFIX, find_token, registry_actions
from registry.core.grants import PULL, PUSH, Ceiling
from registry.tokens import BuildPass, make_refresh_token, read_build_pass, read_refresh_token
from registry.tokens.passes import PASS_PREFIX

_MOST_PASSWORD = 4096


class NotLetIn(Exception):  # noqa: N818 -- an answer, not a fault
    """The log-in is no good. `sentence` is for the person at the terminal."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class Caller:
    """Who asks for a token: nobody, a user (also a robot), or a build.

    `subject` is the name in the token and in the registry's events. `refresh` is a refresh token that logs the same
    one in again, "" for nobody and for builds.
    """

    subject: str = ""
    user: User | None = None
    build: BuildPass | None = None
    ceiling: Ceiling = field(default_factory=lambda: Ceiling(frozenset({PULL})))
    token: ApiToken | None = None

    def refresh_token(self) -> str:
        return make_refresh_token(self.user, self.token) if self.user is not None else ""


NOBODY = Caller()


def is_secret_of_ours(password: str) -> bool:
    """Whether it is a token or a pass rather than a password: too long to be guessed, and cheap to check."""
    return password.startswith((PREFIX, PASS_PREFIX))


def log_in(username: str, password: str) -> Caller:
    """Let a user in with a password or an API token of theirs, or a build with its pass. Raises NotLetIn."""
    if password.startswith(PASS_PREFIX):
        return _of_build(username, password)
    if "\0" in username + password or len(password) > _MOST_PASSWORD:
        raise NotLetIn(_wrong())
    if password.startswith(PREFIX):
        return _with_token(username, password)
    user = _with_password(username, password)
    return _of(user, None)


def log_in_again(refresh_token: str) -> Caller:
    """Let in who has a refresh token, as what it was made from still lets them in. Raises NotLetIn."""
    found = read_refresh_token(refresh_token)
    if found is None:
        raise NotLetIn(
            "This log-in is over: its API token was revoked or has expired, the password was changed, or the account "
            f"is disabled. Log in again: docker login {settings.REGISTRY_HOST}"
        )
    user, token = found
    if token is not None:
        _note_use(token)
    return _of(user, token)


def _of(user: User, token: ApiToken | None) -> Caller:
    if token is None:
        ceiling = Ceiling(catalog=user.is_superuser)
    else:
        is_full = token.scope == ApiToken.Scope.FULL and not token.repositories
        ceiling = Ceiling(registry_actions(token.scope), token.covers, catalog=user.is_superuser and is_full)
    return Caller(user.username, user, ceiling=ceiling, token=token)


def _with_token(username: str, text: str) -> Caller:
    token = find_token(text)
    if token is None:
        raise NotLetIn(
            f"This API token is unknown, revoked or expired, or its account is disabled. {_where_tokens_are()}"
        )
    if token.user.username.casefold() != username.casefold():
        raise NotLetIn(
            f"This API token is not one of “{username[:64]}”. Log in with the user name of the account that it belongs "
            "to."
        )
    return _of(token.user, token)


def _with_password(username: str, password: str) -> User:
    """Case of the name does not matter, as at the page; a name that two accounts share that way is exact."""
    found = list(User.objects.filter(username__iexact=username)[:2]) if username else []
    user = next((one for one in found if one.username == username), found[0] if len(found) == 1 else None)
    if user is None:
        make_password(password)  # a name that is not there takes as long as a wrong password
        raise NotLetIn(_wrong())
    if not user.check_password(password) or not user.is_active:
        raise NotLetIn(_wrong())
    return user


def _of_build(username: str, password: str) -> Caller:
    found = read_build_pass(password, time.time())
    if found is None or found.username != username:
        raise NotLetIn("This is no pass of a build that is running now. A pass ends with its build's time limit.")
    actions = frozenset({PULL, PUSH}) if found.pushes else frozenset({PULL})
    return Caller(found.subject, build=found, ceiling=Ceiling(actions))


def _wrong() -> str:
    return (
        "No account here has this user name and password. Log in with your user name of Imageyard and your password or "
        f"an API token. {_where_tokens_are()}"
    )


def _where_tokens_are() -> str:
    return f"Tokens are made at {settings.PUBLIC_URL}/account/tokens"


def _note_use(token: ApiToken) -> None:
    """A token is in use where what was made from it is; written down as `find_token` does."""
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > LAST_USED_STEP:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
