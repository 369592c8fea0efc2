"""`WWW-Authenticate` challenges and the tokens that answer them, as text. Fetching a token is the client's."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

import orjson

# Distribution token specification: a token without `expires_in` lives 60 s.
DEFAULT_LIFETIME_S = 60.0
_MARGIN = 0.2
_MAX_MARGIN_S = 10.0
_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*\Z")


@dataclass(frozen=True)
class Challenge:
    """One challenge. `scheme` is `bearer` or `basic`; the rest is empty for basic."""

    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""


@dataclass(frozen=True)
class Token:
    """A bearer token. `usable_s`: how long to use it from its receipt, short of its life so that it does not end on
    the way. `not_before` (Unix time by the issuer's clock) where the token is a JWT that says so, else None.
    """

    text: str
    usable_s: float
    not_before: float | None = None


def parse_challenge(header: str) -> Challenge | None:
    """Read a `WWW-Authenticate` value (RFC 9110 11.6.1; Distribution, "Token Authentication"). None: nothing usable.

    Where several challenges stand in one header, bearer goes before basic.
    """
    found: dict[str, Challenge] = {}
    for match in re.finditer(r"(?:^|,)\s*(bearer|basic)\b", header, re.IGNORECASE):
        rest = re.split(r",\s*(?:bearer|basic)\s", header[match.end() :], maxsplit=1, flags=re.IGNORECASE)[0]
        given = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(rest)}
        scheme = match.group(1).lower()
        if scheme == "basic":
            found.setdefault(scheme, Challenge("basic"))
        elif given.get("realm"):
            challenge = Challenge("bearer", given["realm"], given.get("service", ""), given.get("scope", ""))
            found.setdefault(scheme, challenge)
    return found.get("bearer") or found.get("basic")


def wanted_scopes(challenged: str, needed: str) -> list[str]:
    """The scopes to ask a token server for, one for each repository: what the registry named, and what we need besides.

    A mount needs two, and many registries name only the one that is written to.
    """
    named = [scope for scope in challenged.split(" ") if scope]
    known = {scope.rpartition(":")[0] for scope in named}
    return named + [scope for scope in needed.split(" ") if scope and scope.rpartition(":")[0] not in known]


def parse_token(body: bytes) -> Token | None:
    """Read a token server's answer: `token` or `access_token`, `expires_in` in seconds. None: it is not one."""
    try:
        document = orjson.loads(body)
    except ValueError:
        return None
    text = (document.get("token") or document.get("access_token")) if isinstance(document, dict) else None
    if not isinstance(text, str) or not _TOKEN.match(text):
        return None
    lifetime = document.get("expires_in")
    if isinstance(lifetime, bool) or not isinstance(lifetime, (int, float)) or not 0 < lifetime < 10**9:
        lifetime = DEFAULT_LIFETIME_S
    return Token(text, lifetime - min(lifetime * _MARGIN, _MAX_MARGIN_S), _not_before(text))


def _not_before(text: str) -> float | None:
    # Read, not verified: it only words a sentence. RFC 7519 section 4.1.5.
    parts = text.split(".")
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        value = claims["nbf"]
    except (ValueError, LookupError, TypeError):
        return None
    return float(value) if isinstance(value, (int, float)) else None


def basic(username: str, password: str) -> str:
    """Make the value of `Authorization` for a user name and password (RFC 7617, UTF-8)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
