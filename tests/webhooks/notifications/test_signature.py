"""Signatures as Standard Webhooks describes them, against its published example and against another implementation."""

from __future__ import annotations

import base64
import hmac
import time

import pytest

from tests.receiver import documented_check
from webhooks.senders.webhook import new_signing_secret, sign


def test_it_signs_the_published_example_as_published():
    """Standard Webhooks, libraries' shared test vector (also in its documentation of manual verification)."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    signature = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("body", [b"", b"{}", '{"a": "ü"}'.encode(), bytes(range(256))])
def test_it_signs_id_time_and_body_and_nothing_else(body):
    secret = new_signing_secret()
    key = base64.b64decode(secret[len("whsec_") :])
    expected = base64.b64encode(hmac.digest(key, b"msg_1.1700000000." + body, "sha256")).decode()
    assert sign(secret, "msg_1", 1700000000, body) == f"v1,{expected}"


def test_every_secret_it_makes_is_another_with_32_bytes():
    secrets = {new_signing_secret() for _ in range(50)}
    assert len(secrets) == 50
    assert {len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) for secret in secrets} == {32}


def test_a_secret_that_is_none_it_refuses():
    with pytest.raises(ValueError, match="not Base64"):
        sign("whsec_***", "msg_1", 1, b"")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"webhook-id": "msg_2"}, False),
        ({"webhook-timestamp": str(int(time.time()) - 900)}, False),
        ({"webhook-signature": "v1,AAAA"}, False),
        ({"webhook-signature": ""}, False),
    ],
)
def test_the_documented_lines_tell_genuine_requests_from_others(changed, expected):
    secret, stamp = new_signing_secret(), int(time.time())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(stamp),
        "webhook-signature": sign(secret, "msg_1", stamp, b"{}"),
    }
    is_genuine = documented_check()
    assert is_genuine(secret, {**headers, **changed}, b"{}") is expected
    assert is_genuine(secret, headers, b"{ }") is False
