"""Statements that Imageyard signs for itself (Django's signing, by SECRET_KEY): what Docker keeps, what a build gets.

Whoever holds one is let in by the token server; what they may do is looked up there each time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.core import signing
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models import ApiToken, User

REFRESH_PREFIX = "iyr_"
PASS_PREFIX = "iyb_"  # noqa: S105 -- how one begins, not one
_REFRESH_SALT = "imageyard.registry.refresh"
_PASS_SALT = "imageyard.registry.build"  # noqa: S105


def make_refresh_token(user: User, token: ApiToken | None) -> str:
    """What `docker login` keeps in place of the password: good while the password, or the API token, is."""
    said = {"user": user.pk, "token": str(token.pk)} if token else {"user": user.pk, "password": _mark(user)}
    return REFRESH_PREFIX + signing.dumps(said, salt=_REFRESH_SALT)


def read_refresh_token(text: str) -> tuple[User, ApiToken | None] | None:
    """Who logged in with it; None where it is not ours, its user or token is disabled, or the password is another."""
    said = _read(text, REFRESH_PREFIX, _REFRESH_SALT)
    if said is None:
        return None
    if said.get("token"):
        token = ApiToken.objects.usable(timezone.now()).select_related("user").filter(pk=said["token"]).first()
        return (token.user, token) if token is not None and token.user_id == said.get("user") else None
    user = User.objects.filter(pk=said.get("user") or 0, is_active=True).first()
    is_good = user is not None and constant_time_compare(str(said.get("password")), _mark(user))
    return (user, None) if user is not None and is_good else None


def _mark(user: User) -> str:
    """Changes with the password; half of it does."""
    return user.get_session_auth_hash()[:32]


@dataclass(frozen=True)
class BuildPass:
    """What a build may do at the own registry, and until when (Unix time).

    `repository` is its path, `namespace` the one whose repositories it may pull; public ones it may pull as well.
    """

    build: int
    attempt: int
    repository: str
    namespace: str
    pushes: bool
    until: int

    @property
    def username(self) -> str:
        """The user name of the log-in; a colon, as in `subject`, cannot stand in one (RFC 7617)."""
        return f"build#{self.build}"

    @property
    def subject(self) -> str:
        """The name in tokens and events."""
        return f"build:{self.build}"


def make_build_pass(given: BuildPass) -> str:
    """The password of the build's log-in."""
    return PASS_PREFIX + signing.dumps(asdict(given), salt=_PASS_SALT)


def read_build_pass(text: str, now: float) -> BuildPass | None:
    """None where it is not ours or has ended."""
    said = _read(text, PASS_PREFIX, _PASS_SALT)
    try:
        found = BuildPass(**said) if said is not None else None
    except TypeError:  # of another version of Imageyard
        return None
    return found if found is not None and now < found.until else None


def _read(text: str, prefix: str, salt: str) -> dict[str, Any] | None:
    if not text.startswith(prefix):
        return None
    try:
        said = signing.loads(text.removeprefix(prefix), salt=salt)
    except signing.BadSignature:
        return None
    return said if isinstance(said, dict) else None
