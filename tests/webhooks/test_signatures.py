"""Who is believed: the signature over the raw bytes, and nothing else."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from builds.models import Build
from lib.crypto import sign_sha256
from tests.webhooks.sending import post, push_payload
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db
VECTORS = json.loads((Path(__file__).parents[1] / "data" / "webhooks" / "hmac-vectors.json").read_text())
EVENTS = {1: "push", 2: "push", 3: "push", 4: "ping", 5: "ping"}


def with_secret(source, secret):
    source.webhook_secret = secret
    source.save()
    return source


def test_w07_the_documented_vector_it_has_the_documented_mac():
    vector = VECTORS[0]
    mac = sign_sha256(vector["secret"].encode(), vector["body_utf8"].encode())
    assert f"sha256={mac}" == vector["X-Hub-Signature-256"]


@pytest.mark.parametrize("number", EVENTS, ids=lambda number: VECTORS[number]["name"][:40])
def test_w07_signed_raw_bytes_it_accepts(source, number):
    vector = VECTORS[number]
    signed = {"X-Hub-Signature-256": vector["X-Hub-Signature-256"]}
    answer = post(
        with_secret(source, vector["secret"]),
        vector["body_utf8"].encode(),
        event=EVENTS[number],
        headers=signed,
        content_type=vector["content_type"],
    )
    assert answer.status_code == 202
    assert Build.objects.count() == (EVENTS[number] == "push")


def test_w07_emoji_it_keeps_in_the_message(source):
    vector = VECTORS[3]
    post(
        with_secret(source, vector["secret"]),
        vector["body_utf8"].encode(),
        headers={"X-Hub-Signature-256": vector["X-Hub-Signature-256"]},
        content_type=vector["content_type"],
    )
    assert Build.objects.get().commit_message == "🚀 café 日本"


def test_w07_a_form_signed_over_its_json_alone_it_refuses(source):
    document = json.dumps(push_payload()).encode()
    signed = {"X-Hub-Signature-256": "sha256=" + sign_sha256(source.webhook_secret.encode(), document)}
    body = b"payload=" + quote_plus(document).encode()
    assert post(source, body, headers=signed, content_type="application/x-www-form-urlencoded").status_code == 401


@pytest.mark.parametrize("where", ["begin", "middle", "end"])
def test_w07_one_space_more_it_refuses(source, where):
    body = json.dumps(push_payload()).encode()
    signed = {"X-Hub-Signature-256": "sha256=" + sign_sha256(source.webhook_secret.encode(), body)}
    changed = {"begin": b" " + body, "middle": body.replace(b": ", b":  ", 1), "end": body + b" "}[where]
    answer = post(source, changed, headers=signed)
    assert (answer.status_code, Build.objects.count()) == (401, 0)


def matrix(secret: str, body: bytes) -> dict[str, dict[str, str | None]]:
    """The headers of field case W08 that must be refused."""
    mac = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    sha1 = "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
    none = {"X-Hub-Signature-256": None}
    return {
        "no header": none,
        "sha1 only": {**none, "X-Hub-Signature": sha1},
        "sha256 wrong and sha1 right": {"X-Hub-Signature-256": "sha256=" + "0" * 64, "X-Hub-Signature": sha1},
        "Gitea's header": {**none, "X-Gitea-Signature": mac},
        "Gitea's header, upper case": {**none, "X-Gitea-Signature": mac.upper()},
        "GitLab's token": {**none, "X-Gitlab-Token": secret},
        "GitLab's token and a space": {**none, "X-Gitlab-Token": secret + " "},
        "GitLab's token, empty": {**none, "X-Gitlab-Token": ""},
        "empty": {"X-Hub-Signature-256": ""},
        "no digits": {"X-Hub-Signature-256": "sha256="},
        "bare hex": {"X-Hub-Signature-256": mac},
        "upper case": {"X-Hub-Signature-256": "sha256=" + mac.upper()},
        "another algorithm": {"X-Hub-Signature-256": "sha512=" + hmac.new(secret.encode(), body, "sha512").hexdigest()},
        "sha1 under the wrong name": {"X-Hub-Signature-256": sha1},
        "cut": {"X-Hub-Signature-256": "sha256=" + mac[:-1]},
        "twice": {"X-Hub-Signature-256": f"sha256={mac},sha256={mac}"},
        "not ASCII": {"X-Hub-Signature-256": "sha256=é"},
        "the empty key": {"X-Hub-Signature-256": "sha256=" + hmac.new(b"", body, hashlib.sha256).hexdigest()},
    }


BODY = json.dumps(push_payload()).encode()


@pytest.mark.parametrize("name", matrix("s", BODY))
def test_w08_all_but_the_right_signature_it_refuses_without_a_hint(source, name):
    answer = post(source, BODY, headers=matrix(source.webhook_secret, BODY)[name])
    assert (answer.status_code, Build.objects.count()) == (401, 0)
    assert set(answer.json()) == {"type", "title", "status", "detail"}
    assert answer.json()["detail"].startswith("The signature is missing or wrong.")
    assert Delivery.objects.get().status == "refused"


def test_w08_a_right_sha256_it_accepts_beside_a_wrong_sha1(source):
    assert post(source, headers={"X-Hub-Signature": "sha1=" + "0" * 40}).status_code == 202


def test_w08_an_empty_secret_it_refuses_whatever_is_signed(source):
    answer = post(with_secret(source, ""))
    assert answer.status_code == 401
    assert "has no webhook secret" in Delivery.objects.get().sentence


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no header", "carried no signature"),
        ("sha1 only", "signed with SHA-1 only"),
        ("no digits", "is not a signature"),
        ("the empty key", "signs with another secret"),
    ],
)
def test_w08_the_ledger_it_tells_what_was_wrong_and_what_to_do(source, name, sentence):
    post(source, BODY, headers=matrix(source.webhook_secret, BODY)[name])
    assert sentence in Delivery.objects.get().sentence


@pytest.mark.parametrize("signed", [True, False])
def test_w08_a_secret_inside_the_body_it_never_stores(source, signed):
    headers = {} if signed else {"X-Hub-Signature-256": None}
    answer = post(source, push_payload(secret=source.webhook_secret), headers=headers)
    stored = Delivery.objects.get().read_body(100_000)
    assert answer.status_code == (202 if signed else 401)
    assert source.webhook_secret.encode() not in stored
    assert b"[the webhook secret]" in stored


def test_a_flood_of_refusals_it_bounds_and_counts(source, monkeypatch):
    for _ in range(30):
        post(source, b"x" * 200_000, headers={"X-Hub-Signature-256": None})
    rows = Delivery.objects.all()
    assert rows.count() == 20
    assert sum(row.times for row in rows) == 30
    assert max(len(row.read_body(10**6)) for row in rows) == 64 * 1024


def test_a_flood_of_refusals_it_never_drops_a_good_delivery(source):
    for _ in range(25):
        post(source, b"{}", headers={"X-Hub-Signature-256": None})
    assert post(source).status_code == 202


def test_a_flood_of_refusals_it_never_hides_what_the_forge_did_sign(source):
    for _ in range(25):
        post(source, b"{}", headers={"X-Hub-Signature-256": None})
    post(source, b"[]")
    assert "a list and not an object" in Delivery.objects.first().sentence


def test_old_refusals_it_clears_away_and_good_deliveries_it_keeps(source, monkeypatch):
    monkeypatch.setattr("webhooks.actions.refuse.KEPT", 3)
    post(source)
    for _ in range(6):
        post(source, b"{}", headers={"X-Hub-Signature-256": None})
    assert Delivery.objects.filter(status="refused").count() == 3
    assert Delivery.objects.filter(status="built").count() == 1


def test_a_malformed_delivery_it_answers_with_400_and_is_in_the_ledger(source):
    answer = post(source, b"[]")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert Delivery.objects.get().sentence == answer.json()["detail"]
