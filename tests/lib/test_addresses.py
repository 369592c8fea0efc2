"""Names are resolved by the machine's own resolver from literal addresses; only what DNS would say is stood in for."""

from __future__ import annotations

import socket

import pytest

from lib.addresses import AddressRefused, is_trusted, resolve

REFUSED = {
    "127.0.0.1": "this machine itself",
    "127.8.9.10": "this machine itself",
    "127.1": "this machine itself",
    "2130706433": "this machine itself",
    "0x7f.1": "this machine itself",
    "::1": "this machine itself",
    "[::1]": "this machine itself",
    "localhost": "this machine itself",
    "0.0.0.0": "no address of a machine",
    "::": "no address of a machine",
    "169.254.169.254": "link-local",
    "::ffff:169.254.169.254": "link-local",
    "fe80::1": "link-local",
    "fe80::1%lo": "link-local",
    "10.0.0.1": "a private address",
    "172.31.255.255": "a private address",
    "192.168.0.1": "a private address",
    "fd00:ec2::254": "a private address",
    "100.64.0.1": "not a public address",
    "100.100.100.200": "not a public address",
    "168.63.129.16": "not a public address",
    "224.0.0.1": "multicast",
    "ff02::1": "multicast",
    "255.255.255.255": "address",
    "64:ff9b::7f00:1": "not a public address",
    "2002:7f00:1::": "not a public address",
    "::127.0.0.1": "not a public address",
    "::ffff:10.0.0.1": "a private address",
}


@pytest.mark.parametrize("host", REFUSED)
def test_it_refuses_what_is_not_public(host):
    with pytest.raises(AddressRefused, match=REFUSED[host]):
        resolve(host, 443)


@pytest.mark.parametrize("host", ["140.82.121.4", "2606:50c0:8000::153", "8.8.8.8"])
def test_it_allows_public_addresses(host):
    assert resolve(host, 443) == (host,)


@pytest.mark.parametrize("entry", ["127.0.0.1", "127.0.0.1:8080", "LocalHost"])
def test_it_allows_what_the_operator_trusts(entry):
    host = "localhost" if "host" in entry.lower() else "127.0.0.1"
    assert "127.0.0.1" in resolve(host, 8080, {entry})


@pytest.mark.parametrize("entry", ["127.0.0.1:8081", "localhost", "127.0.0.10", ""])
def test_it_trusts_no_other_port_and_no_other_name(entry):
    with pytest.raises(AddressRefused, match=r"adds `127\.0\.0\.1` to IMAGEYARD_TRUSTED_HOSTS"):
        resolve("127.0.0.1", 8080, {entry})


@pytest.mark.parametrize("entry", ["::1", "[::1]", "[::1]:22"])
def test_it_reads_trusted_ipv6_addresses(entry):
    assert is_trusted("[::1]", 22, {entry})


def test_it_refuses_a_name_with_one_bad_address_among_good_ones(monkeypatch):
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("140.82.121.4", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1, which is a private address"):
        resolve("mixed.example.com", 443)


@pytest.mark.parametrize(
    ("errno", "retryable", "words"),
    [(socket.EAI_NONAME, False, "is not known. Check the spelling"), (socket.EAI_AGAIN, True, "does not answer")],
)
def test_it_tells_an_unknown_name_from_a_silent_name_server(monkeypatch, errno, retryable, words):
    def fail(*_, **__):
        raise socket.gaierror(errno, "text of the system")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(AddressRefused, match=words) as refused:
        resolve("git.example.com", 443)
    assert refused.value.retryable is retryable


@pytest.mark.parametrize("host", ["a" * 70 + ".example.com", "exa\0mple.com", "x..y"])
def test_it_refuses_what_is_no_host_name(host):
    with pytest.raises(AddressRefused):
        resolve(host, 443)
