"""Guarded HTTP on the wire: which addresses it connects to, certificates and names, and the clauses of its failures."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import time
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from builds.engine import guardedhttp
from builds.engine.guardedhttp import GuardedHTTP, Unreachable
from builds.engine.process import StopFlag
from lib.addresses import AddressRefused
from tests.git_server import status
from tests.http_server import QuietHandler, QuietServer, served


class _Hello(QuietHandler):
    def do_GET(self) -> None:
        status(200, "hello")(self)


@pytest.fixture
def tls(tmp_path, monkeypatch) -> Iterator[int]:
    """A port with HTTPS for the name `localhost` (not for 127.0.0.1), by an authority that this process trusts."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.9"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    (tmp_path / "server.pem").write_bytes(pem)
    server = QuietServer(("127.0.0.1", 0), _Hello)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    monkeypatch.setattr(guardedhttp, "_trust", lambda: ssl.create_default_context(cafile=tmp_path / "server.pem"))
    with served(server):
        yield server.server_address[1]


def fetch(url: str, *trusted: str) -> bytes:
    http = GuardedHTTP(trusted_hosts=frozenset(trusted), stop=StopFlag(), deadline=time.monotonic() + 10, parallel=1)
    try:
        with http.ask("GET", url, ()) as reply:
            return reply.body(100)
    finally:
        http.close()


def test_it_speaks_tls_with_the_name_that_was_asked_for(tls):
    assert fetch(f"https://localhost:{tls}/", "localhost") == b"hello"


def test_it_refuses_a_certificate_for_another_name(tls):
    with pytest.raises(Unreachable, match="its certificate is not trusted here"):
        fetch(f"https://127.0.0.1:{tls}/", "127.0.0.1")


def test_it_refuses_a_certificate_of_an_unknown_authority(tls, monkeypatch):
    monkeypatch.setattr(guardedhttp, "_trust", ssl.create_default_context)
    with pytest.raises(Unreachable, match="its certificate is not trusted here"):
        fetch(f"https://localhost:{tls}/", "localhost")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "127.1", "169.254.169.254"])
def test_it_connects_to_no_private_address(tls, host):
    with pytest.raises(AddressRefused):
        fetch(f"https://{host}:{tls}/")


def test_it_says_that_nothing_listens():
    with pytest.raises(Unreachable, match="it takes no connections there"):
        fetch("http://127.0.0.1:1/", "127.0.0.1")


def test_it_asks_past_every_proxy(tls, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert fetch(f"https://localhost:{tls}/", "localhost") == b"hello"
