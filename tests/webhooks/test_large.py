"""Payloads up to 25 MiB, and more: taken whole, or refused before anything is kept of them."""

from __future__ import annotations

import asyncio
import json
import time
import tracemalloc

import pytest
from django.conf import settings

from builds.models import Build
from tests.webhooks.sending import post, push_payload
from webhooks.models import Delivery
from webhooks.views.body import BoundedBody

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
    began = time.monotonic()
    answer = post(source, body)
    took_s = time.monotonic() - began
    delivery = Delivery.objects.get()
    assert (answer.status_code, Build.objects.count(), delivery.body_bytes) == (202, 1, size_mb * MB)
    assert delivery.read_body(30 * MB) == body
    assert took_s < 3  # a second on a quiet machine


@pytest.mark.django_db
def test_w14_a_body_that_is_too_large_it_answers_with_413_and_keeps_nothing_of(source):
    body = b" " * (settings.WEBHOOK_MAX_BYTES + 1)
    tracemalloc.start()
    answer = post(source, body)
    tracemalloc.stop()
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


async def through(chunks: int, size_bytes: int, *, length: int | None = None, path: str = "/webhooks/github/x"):
    """Send `chunks` pieces through the layer; what the application saw of them, whether it was cut, chunks taken."""
    taken = 0

    async def receive():
        nonlocal taken
        if taken == chunks:
            return {"type": "http.disconnect"}
        taken += 1
        return {"type": "http.request", "body": b"x" * size_bytes, "more_body": taken < chunks}

    seen = {"bytes": 0, "cut": False, "taken": 0, "left": ""}

    async def app(scope, receive, _send):
        more = True
        while more:
            message = await receive()
            seen["bytes"] += len(message["body"])
            more = message["more_body"]
        seen["cut"], seen["taken"] = scope.get("imageyard.body_is_cut", False), taken
        seen["left"] = (await receive())["type"]

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    await BoundedBody(app)({"type": "http", "path": path, "headers": headers}, receive, None)
    return seen


def test_w14_a_body_within_the_bound_it_passes_on_whole():
    seen = asyncio.run(through(5, MB))
    assert (seen["bytes"], seen["cut"], seen["left"]) == (5 * MB, False, "http.disconnect")


def test_w14_a_body_without_a_length_it_stops_reading_at_the_bound():
    seen = asyncio.run(through(100, MB))
    assert (seen["cut"], seen["taken"], seen["left"]) == (True, 27, "http.disconnect")
    assert seen["bytes"] <= settings.WEBHOOK_MAX_BYTES


def test_w14_a_length_that_lies_it_does_not_believe():
    assert asyncio.run(through(100, MB, length=10))["cut"]


def test_w14_a_length_over_the_bound_it_reads_nothing():
    seen = asyncio.run(through(100, MB, length=26 * 1024 * 1024))
    assert (seen["cut"], seen["bytes"], seen["taken"]) == (True, 0, 0)


def test_other_addresses_it_leaves_alone():
    assert asyncio.run(through(40, MB, path="/api/v1/x"))["bytes"] == 40 * MB
