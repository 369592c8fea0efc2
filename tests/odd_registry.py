"""The fake registry with the habits of the big public ones: counted pulls, tokens that tell rights, TLS gone wrong.

Well-behaved registries are real ones (`registry_host`, and Debian's with a password file in `locked_registry`).
"""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from imageyard.supervisor.ports import free_port
from imageyard.supervisor.registry import Registry as RegistryPart
from tests.fake_registry import FakeRegistry, Handler, State
from tests.http_server import QuietServer, served
from tests.real_parts import running


class OddHandler(Handler):
    """`always` are headers of every answer; `tells` makes tokens JWTs that say what they allow."""

    always: ClassVar[dict[str, str]] = {}
    tells: ClassVar[bool] = False
    page: ClassVar[bytes] = b""

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        if self.page:
            status, body, headers = 503, self.page, {"Content_Type": "text/html"}
        token = body and self.tells and self.parts.path == "/token" and status == 200
        super().answer(status, self.told(body) if token else body, **{**self.always, **headers})

    def told(self, body: bytes) -> bytes:
        """The same token as a JWT that says what it allows."""
        document = json.loads(body)
        good_until, scopes = self.state.tokens.pop(document["token"])
        access = []
        for scope in filter(None, scopes.split(" ")):
            kind, name, actions = scope.split(":")
            access.append({"type": kind, "name": name, "actions": [one for one in actions.split(",") if one]})
        claims = base64.urlsafe_b64encode(json.dumps({"access": access}).encode()).decode().rstrip("=")
        document["token"] = f"e30.{claims}.c2ln"
        self.state.tokens[document["token"]] = (good_until, scopes)
        return json.dumps(document).encode()


@contextmanager
def odd_registry(
    *,
    tls: ssl.SSLContext | None = None,
    always: dict[str, str] | None = None,
    tells: bool = False,
    page: bytes = b"",
    **settings: object,
) -> Iterator[FakeRegistry]:
    """Serve on a free loopback port; `settings` are fields of `State`."""
    state = State(**settings)  # type: ignore[arg-type]
    names = {"state": state, "always": always or {}, "tells": tells, "page": page}
    server = QuietServer(("127.0.0.1", 0), type("BoundOddHandler", (OddHandler,), names))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.handle_error = lambda *_: None  # type: ignore[method-assign] # whoever does not trust us hangs up
    with served(server):
        yield FakeRegistry(f"127.0.0.1:{server.server_port}", state)


class Authority:
    """An authority that vouches for certificates of this machine, in files below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "acme's authority")])
        self.path = folder / "authority.pem"
        self.path.write_bytes(_pem(self._sign(self.name, self.key, days=30, names=[], is_authority=True)))

    def context(self, *names: str, days: int = 30, by_itself: bool = False) -> ssl.SSLContext:
        """A server's side of TLS for `names`; `days` is how long it is still good, and may be negative."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        made = self._sign(subject, key, days=days, names=list(names), by=(subject, key) if by_itself else None)
        file = self.folder / f"{names[0]}-{days}-{by_itself}.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(_pem(made) + secret)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _sign(self, subject, key, *, days, names, is_authority=False, by=None):
        issuer, signer = by or (self.name, self.key)
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=60))
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if names:
            shown = [
                x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
                for name in names
            ]
            builder = builder.add_extension(x509.SubjectAlternativeName(shown), critical=False)
        return builder.sign(signer, hashes.SHA256())


def _pem(certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


PASSWORD = "S3cretPW"
_HTPASSWD = "bot:$2b$04$abcdefghijklmnopqrstuuOzFlVfGXGZ54mnJRNwhQ6.hDjjFNe5i\n"


@contextmanager
def locked_registry(folder: Path) -> Iterator[str]:
    """Debian's registry that lets nobody in but `bot` with `PASSWORD`; `host:port`."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "htpasswd"
    file.write_text(_HTPASSWD)
    sections = {"auth": {"htpasswd": {"realm": "acme", "path": str(file)}}}
    part = RegistryPart(folder, f"127.0.0.1:{free_port()}", sections)
    with running(part):
        yield part.host
