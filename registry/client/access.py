"""What an account may do at a registry, found out without changing anything there."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from http import HTTPStatus

import orjson

from registry.client.transport import Call, Transport
from registry.core.challenge import parse_challenge
from registry.core.errors import RegistryError
from registry.core.paging import WrongLink
from registry.core.rate import Rate, parse_rate
from registry.core.refusal import Refusal, explain
from registry.core.upload import upload_path

_ANY = frozenset(range(200, 600))
_TAKEN = frozenset({HTTPStatus.ACCEPTED.value})


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """How the log-in went. `how`: "none" where the registry asks nobody, "basic", or "token".

    `actions` are what a token says that it allows; None where it does not say (an opaque token, a basic log-in).
    """

    how: str
    actions: frozenset[str] | None = None


def log_in(transport: Transport, repository: str = "", actions: str = "") -> LoggedIn:
    """Log in, for `actions` (`pull,push`) on `repository` where they are named. Raises RegistryError.

    A token server is asked for exactly that; what it grants is in the token, if that can be read.
    """
    call = Call("GET", "/v2/", "log-in")
    scope = f"repository:{repository}:{actions}" if repository else ""
    asked = transport.send(replace(call, accepted=call.accepted | {HTTPStatus.UNAUTHORIZED.value}))
    challenge = parse_challenge(asked.headers.get("www-authenticate", ""))
    if asked.status == HTTPStatus.OK or challenge is None:
        return LoggedIn("none")
    made = transport.log_in(challenge, call, scope)
    if challenge.scheme == "basic":
        transport.send(call)
        return LoggedIn("basic")
    if not scope:
        return LoggedIn("token")
    return LoggedIn("token", _granted(made.token.text if made.token else "", repository))


def _granted(token: str, repository: str) -> frozenset[str] | None:
    """What a JWT says of the repository (Distribution, "Token Authentication Implementation"). Read, not verified."""
    parts = token.split(".")
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        rows = claims["access"]
    except (ValueError, LookupError, TypeError):
        return None
    if not isinstance(rows, list):
        return frozenset()
    return frozenset(
        str(action)
        for row in rows
        if isinstance(row, dict) and row.get("type") == "repository" and row.get("name") == repository
        for action in row.get("actions") or ()
    )


def check_pull(transport: Transport, repository: str) -> bool:
    """Whether the repository can be read: False where nothing was pushed yet. Raises RegistryError."""
    call = Call("GET", f"/v2/{repository}/tags/list?n=1", "pull", repository)
    missing = HTTPStatus.NOT_FOUND.value
    answer = transport.send(replace(call, accepted=call.accepted | {missing}, max_bytes=32 * 1024 * 1024))
    return answer.status != missing


def check_push(transport: Transport, repository: str) -> None:
    """Whether the account may push there. Raises RegistryError, with the sentence that a push would end with.

    Where the token says what it allows, it is believed; else an upload is begun and given up at once.
    """
    call = Call("POST", f"/v2/{repository}/blobs/uploads/", "push", repository, accepted=_TAKEN)
    found = log_in(transport, repository, "pull,push")
    if found.actions is not None:
        if not found.actions & {"push", "*"}:
            raise explain(transport.asked(call), Refusal(HTTPStatus.FORBIDDEN, {}, b""))
        return
    begun = transport.send(replace(call, content=b""))
    _give_up(transport, repository, str(begun.headers.get("location", "")))


def _give_up(transport: Transport, repository: str, location: str) -> None:
    """End the upload that was begun; a registry that cannot forgets it by itself."""
    try:
        path = upload_path(location, transport.address, f"/v2/{repository}/blobs/uploads/")
        transport.send(Call("DELETE", path, "push", repository, accepted=_ANY))
    except (RegistryError, WrongLink):
        return


def ask_rate(transport: Transport, repository: str, tag: str) -> Rate | None:
    """How many pulls are left, by a HEAD that counts as none; None where the registry does not tell."""
    call = Call("HEAD", f"/v2/{repository}/manifests/{tag}", "pull", repository, accepted=_ANY)
    answer = transport.send(call)
    rate = parse_rate(answer.headers)
    if rate is None and answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Rate(0, 0)
    return rate
