"""Payloads up to 25 MiB, and more: taken whole, or refused before anything is kept of them."""

from __future__ import annotations

import json

import pytest
from django.conf import settings

from builds.models import Build
from tests.webhooks.sending import post, push_payload
from webhooks.models import Delivery

MB = 1_000_000


def padded(size_bytes: int) -> bytes:
    """A push whose commits name many files, as a merge of a vendored folder does."""
    path = "vendor/github.com/acme/" + "long/" * 30
    count = size_bytes // (len(path) + 16)
    commit = {"id": "c" * 40, "message": "m", "modified": [f"{path}{number:010}" for number in range(count)]}
    body = json.dumps(push_payload(commits=[commit])).encode()
    return body + b" " * (size_bytes - len(body))


@pytest.mark.django_db
@pytest.mark.parametrize("size_mb", [3, 24])
def test_w14_a_large_push_it_takes_builds_and_keeps_whole(source, size_mb):
    body = padded(size_mb * MB)
    answer = post(source, body)
    delivery = Delivery.objects.get()
    assert (answer.status_code, Build.objects.count(), delivery.body_bytes) == (202, 1, size_mb * MB)
    assert delivery.read_body(30 * MB) == body


@pytest.mark.django_db
def test_w14_a_body_that_is_too_large_it_answers_with_413_and_keeps_nothing_of(source):
    body = b" " * (settings.WEBHOOK_MAX_BYTES + 1)
    answer = post(source, body)
    delivery = Delivery.objects.get()
    assert answer.status_code == 413
    assert (delivery.status, bytes(delivery.body)) == ("refused", b"")
    assert "larger than 25 MiB" in delivery.sentence


@pytest.mark.django_db
def test_w14_a_body_of_exactly_the_most_it_takes(source):
    assert post(source, padded(settings.WEBHOOK_MAX_BYTES)).status_code == 202


@pytest.mark.django_db
def test_w14_the_largest_body_it_refuses_where_it_is_not_signed(source):
    assert post(source, b" " * settings.WEBHOOK_MAX_BYTES, headers={"X-Hub-Signature-256": None}).status_code == 401
