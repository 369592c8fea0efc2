"""HTTP to servers that strangers name: every connection passes the address guard, and ends when the run is stopped.

The guard stands where a socket is opened: the name is resolved once, and that address is the one connected to, for
redirects and for answers that lead elsewhere too. No proxy, no cookies, no redirect followed by itself. What is asked,
and which credential goes along, is up to the caller.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpcore

from builds.core.errors import Stopped
from builds.engine.stopflag import StopFlag
from lib.addresses import resolve

Headers = tuple[tuple[str, str], ...]

_SLICE_S = 0.2
_CONNECT_S = 15.0
_SILENT_S = 45.0
_KINDS: tuple[tuple[str, str, bool], ...] = (
    ("certificate", "its certificate is not trusted here", False),
    ("wrong version number", "it does not speak TLS there", False),
    ("ssl", "the TLS handshake failed", False),
    ("refused", "it takes no connections there", True),
    ("unreachable", "no network leads there", True),
)


class Unreachable(Exception):  # noqa: N818 — the caller knows what was wanted there
    """No answer came: `clause` says why, as a part of a sentence; `retryable`: it may pass."""

    def __init__(self, clause: str, *, retryable: bool) -> None:
        super().__init__(clause)
        self.clause = clause
        self.retryable = retryable


class OutOfTime(Exception):  # noqa: N818 — as above
    """The deadline of the run has passed."""


@dataclass(frozen=True)
class Reply:
    """A status, headers with lower-case names, and the body, which is read while it is iterated."""

    status: int
    headers: dict[str, str]
    chunks: Iterable[bytes]

    def body(self, limit: int) -> bytes:
        """The body up to `limit` bytes; more of it is not read."""
        data = bytearray()
        for chunk in self.chunks:
            data += chunk
            if len(data) >= limit:
                break
        return bytes(data[:limit])


class GuardedHTTP:
    """A pool of connections for one run; threads may share it. Close it when done."""

    def __init__(self, *, trusted_hosts: frozenset[str], stop: StopFlag, deadline: float, parallel: int) -> None:
        self._watch = _Watch(stop, deadline)
        self._pool = httpcore.ConnectionPool(
            ssl_context=_trust(),
            max_connections=parallel,
            network_backend=_Backend(trusted_hosts, self._watch),
        )

    def close(self) -> None:
        self._pool.close()

    def give_up(self) -> None:
        """End what other threads still read: one failure is enough."""
        self._watch.over.set()

    @contextmanager
    def ask(self, method: str, url: str, headers: Headers, content: bytes | None = None) -> Iterator[Reply]:
        """Send one request. Raises `Unreachable`, `AddressRefused`, `OutOfTime` or `Stopped`, here or while reading."""
        ours = (("Accept-Encoding", "identity"), ("User-Agent", "imageyard"))
        # Sending has its own limit in the socket, waiting and reading are sliced by `_Stream`.
        timeouts = {"connect": _CONNECT_S, "read": _SILENT_S, "write": _SILENT_S, "pool": None}
        try:
            with self._pool.stream(
                method, url, headers=[*ours, *headers], content=content, extensions={"timeout": timeouts}
            ) as response:
                named = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                yield Reply(response.status, named, response.iter_stream())
        except httpcore.TimeoutException as error:
            raise Unreachable("it did not answer in time", retryable=True) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            raise _unreachable(error) from error


class _Watch:
    """Whether reading may go on, asked between two slices."""

    def __init__(self, stop: StopFlag, deadline: float) -> None:
        self.over = threading.Event()
        self._stop = stop
        self._deadline = deadline

    def check(self) -> None:
        self._stop.check()
        if self.over.is_set():
            raise Stopped("lost")
        if time.monotonic() > self._deadline:
            raise OutOfTime


class _Backend(httpcore.NetworkBackend):
    """Connects to addresses that the guard has passed, and to no other."""

    def __init__(self, trusted_hosts: frozenset[str], watch: _Watch) -> None:
        self._trusted_hosts = trusted_hosts
        self._watch = watch
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = resolve(host, port, self._trusted_hosts)
        for address in addresses[:-1]:
            self._watch.check()
            # The first is often IPv6 and leads nowhere.
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return self._connect(address, port, timeout, local_address, socket_options)
        self._watch.check()
        return self._connect(addresses[-1], port, timeout, local_address, socket_options)

    def _connect(self, address: str, port: int, *options: Any) -> httpcore.NetworkStream:
        return _Stream(self._plain.connect_tcp(address, port, *options), self._watch)


class _Stream(httpcore.NetworkStream):
    """A connection that is read in slices, so that a server that says nothing cannot hold up a stop."""

    def __init__(self, inner: httpcore.NetworkStream, watch: _Watch) -> None:
        self._inner = inner
        self._watch = watch

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        until = time.monotonic() + (timeout or _SILENT_S)
        while True:
            self._watch.check()
            try:
                return self._inner.read(max_bytes, _SLICE_S)
            except httpcore.ReadTimeout:
                if time.monotonic() > until:
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout), self._watch)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


@cache
def _trust() -> ssl.SSLContext:
    """The certificates of the system, as Git has them. Reading them takes 30 ms: once for each process."""
    return ssl.create_default_context()


def _unreachable(error: Exception) -> Unreachable:
    text = str(error).lower()
    for sign, clause, retryable in _KINDS:
        if sign in text:
            return Unreachable(clause, retryable=retryable)
    if isinstance(error, (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol)):
        return Unreachable("it gives an address that cannot be asked", retryable=False)
    return Unreachable("the connection broke", retryable=True)
