"""lib.http against small servers that redirect, drip, flood and hang up."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

import httpx
import pytest

from lib.http import ExchangeError, Limits, exchange, make_client, redirect_target

Reply = Callable[[socket.socket, bytes], None]


@contextmanager
def serving(reply: Reply) -> Iterator[str]:
    """A server that reads the head of each request and lets `reply` answer on the raw connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def loop() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        reply(connection, connection.recv(65536))
                    except OSError:
                        continue

        Thread(target=loop, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def saying(text: bytes) -> Reply:
    return lambda connection, _: connection.sendall(text)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with make_client(read_s=0.5) as made:
        yield made


def test_it_reads_an_answer_and_names_us(client: httpx.Client) -> None:
    asked: list[bytes] = []

    def reply(connection: socket.socket, head: bytes) -> None:
        asked.append(head)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with serving(reply) as url:
        answer = exchange(client, "GET", f"{url}/x")
    assert (answer.status, answer.body, answer.url) == (200, b"ok", f"{url}/x")
    assert b"User-Agent: imageyard\r\n" in asked[0]


def test_it_follows_a_redirect_and_keeps_the_password_at_home(client: httpx.Client) -> None:
    asked: list[bytes] = []

    def store(connection: socket.socket, head: bytes) -> None:
        asked.append(head)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nblob")

    with serving(store) as there:
        away = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {there}/blob\r\nContent-Length: 0\r\n\r\n".encode()
        with serving(saying(away)) as here:
            answer = exchange(client, "GET", f"{here}/x", headers={"Authorization": "Bearer secret"})
    assert answer.body == b"blob"
    assert b"secret" not in asked[0]


def test_it_asks_whether_each_address_is_allowed(client: httpx.Client) -> None:
    seen: list[str] = []

    def allow(url: str) -> None:
        seen.append(url)
        if "metadata" in url:
            raise PermissionError

    head = b"HTTP/1.1 302 Found\r\nLocation: http://metadata.example/\r\nContent-Length: 0\r\n\r\n"
    with serving(saying(head)) as url, pytest.raises(PermissionError):
        exchange(client, "GET", url, allow=allow)
    assert seen == [url, "http://metadata.example/"]


def test_it_gives_the_redirect_itself_to_whoever_writes(client: httpx.Client) -> None:
    head = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    with serving(saying(head)) as url:
        assert exchange(client, "PUT", url, content=b"x").status == 307


@pytest.mark.parametrize(
    ("reply", "reason", "retryable"),
    [
        (saying(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nConnection: close\r\n\r\n"), "redirects in circles", False),
        (saying(b"HTTP/1.1 302 Found\r\nLocation: file:///etc\r\nContent-Length: 0\r\n\r\n"), "not plain HTTP", False),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000), "larger than 1,000 bytes", False),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), "the connection broke", True),
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n"), "the connection broke", True),
        (saying(b""), "the connection broke", True),
        pytest.param(
            lambda _connection, _head: time.sleep(1.0), "did not answer in time", True, marks=pytest.mark.slow
        ),
    ],
    ids=["circle", "file", "flood", "cut-short", "not-http", "hang-up", "silent"],
)
def test_it_says_why_there_is_no_answer(client: httpx.Client, reply: Reply, reason: str, retryable: bool) -> None:
    with serving(reply) as url, pytest.raises(ExchangeError, match=reason) as caught:
        exchange(client, "GET", url, limits=Limits(max_bytes=1000))
    assert caught.value.retryable is retryable


@pytest.mark.slow
def test_it_does_not_wait_for_a_server_that_drips(client: httpx.Client) -> None:
    def drip(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        with suppress(OSError):  # until the client has gone, which nothing else ends
            while True:
                connection.sendall(b"x")
                time.sleep(0.05)

    with serving(drip) as url, pytest.raises(ExchangeError, match=r"not complete after 0\.3 s"):
        exchange(client, "GET", url, limits=Limits(total_s=0.3))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1/", "the connection was refused"),
        ("http://no-such-host.invalid/", "its name"),
        ("http://[::1", "its address is not a URL"),
        ("gopher://x/", "its answer is not HTTP"),
    ],
)
def test_it_says_why_nobody_answers(client: httpx.Client, url: str, reason: str) -> None:
    with pytest.raises(ExchangeError, match=reason):
        exchange(client, "GET", url)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/y", "https://a.example/y"),
        ("https://b.example/y?z=1", "https://b.example/y?z=1"),
        ("//b.example/y", "https://b.example/y"),
        ("http://a.example/y", None),
        ("ftp://a.example/y", None),
        ("https://user:pass@a.example/", None),
    ],
)
def test_it_goes_nowhere_worse(location: str, target: str | None) -> None:
    if target is None:
        with pytest.raises(ExchangeError):
            redirect_target("https://a.example/x", location)
    else:
        assert redirect_target("https://a.example/x", location) == target


def test_it_never_asks_a_proxy_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with serving(saying(head)) as url, make_client() as made:
        assert exchange(made, "GET", url).body == b"ok"
