"""Addresses on this machine: is one free, which one is, does an HTTP server answer there."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path
from typing import TypeAlias


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nothing listens on now. Another process may take it before the caller does."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def bind_problem(host: str, port: int) -> str:
    """Why a server cannot listen there, in the system's words; empty where it can."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As servers do: a connection in TIME_WAIT from the last run is no hindrance.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def split_address(address: str, default_port: int) -> tuple[str, int]:
    """`host[:port]` or `[v6]:port` as host and port."""
    if address.startswith("["):
        host, _, port = address[1:].partition("]")
        return host, int(port[1:] or default_port)
    host, _, port = address.partition(":")
    return host, int(port or default_port)


Answer: TypeAlias = tuple[int, bytes, dict[str, str]]  # status, at most 64 KiB of body, headers in small letters


def http_status(host: str, port: int, path: str, *, timeout_s: float = 2.0) -> Answer | None:
    """What a GET over plain HTTP answers; None where nothing does."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    return _get(connection, path)


def unix_http_status(path: Path, target: str, *, timeout_s: float = 5.0) -> Answer | None:
    """The same over a Unix socket."""
    return _get(_UnixConnection(path, timeout_s), target)


def _get(connection: http.client.HTTPConnection, path: str) -> Answer | None:
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(64 * 1024), {name.lower(): value for name, value in answer.getheaders()}
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
