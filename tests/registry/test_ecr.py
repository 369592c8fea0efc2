"""Passwords of Amazon ECR: the one call to AWS, as AWS would see it, against a local stand-in for it."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from cryptography.fernet import Fernet
from django.core.cache import cache

from registry.client import RegistryError, RegistryErrorKind
from registry.client.ecr import fetch_login
from registry.core.kinds import Kind
from registry.models import Registry
from registry.opening import account_of
from tests.http_server import QuietHandler, QuietServer, served

HOST = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI-secret-key")
# AWS Signature Version 4, "Authorization header".
SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/eu-central-1/ecr/aws4_request, "
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), Signature=[0-9a-f]{64}"
)


@dataclass
class Aws:
    url: str = ""
    status: int = 200
    document: dict[str, Any] | None = None
    lives_s: float = 12 * 3600
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


class AwsHandler(QuietHandler):
    aws: ClassVar[Aws]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.aws.asked.append(({name.lower(): value for name, value in self.headers.items()}, body))
        secret = base64.b64encode(f"AWS:password-{len(self.aws.asked)}".encode()).decode()
        good = {"authorizationToken": secret, "expiresAt": time.time() + self.aws.lives_s, "proxyEndpoint": "https://x"}
        answer = json.dumps(self.aws.document or {"authorizationData": [good]}).encode()
        self.send_response(self.aws.status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


@pytest.fixture
def aws(monkeypatch) -> Iterator[Aws]:
    state = Aws()
    server = QuietServer(("127.0.0.1", 0), type("Bound", (AwsHandler,), {"aws": state}))
    state.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", state.url)
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    with served(server):
        yield state


def test_aws_is_asked_by_one_signed_request_that_tells_no_secret(aws: Aws) -> None:
    login = fetch_login(HOST, *KEYS)
    assert (login.username, login.password) == ("AWS", "password-1")
    assert 11.9 * 3600 < login.expires_at - time.time() <= 12 * 3600
    ((headers, body),) = aws.asked
    assert headers["x-amz-target"] == "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"
    assert json.loads(body) == {}
    signed = SIGNED.fullmatch(headers["authorization"])
    assert signed
    assert {"host", "x-amz-date", "x-amz-target"} <= set(signed["headers"].split(";"))
    assert re.fullmatch(r"\d{8}T\d{6}Z", headers["x-amz-date"])
    assert KEYS[1] not in f"{headers}{body!r}"
    assert login.password not in repr(login)


def test_without_a_key_the_role_of_the_machine_is_used(aws: Aws, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS[1])
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
    assert fetch_login(HOST, "", "").password == "password-1"
    assert aws.asked[0][0]["x-amz-security-token"] == "session"


def test_a_machine_without_a_role_is_told_so(aws: Aws) -> None:
    with pytest.raises(RegistryError, match="this machine has no role at AWS") as caught:
        fetch_login(HOST, "", "")
    assert caught.value.kind is RegistryErrorKind.UNAUTHORIZED
    assert not aws.asked


@pytest.mark.parametrize(
    ("status", "code", "kind", "words", "retryable"),
    [
        (
            400,
            "UnrecognizedClientException",
            RegistryErrorKind.UNAUTHORIZED,
            "AWS does not accept the access key",
            False,
        ),
        (400, "InvalidSignatureException", RegistryErrorKind.UNAUTHORIZED, "AWS does not accept the access key", False),
        (400, "AccessDeniedException", RegistryErrorKind.DENIED, "it lacks `ecr:GetAuthorizationToken`", False),
        (400, "InvalidParameterException", RegistryErrorKind.INVALID, "AWS gave no password", False),
        (503, "ServiceUnavailable", RegistryErrorKind.UNAVAILABLE, "answered 503", True),
        (400, "ThrottlingException", RegistryErrorKind.UNAVAILABLE, "answered 400", True),
    ],
)
def test_refusals_of_aws_are_sentences(aws: Aws, status, code, kind, words, retryable) -> None:
    aws.status, aws.document = status, {"__type": code, "message": "The security token is invalid."}
    with pytest.raises(RegistryError) as caught:
        fetch_login(HOST, *KEYS)
    error = caught.value
    assert (error.kind, error.retryable) == (kind, retryable)
    assert words in error.message
    assert "It says: The security token is invalid." in error.message
    assert KEYS[1] not in error.message


def test_an_aws_that_is_away_may_come_back(aws: Aws, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1")
    with pytest.raises(RegistryError, match="cannot be reached") as caught:
        fetch_login(HOST, *KEYS)
    assert caught.value.retryable


@pytest.mark.parametrize("document", [{"authorizationData": []}, {"other": 1}])
def test_an_answer_without_a_password_is_named(aws: Aws, document) -> None:
    aws.document = document
    with pytest.raises(RegistryError, match="answered without a password"):
        fetch_login(HOST, *KEYS)


def test_a_name_without_a_region_is_not_asked(aws: Aws) -> None:
    with pytest.raises(RegistryError, match="names no AWS region"):
        fetch_login("registry.example.com", *KEYS)


@pytest.mark.django_db
class TestKept:
    @pytest.fixture(autouse=True)
    def empty_cache(self) -> None:
        cache.clear()

    def registry(self, **fields: Any) -> Registry:
        given = {"name": "ecr", "host": HOST, "kind": Kind.ECR, "username": KEYS[0], "password": KEYS[1], **fields}
        return Registry.objects.create(**given)

    def test_a_password_is_kept_encrypted_until_shortly_before_its_end(self, aws: Aws) -> None:
        registry = self.registry()
        first, second = account_of(registry), account_of(registry)
        assert first == second
        assert first.username == "AWS"
        assert len(aws.asked) == 1
        kept = [cache.get(key.split(":", 2)[2]) for key in cache._cache if ":ecr:" in key]  # type: ignore[attr-defined]
        assert kept
        assert all("password-1" not in str(value) for value in kept)

    def test_one_that_ends_soon_is_not_kept(self, aws: Aws) -> None:
        aws.lives_s, registry = 3600, self.registry()
        assert account_of(registry) != account_of(registry)

    def test_other_keys_get_another_password(self, aws: Aws) -> None:
        registry = self.registry()
        account_of(registry)
        registry.password = "another"
        assert account_of(registry).password == "password-2"

    def test_what_cannot_be_read_is_asked_again(self, aws: Aws, settings) -> None:
        registry = self.registry()
        account_of(registry)
        settings.ENCRYPTION_KEYS = (Fernet.generate_key().decode(),)
        registry.password = KEYS[1]
        assert account_of(registry).password == "password-2"

    def test_others_have_their_own_account(self) -> None:
        registry = Registry.objects.create(name="plain", host="registry.example.com", username="bot", password="pw")
        assert (account_of(registry).username, account_of(registry).password) == ("bot", "pw")
        assert "pw" not in repr(account_of(registry))
