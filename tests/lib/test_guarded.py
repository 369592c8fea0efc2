"""The guarded client connects to no address that the guard refuses, whatever a name or a redirect says."""

from __future__ import annotations

import socket

import pytest

from lib.addresses import AddressRefused
from lib.guarded import make_guarded_client
from lib.http import exchange
from tests.lib.test_http import saying, serving

OK = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def ask(url: str, *trusted: str) -> bytes:
    with make_guarded_client(trusted) as client:
        return exchange(client, "GET", url).body


def test_it_refuses_this_machine_before_a_connection_is_opened():
    asked: list[bytes] = []
    with serving(lambda _connection, head: asked.append(head)) as url, pytest.raises(AddressRefused):
        ask(url)
    assert asked == []


def test_it_reaches_what_the_operator_trusts():
    with serving(OK) as url:
        assert ask(url, url.removeprefix("http://")) == b"ok"


def test_a_redirect_it_checks_as_well():
    with serving(OK) as inner:
        leads_there = saying(f"HTTP/1.1 302 Found\r\nLocation: {inner}/\r\nContent-Length: 0\r\n\r\n".encode())
        with serving(leads_there) as url, pytest.raises(AddressRefused):
            ask(url, url.removeprefix("http://"))


def test_a_name_it_resolves_once_and_connects_to_what_was_checked(monkeypatch):
    asked: list[str] = []

    def resolver(host, port, *_args, **_kwargs):
        asked.append(host)
        address = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    def connect(address, **_kwargs):
        raise ConnectionRefusedError(f"{address[0]} refused")

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    monkeypatch.setattr(socket, "create_connection", lambda address, *_a, **_k: connect(address))
    with pytest.raises(Exception, match="refused"):
        ask("http://forge.example.com/")
    assert asked == ["forge.example.com"]
