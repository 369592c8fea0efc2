"""An HTTP client for servers that strangers name: the address guard stands where a socket is opened.

A name is resolved once, and the address that was checked is the one connected to, for redirects too. No proxy: that
would resolve the name again, somewhere else. What is asked, and which credential goes along, is up to the caller.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any

import httpcore
import httpx

from lib.addresses import resolve
from lib.http import USER_AGENT, trust

_CONNECTIONS = 10


def make_guarded_client(
    trusted_hosts: Collection[str], *, connect_s: float = 5.0, read_s: float = 15.0
) -> httpx.Client:
    """A client for `lib.http.exchange`, which then raises `AddressRefused` too. Close it when done.

    `trusted_hosts` is what the operator allows though it is private, as `lib.addresses.resolve` takes it.
    """
    return httpx.Client(
        timeout=httpx.Timeout(read_s, connect=connect_s),
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        follow_redirects=False,
        transport=_Transport(trusted_hosts),
    )


class _Transport(httpx.HTTPTransport):
    def __init__(self, trusted_hosts: Collection[str]) -> None:
        super().__init__(verify=trust())
        # httpx passes no network backend on; a test tells when this name is another one.
        self._pool = httpcore.ConnectionPool(
            ssl_context=trust(), max_connections=_CONNECTIONS, network_backend=_Backend(trusted_hosts)
        )


class _Backend(httpcore.NetworkBackend):
    """Connects to addresses that the guard has passed, and to no other."""

    def __init__(self, trusted_hosts: Collection[str]) -> None:
        self._trusted_hosts = trusted_hosts
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
            # The first is often IPv6 and leads nowhere.
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
        return self._plain.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)
