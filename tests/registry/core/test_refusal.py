"""registry.core.refusal, clock, challenge and patience: what headers and bodies of a registry mean."""

from __future__ import annotations

import base64
import json

import pytest

from registry.core.challenge import Challenge, parse_challenge, parse_token
from registry.core.clock import clock_skew, retry_after
from registry.core.errors import Asked, RegistryErrorKind
from registry.core.patience import Patience
from registry.core.refusal import Refusal, explain, plain_text, read_refusal

DATE = "Wed, 25 Nov 2026 12:00:00 GMT"
NOON = 1795608000.0


@pytest.mark.parametrize(
    ("body", "content_type", "code", "text"),
    [
        (b'{"errors":[{"code":"DENIED","message":"no."}]}', "application/json", "DENIED", "no"),
        (b'{"errors":[{"code":"DENIED","message":"","detail":"why"}]}', "", "DENIED", "why"),
        (b'{"errors":[]}', "", "", ""),
        (b'{"errors":{}}', "", "", ""),
        (b'{"details":"incorrect username or password"}', "", "", "incorrect username or password"),
        (b"<html><title>502 Bad Gateway</title><body>x</body></html>", "text/html", "", "502 Bad Gateway"),
        (b"<html><script>evil()</script><b>Stop</b> &amp; go</html>", "", "", "Stop & go"),
        (b"plain\x1b[31m red\r\n\x00text", "text/plain", "", "plain [31m red text"),
        (b"\xff\xfe", "", "", "\ufffd\ufffd"),
        (b"", "", "", ""),
    ],
)
def test_x04_it_reads_a_reason_out_of_any_body(body: bytes, content_type: str, code: str, text: str) -> None:
    """Field case X04: the error is a page of HTML."""
    assert read_refusal(body, content_type) == (code, text)


def test_it_cuts_a_long_reason() -> None:
    assert plain_text("word " * 10_000).endswith("…")
    assert len(plain_text("word " * 10_000)) == 200


@pytest.mark.parametrize(
    ("action", "user", "status", "headers", "body", "kind", "sentence"),
    [
        ("push", "", 401, {}, b"", "unauthorized", "it wants a log-in, and no user name is set"),
        ("pull", "", 403, {}, b"", "denied", "without a user name nobody may read there"),
        ("deletion", "bot", 403, {}, b"", "denied", "the account `bot` may not delete there"),
        ("push", "bot", 401, {"www-authenticate": 'Bearer error="insufficient_scope"'}, b"", "denied", "may not write"),
        ("push", "bot", 404, {}, b"", "not_found", "it has no such repository. Make the repository there first"),
        ("pull", "bot", 404, {}, b"", "not_found", "registry.example.com has no acme/web."),
        ("push", "bot", 507, {}, b"", "quota", "its storage quota is used up"),
        ("push", "bot", 499, {}, b"", "invalid", "(499)"),
        ("push", "bot", 400, {}, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"x"}]}', "rate_limit", "many"),
        ("health check", "", 404, {}, b"", "not_found", "answers, but not as a registry (404 Not Found)"),
    ],
)
def test_it_words_a_refusal(
    action: str, user: str, status: int, headers: dict, body: bytes, kind: str, sentence: str
) -> None:
    asked = Asked("registry.example.com", action, "" if action == "health check" else "acme/web", user)
    error = explain(asked, Refusal(status, headers, body))
    assert error.kind == RegistryErrorKind(kind)
    assert sentence in error.message
    assert error.status == status


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "Wed, 25 Nov 2026 12:00:30 GMT", "date": DATE}, 30.0),
        ({"retry-after": "Wed, 25 Nov 2026 11:00:00 GMT", "date": DATE}, 0.0),
        ({"retry-after": "Wed, 25 Nov 2026 12:00:30 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "²"}, None),
        ({}, None),
    ],
)
def test_x04_it_reads_how_long_to_wait(headers: dict, seconds: float | None) -> None:
    """Field case X04: Retry-After is respected, as a number and as a date."""
    assert retry_after(headers) == seconds


def test_it_measures_a_clock() -> None:
    assert clock_skew({"date": DATE}, NOON - 3600) == 3600
    assert clock_skew({}, NOON) is None
    assert clock_skew({"date": "yesterday"}, NOON) is None


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        (
            'Bearer realm="https://auth.example.com/token",service="hub",scope="repository:acme/web:pull,push"',
            Challenge("bearer", "https://auth.example.com/token", "hub", "repository:acme/web:pull,push"),
        ),
        ("bearer realm=https://a.example/t", Challenge("bearer", "https://a.example/t")),
        ('Basic realm="Registry"', Challenge("basic")),
        (
            'Basic realm="x", Bearer realm="https://a.example/t",service="s"',
            Challenge("bearer", "https://a.example/t", "s"),
        ),
        ('Bearer service="no realm"', None),
        ("Negotiate", None),
        ("", None),
    ],
)
def test_it_reads_a_challenge(header: str, challenge: Challenge | None) -> None:
    assert parse_challenge(header) == challenge


def jwt(**claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2ln"


@pytest.mark.parametrize(
    ("document", "usable_s", "not_before"),
    [
        ({"token": "abc", "expires_in": 300}, 290.0, None),
        ({"access_token": "abc", "expires_in": 30}, 24.0, None),
        ({"token": "abc"}, 50.0, None),
        ({"token": "abc", "expires_in": -5}, 50.0, None),
        ({"token": "abc", "expires_in": "soon"}, 50.0, None),
        ({"token": jwt(nbf=NOON), "expires_in": 60}, 50.0, NOON),
        ({"token": "a.%%%.b"}, None, None),
        ({"token": "line\r\nInjected: yes"}, None, None),
        ({"token": 7}, None, None),
        ({}, None, None),
        ([], None, None),
    ],
)
def test_it_reads_a_token(document: object, usable_s: float | None, not_before: float | None) -> None:
    token = parse_token(json.dumps(document).encode())
    assert (token and token.usable_s) == usable_s
    assert (token and token.not_before) == not_before


def test_it_waits_longer_each_time_and_then_gives_up() -> None:
    patience = Patience(attempts=4, total_s=10.0, base_s=1.0, cap_s=3.0)
    assert [patience.pause(tries, spent_s=0, jitter=1.0) for tries in (1, 2, 3, 4)] == [1.0, 2.0, 3.0, None]
    assert patience.pause(1, spent_s=0, jitter=0.0) == 0.5
    assert patience.pause(1, spent_s=9.5, jitter=1.0) is None
    assert patience.pause(1, spent_s=0, jitter=1.0, retry_after_s=11.0) is None
