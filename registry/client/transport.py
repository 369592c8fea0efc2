"""One call to a registry's API: log-in, retries, time and size limits, and every failure as a `RegistryError`.

Which calls there are is in `registry.client.client`; what a refusal means in `registry.core.errors`.
"""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Self

from lib.addresses import AddressRefused
from lib.http import Answer, Download, ExchangeError, Limits, download, exchange, make_client
from lib.humanize import format_duration
from registry.client.auth import LogIn, LogIns, Signer
from registry.core.challenge import Challenge, parse_challenge
from registry.core.clock import clock_skew, retry_after
from registry.core.errors import (
    SKEW_WORTH_NAMING_S,
    Action,
    Asked,
    RegistryError,
    RegistryErrorKind,
    distrusted,
    unreachable,
    wrong_clock,
)
from registry.core.patience import Patience
from registry.core.refusal import Refusal, explain

MANIFEST_BYTES = 8 * 1024 * 1024
_STORING_S = 180.0
"""A registry that keeps its blobs in object storage moves a large one before it answers."""
_ACTIONS: dict[Action, str] = {"pull": "pull", "tag list": "pull", "push": "pull,push", "deletion": "delete"}


@dataclass(frozen=True)
class Call:
    """One request to the API. Every call here may be sent twice: the registry ends in the same state.

    `path` starts with `/v2/`. `accepted` are the statuses that are answers; any other is a refusal.
    """

    method: str
    path: str
    action: Action
    repository: str = ""
    reference: str = ""
    accepted: frozenset[int] = frozenset({HTTPStatus.OK})
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | Callable[[], Iterable[bytes]] | None = None  # pieces are made anew for every try
    max_bytes: int = MANIFEST_BYTES
    patience: Patience | None = None
    also_pull: str = ""  # another repository that is read with it
    total_s: float | None = None  # of one try, where what it sends is large; no log-in and no retry has part in it

    @property
    def scope(self) -> str:
        """What a token has to allow: one scope for each repository, with a space between them."""
        if not self.repository:
            return ""
        own = f"repository:{self.repository}:{_ACTIONS.get(self.action, '')}"
        return f"{own} repository:{self.also_pull}:pull" if self.also_pull else own


class Transport:
    """Sends calls to one registry as one account. Threads may share it."""

    def __init__(
        self,
        host: str,
        scheme: str,
        username: str,
        password: str,
        *,
        patience: Patience,
        wait: Callable[[float], None],
        allow: Callable[[str], None] | None,
        address: str = "",
        sign: Signer | None = None,
    ) -> None:
        self.host = host
        self.address = address or host
        self._scheme = scheme
        self._username = username
        self._patience = patience
        self._wait = wait
        self._allow = allow
        self._deadline = float("inf")
        self._http = make_client()
        self._log_ins = LogIns(self._http, scheme, username, password, allow, sign=sign)

    def close(self) -> None:
        self._http.close()

    @property
    def signs(self) -> bool:
        """Whether the registry is to believe tokens of our own."""
        return self._log_ins.sign is not None

    def log_in(self, challenge: Challenge, call: Call, scope: str) -> LogIn:
        """Make the log-in that `challenge` wants, for `scope`. Asked once. Raises `RegistryError`."""
        asked, failure = self.asked(call), None
        try:
            return self._log_ins.answer(challenge, scope, asked)
        except ExchangeError as error:
            failure = unreachable(asked, error.reason, retryable=error.retryable)
        except AddressRefused as error:
            failure = RegistryError(error.message, kind=RegistryErrorKind.NETWORK, retryable=error.retryable)
        except RegistryError as error:
            failure = error
        raise self._told(failure, 1, None)

    def within(self, total_s: float, wait: Callable[[float], None] | None) -> Self:
        """Give the same transport for calls that must all be over in `total_s` from now; each still gets one second."""
        bounded = copy.copy(self)
        bounded._deadline = min(self._deadline, time.monotonic() + total_s)  # noqa: SLF001 — a copy of our own
        bounded._wait = wait or self._wait  # noqa: SLF001
        return bounded

    def asked(self, call: Call) -> Asked:
        separator = "@" if ":" in call.reference else ":"
        name = f"{call.repository}{separator}{call.reference}" if call.reference else call.repository
        return Asked(self.host, call.action, name, self._username)

    def send(self, call: Call) -> Answer:
        """Send a call until it is answered, or refused for good, or patience ends. Raises `RegistryError`."""
        patience = call.patience or self._patience
        asked, started, tries = self.asked(call), time.monotonic(), 0
        while True:
            tries += 1
            hint: float | None = None
            left_s = min(patience.total_s - (time.monotonic() - started), self._deadline - time.monotonic())
            try:
                answer = self._authorised(call, asked, _limits(call, left_s))
                if answer.status in call.accepted:
                    return answer
                hint = retry_after(answer.headers)
                error = explain(asked, Refusal(answer.status, answer.headers, answer.body))
            except ExchangeError as failure:
                error = unreachable(asked, failure.reason, retryable=failure.retryable)
            except AddressRefused as refused:
                error = RegistryError(refused.message, kind=RegistryErrorKind.NETWORK, retryable=refused.retryable)
            except RegistryError as failure:
                error = failure
            spent_s = time.monotonic() - started
            pause = patience.pause(tries, spent_s=spent_s, jitter=_jitter(), retry_after_s=hint)
            if not error.retryable or pause is None or time.monotonic() + pause > self._deadline:
                raise self._told(error, tries, hint)
            self._wait(pause)

    @contextmanager
    def stream(self, call: Call, total_s: float) -> Iterator[Iterator[bytes]]:
        """Begin a GET whose answer is too large to hold; its pieces, for at most `total_s`. Raises `RegistryError`.

        Tried once, with a fresh log-in where the registry wants one: whoever reads so much asks again later.
        """
        asked = self.asked(call)
        try:
            with self._begun(call, asked, total_s) as answer:
                if answer.status != HTTPStatus.OK:
                    error = explain(asked, Refusal(answer.status, answer.headers, b""))
                    raise self._told(error, 1, retry_after(answer.headers))
                yield answer.chunks
        except ExchangeError as failure:
            raise self._told(unreachable(asked, failure.reason, retryable=failure.retryable), 1, None) from failure
        except AddressRefused as refused:
            raise RegistryError(refused.message, kind=RegistryErrorKind.NETWORK) from refused

    @contextmanager
    def _begun(self, call: Call, asked: Asked, total_s: float) -> Iterator[Download]:
        url = f"{self._scheme}://{self.address}{call.path}"
        log_in = self._log_ins.kept(call.scope)
        for is_last in (False, True):
            headers = {**call.headers, **({"Authorization": log_in.authorization} if log_in else {})}
            with download(self._http, url, headers=headers, total_s=total_s, allow=self._allow) as answer:
                challenge = parse_challenge(answer.headers.get("www-authenticate", ""))
                if is_last or answer.status != HTTPStatus.UNAUTHORIZED or challenge is None:
                    yield answer
                    return
            log_in = self._log_ins.answer(challenge, call.scope, asked)

    def _authorised(self, call: Call, asked: Asked, limits: Limits) -> Answer:
        """Send once; where the registry wants a log-in, make a fresh one and send once more."""
        used = self._log_ins.kept(call.scope)
        answer = self._exchange(call, used, limits)
        challenge = parse_challenge(answer.headers.get("www-authenticate", ""))
        if answer.status != HTTPStatus.UNAUTHORIZED or challenge is None or answer.status in call.accepted:
            return answer
        self._log_ins.forget(call.scope)
        fresh = self._log_ins.answer(challenge, call.scope, asked)
        answer = self._exchange(call, fresh, limits)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._log_ins.forget(call.scope)
            self._blame_the_clock(asked, answer, fresh)
            if 'error="invalid_token"' in answer.headers.get("www-authenticate", ""):
                raise distrusted(asked, fresh.issuer, status=answer.status)
            if fresh.token is not None:
                # The token server let the account in; what the token allows is not enough.
                raise explain(asked, Refusal(HTTPStatus.FORBIDDEN, answer.headers, answer.body))
        return answer

    def _exchange(self, call: Call, log_in: LogIn | None, limits: Limits) -> Answer:
        headers = dict(call.headers)
        if log_in is not None:
            headers["Authorization"] = log_in.authorization
        url = f"{self._scheme}://{self.address}{call.path}"
        content = call.content() if callable(call.content) else call.content
        return exchange(
            self._http, call.method, url, headers=headers, content=content, limits=limits, allow=self._allow
        )

    def _blame_the_clock(self, asked: Asked, answer: Answer, log_in: LogIn) -> None:
        now = time.time()
        skew_s = clock_skew(answer.headers, now)
        ahead_s = log_in.token.not_before - now if log_in.token and log_in.token.not_before else None
        suspects = ((log_in.issuer, log_in.issuer_skew_s), (self.host, skew_s), (log_in.issuer, ahead_s))
        for whose, suspect_s in suspects:
            # A token that began to be good some time ago says nothing; only its future is suspect.
            if (
                suspect_s is not None
                and abs(suspect_s) > SKEW_WORTH_NAMING_S
                and (suspect_s > 0 or suspect_s != ahead_s)
            ):
                raise wrong_clock(asked, whose, suspect_s, status=answer.status)

    def _told(self, error: RegistryError, tries: int, hint: float | None) -> RegistryError:
        """Add how often we asked, and take out whatever secret the registry sent back to us."""
        message = error.message
        if error.retryable and tries > 1:
            message += f" Asked {tries} times."
        elif error.retryable and hint:
            message += f" It wants {format_duration(hint)} of rest first."
        for secret in self._log_ins.secrets:
            message = message.replace(secret, "…")
        return RegistryError(
            message,
            kind=error.kind,
            status=error.status,
            retryable=error.retryable,
            code=error.code,
            retry_after_s=error.retry_after_s if hint is None else hint,
        )


def _limits(call: Call, left_s: float) -> Limits:
    if call.total_s is not None:
        return Limits(call.total_s, call.max_bytes, read_s=_STORING_S)
    return Limits(max(left_s, 1.0), call.max_bytes)


def _jitter() -> float:
    return random.random()  # noqa: S311 — it spreads clients in time, it hides nothing
