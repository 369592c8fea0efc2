"""Outbound HTTP as all rooms do it: one client factory, one bounded exchange. Which hosts may be asked is not here.

Nobody outside decides how long we wait, how much we read or where a redirect takes our credentials: every exchange has
a total time and a size limit, and a redirect never goes from https to http and never carries `Authorization` elsewhere.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache

import httpx

USER_AGENT = "imageyard"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 4
# Never through a proxy, as in Go's net/http: a proxy's idea of "localhost" is another machine.
_NEVER_PROXIED = ("all://localhost", "all://127.0.0.1", "all://[::1]")


class ExchangeError(Exception):
    """The exchange did not end in an answer. `reason` is a clause for a sentence; `retryable`: it may work later."""

    def __init__(self, reason: str, *, retryable: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable


@dataclass(frozen=True)
class Answer:
    """A whole answer, its body read to the end. `url` is where it came from after redirects."""

    status: int
    headers: httpx.Headers
    body: bytes
    url: str


@dataclass(frozen=True)
class Download:
    """An answer whose body comes in pieces; `chunks` raises `ExchangeError` where the connection breaks."""

    status: int
    headers: httpx.Headers
    chunks: Iterator[bytes]


@dataclass(frozen=True)
class Limits:
    """How long one exchange may take in all (seconds) and how large its body may be (bytes, decoded).

    `read_s` takes the place of the client's own bound on one read, for a server that has much to do before it answers.
    """

    total_s: float = 30.0
    max_bytes: int = 8 * 1024 * 1024
    read_s: float | None = None


def make_client(*, connect_s: float = 5.0, read_s: float = 20.0) -> httpx.Client:
    """Make a client that follows no redirect by itself and names us. Threads may share it; close it when done.

    Proxies and certificate bundles come from the environment as everywhere (`HTTPS_PROXY`, `SSL_CERT_FILE`), but a
    loopback address is never asked through a proxy.
    """
    return httpx.Client(
        timeout=httpx.Timeout(read_s, connect=connect_s),
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        follow_redirects=False,
        mounts=dict.fromkeys(_NEVER_PROXIED),
        verify=trust(),
    )


@cache
def trust() -> ssl.SSLContext:
    """The authorities that servers are trusted by."""
    # Reading the bundle of authorities takes 30 ms, more than a whole publication: once for each process.
    return httpx.create_ssl_context()


def exchange(
    client: httpx.Client,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes | Iterable[bytes] | None = None,
    limits: Limits = Limits(),
    allow: Callable[[str], None] | None = None,
) -> Answer:
    """Send one request and read its whole answer within `limits`.

    `allow` is called with every URL before it is asked, redirects included, and raises to forbid it. GET and HEAD
    follow up to four redirects; any other method gets the redirect itself as its answer. Raises `ExchangeError`, and
    whatever a `content` that comes in pieces raises.
    """
    deadline = time.monotonic() + limits.total_s
    sent = dict(headers or {})
    for _ in range(_MAX_REDIRECTS + 1):
        if allow is not None:
            allow(url)
        left_s = max(deadline - time.monotonic(), 0.1)
        try:
            request = client.build_request(
                method, url, headers=sent, content=content, timeout=_at_most(_patient(client, limits), left_s)
            )
        except httpx.InvalidURL as error:
            raise ExchangeError("its address is not a URL", retryable=False) from error
        answer = _send(client, request, deadline, limits)
        location = answer.headers.get("location", "")
        if answer.status not in _REDIRECTS or not location or method not in {"GET", "HEAD"}:
            return answer
        target = redirect_target(url, location)
        sent = _without_log_in(sent, url, target)
        url = target
    raise ExchangeError("it redirects in circles", retryable=False)


@contextmanager
def download(
    client: httpx.Client,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    total_s: float = 30.0,
    allow: Callable[[str], None] | None = None,
) -> Iterator[Download]:
    """Begin a GET whose body is too large to hold; redirects and `allow` as in `exchange`. Closed with the block.

    All of it must be over in `total_s`. Raises `ExchangeError`.
    """
    deadline, sent = time.monotonic() + total_s, dict(headers or {})
    for _ in range(_MAX_REDIRECTS + 1):
        if allow is not None:
            allow(url)
        left_s = max(deadline - time.monotonic(), 0.1)
        try:
            request = client.build_request("GET", url, headers=sent, timeout=_at_most(client.timeout, left_s))
            response = client.send(request, stream=True)
        except httpx.InvalidURL as error:
            raise ExchangeError("its address is not a URL", retryable=False) from error
        except httpx.HTTPError as error:
            reason, retryable = _reason(error)
            raise ExchangeError(reason, retryable=retryable) from error
        with closing(response):
            location = response.headers.get("location", "")
            if response.status_code not in _REDIRECTS or not location:
                yield Download(response.status_code, response.headers, _pieces(response, deadline, total_s))
                return
        target = redirect_target(url, location)
        sent = _without_log_in(sent, url, target)
        url = target
    raise ExchangeError("it redirects in circles", retryable=False)


def _pieces(response: httpx.Response, deadline: float, total_s: float) -> Iterator[bytes]:
    try:
        for chunk in response.iter_bytes():
            if time.monotonic() > deadline:
                raise ExchangeError(f"its answer was not complete after {total_s:g} s", retryable=True)
            yield chunk
    except httpx.HTTPError as error:
        reason, retryable = _reason(error)
        raise ExchangeError(reason, retryable=retryable) from error


def _without_log_in(headers: dict[str, str], url: str, target: str) -> dict[str, str]:
    """Credentials stay on the host that they are for."""
    if httpx.URL(target).netloc == httpx.URL(url).netloc:
        return headers
    return {name: value for name, value in headers.items() if name.lower() != "authorization"}


def _patient(client: httpx.Client, limits: Limits) -> httpx.Timeout:
    if limits.read_s is None:
        return client.timeout
    return httpx.Timeout(**{**client.timeout.as_dict(), "read": limits.read_s})


def _at_most(timeout: httpx.Timeout, total_s: float) -> httpx.Timeout:
    parts = {name: min(value or total_s, total_s) for name, value in timeout.as_dict().items()}
    return httpx.Timeout(**parts)


def redirect_target(url: str, location: str) -> str:
    """Resolve a `Location`; raises `ExchangeError` where it leads to something worse than `url`."""
    try:
        target = httpx.URL(url).join(location)
    except (httpx.InvalidURL, ValueError) as error:
        raise ExchangeError("it redirects to an address that is none", retryable=False) from error
    if target.scheme not in {"http", "https"} or not target.host or target.userinfo:
        raise ExchangeError("it redirects to an address that is not plain HTTP", retryable=False)
    if httpx.URL(url).scheme == "https" and target.scheme != "https":
        raise ExchangeError("it redirects from https to http", retryable=False)
    return str(target)


def _send(client: httpx.Client, request: httpx.Request, deadline: float, limits: Limits) -> Answer:
    # A timeout of httpx is for one read; the clock between chunks is what stops a server that drips.
    try:
        response = client.send(request, stream=True)
        try:
            body = _read(response, deadline, limits)
        finally:
            response.close()
    except httpx.HTTPError as error:
        reason, retryable = _reason(error)
        raise ExchangeError(reason, retryable=retryable) from error
    return Answer(response.status_code, response.headers, body, str(request.url))


def _read(response: httpx.Response, deadline: float, limits: Limits) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > limits.max_bytes:
            raise ExchangeError(f"its answer is larger than {limits.max_bytes:,} bytes", retryable=False)
        if time.monotonic() > deadline:
            raise ExchangeError(f"its answer was not complete after {limits.total_s:g} s", retryable=True)
    return bytes(body)


# Texts of the operating system and of OpenSSL → our clause, and whether trying again can help. First hit wins.
_REASONS = (
    ("self-signed certificate in", "its certificate comes from an authority that is not trusted here", False),
    ("self-signed", "its certificate is self-signed, so nobody vouches for it", False),
    ("certificate has expired", "its certificate has expired", False),
    ("not yet valid", "its certificate is not valid yet", False),
    ("hostname mismatch", "its certificate is for another name", False),
    ("ip address mismatch", "its certificate is for another name", False),
    ("certificate", "its certificate is not trusted here", False),
    ("wrong version number", "it does not speak TLS there", False),
    ("ssl", "the TLS handshake failed", False),
    ("name or service not known", "its name is not known", True),
    ("name resolution", "its name cannot be looked up now", True),
    ("no address associated", "its name has no address", True),
    ("refused", "the connection was refused", True),
    ("unreachable", "no route leads there", True),
)


def _reason(error: httpx.HTTPError) -> tuple[str, bool]:
    """Name a transport failure without what httpx and the operating system put around it."""
    if isinstance(error, httpx.ConnectTimeout):
        return "it did not take the connection in time", True
    if isinstance(error, httpx.TimeoutException):
        return "it did not answer in time", True
    text = str(error).lower()
    for sign, reason, retryable in _REASONS:
        if sign in text:
            return reason, retryable
    broken = isinstance(error, (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError))
    return ("the connection broke", True) if broken else ("its answer is not HTTP", False)
