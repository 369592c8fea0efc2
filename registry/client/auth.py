"""Logging in to a registry: basic, or a bearer token per scope that is kept until shortly before it ends.

How a challenge and a token read is in `registry.core.challenge`; which request needs what is the transport's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

import httpx

from lib.http import Answer, Limits, exchange
from registry.core.challenge import Challenge, Token, basic, parse_token, wanted_scopes
from registry.core.clock import clock_skew
from registry.core.errors import Asked, RegistryError, RegistryErrorKind
from registry.core.refusal import Refusal, explain

_TOKEN_LIMITS = Limits(total_s=20.0, max_bytes=1024 * 1024)
_ACCEPTED = 200


# Makes a token for a scope, where we are the token server ourselves.
Signer = Callable[[str], Token]


@dataclass(frozen=True)
class LogIn:
    """A value for `Authorization`, and what is known of the clock that issued it."""

    authorization: str
    token: Token | None = None
    issuer: str = ""
    issuer_skew_s: float | None = None


class LogIns:
    """Log-ins of one account at one registry by scope. Threads may share it: the worst race fetches a token twice."""

    def __init__(
        self,
        http: httpx.Client,
        scheme: str,
        username: str,
        password: str,
        allow: Callable[[str], None] | None,
        *,
        sign: Signer | None = None,
    ) -> None:
        self.sign = sign
        self._http = http
        self._scheme = scheme
        self._username = username
        self._password = password
        self._allow = allow
        self._kept: dict[str, tuple[float, LogIn]] = {}
        self._lock = threading.Lock()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that must not stand in a message, longest first."""
        with self._lock:
            kept = {log_in.authorization.partition(" ")[2] for _, log_in in self._kept.values()}
        own = {self._password, basic(self._username, self._password).partition(" ")[2]} if self._password else set()
        return tuple(sorted(kept | own, key=len, reverse=True))

    def kept(self, scope: str) -> LogIn | None:
        """Give the log-in that was made for `scope` and is still good, or None. Where we sign, one is made at once."""
        with self._lock:
            good_until, log_in = self._kept.get(scope, (0.0, None))
        if time.monotonic() < good_until:
            return log_in
        return self._keep(scope, *_signed(self.sign(scope))) if self.sign is not None else None

    def forget(self, scope: str) -> None:
        """Drop the log-in for `scope`: the registry no longer takes it."""
        with self._lock:
            self._kept.pop(scope, None)

    def answer(self, challenge: Challenge, scope: str, asked: Asked) -> LogIn:
        """Make and keep the log-in that `challenge` wants. Raises `RegistryError`, `ExchangeError`.

        `scope` is what we need (`repository:acme/web:pull,push`); where the challenge names one, that one is asked for.
        """
        if challenge.scheme == "basic":
            if not self._username:
                raise explain(asked, Refusal(401, {}, b""))
            return self._keep(scope, LogIn(basic(self._username, self._password)), float("inf"))
        if self.sign is not None:
            return self._keep(scope, *_signed(self.sign(" ".join(wanted_scopes(challenge.scope, scope)))))
        return self._keep(scope, *self._fetch(challenge, scope, asked))

    def _keep(self, scope: str, log_in: LogIn, usable_s: float) -> LogIn:
        with self._lock:
            self._kept[scope] = (time.monotonic() + usable_s, log_in)
        return log_in

    def _fetch(self, challenge: Challenge, scope: str, asked: Asked) -> tuple[LogIn, float]:
        parts = urlsplit(challenge.realm)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
            raise _wrong_realm(asked, "its token server has no usable address")
        if self._scheme == "https" and parts.scheme != "https":
            raise _wrong_realm(asked, "it wants the password sent to a token server without TLS")
        answer = self._ask(challenge, scope)
        if answer.status != _ACCEPTED:
            raise explain(asked, Refusal(answer.status, answer.headers, answer.body))
        token = parse_token(answer.body)
        if token is None:
            raise _wrong_realm(asked, f"its token server {parts.hostname} answered without a token")
        skew_s = clock_skew(answer.headers, time.time())
        return LogIn(f"Bearer {token.text}", token, parts.netloc, skew_s), token.usable_s

    def _ask(self, challenge: Challenge, scope: str) -> Answer:
        # Distribution, "Token Authentication Specification": GET, basic log-in, one `scope` for each resource.
        query = [("service", challenge.service)] if challenge.service else []
        query += [("scope", wanted) for wanted in wanted_scopes(challenge.scope, scope)]
        headers = {"Accept": "application/json"}
        if self._username:
            query.append(("account", self._username))
            headers["Authorization"] = basic(self._username, self._password)
        parts = urlsplit(challenge.realm)
        url = urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, urlencode(query)))), fragment=""))
        return exchange(self._http, "GET", url, headers=headers, limits=_TOKEN_LIMITS, allow=self._allow)


def _signed(token: Token) -> tuple[LogIn, float]:
    return LogIn(f"Bearer {token.text}", token, "Imageyard", 0.0), token.usable_s


def _wrong_realm(asked: Asked, clause: str) -> RegistryError:
    return RegistryError(f"{asked.host} refused the {asked.what}: {clause}.", kind=RegistryErrorKind.INVALID)
