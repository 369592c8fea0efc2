"""Point 1: the address that the registry calls: its secret, bounds, replays, and what it answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse

from registry.actions.pulls import counts
from registry.core.notification_config import events_secret
from registry.models import RegistryEvent, RegistryWatch, Repository, Tag
from registry.views import events as view
from tests.registry.notifications.told import PATH

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def counted(monkeypatch, fake):
    """The counting of this process, emptied, without its thread."""
    from registry.actions.pulls import PullCounts

    fresh = PullCounts()
    monkeypatch.setattr(view, "counts", fresh)
    monkeypatch.setattr(view.flusher, "wake", lambda: None)
    assert counts is not fresh
    return fresh


def send(client, body: Any, *, secret: str | None = None, **more: Any):
    headers = {"authorization": f"Bearer {events_secret(settings.SECRET_KEY) if secret is None else secret}"}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "application/vnd.docker.distribution.events.v1+json"
    return client.post(reverse("registry-events"), content, content_type=kind, headers=headers, **more)


def lines(data: Path, name: str) -> list[bytes]:
    return (data / "registry-events" / f"{name}.jsonl").read_bytes().splitlines()


def test_it_takes_what_the_registry_sends(client, data, repository, counted, django_assert_max_num_queries):
    body = lines(data, "push-image")[0].replace(b"acme/app", PATH.encode())
    with django_assert_max_num_queries(4):
        answer = send(client, body)
    assert (answer.status_code, answer.json()) == (200, {"kept": 1, "pulls": 0})
    event = RegistryEvent.objects.get()
    assert (event.repository, event.action, event.tag) == (repository, "push", "3")
    assert counted.flush()
    assert RegistryWatch.objects.get().heard_at is not None


def test_a_pull_writes_nothing_at_once(client, data, repository, django_assert_num_queries):
    for line in lines(data, "pull-index-first"):
        with django_assert_num_queries(0):
            assert send(client, line.replace(b"acme/app", PATH.encode())).status_code == 200


@pytest.mark.parametrize("secret", ["", "wrong", "ä", "x" * 5000])
def test_a_wrong_secret_is_refused_and_nothing_is_read(client, data, repository, secret):
    answer = send(client, lines(data, "push-image")[0], secret=secret)
    assert answer.status_code == 401
    assert "IMAGEYARD_SECRET_KEY" in answer.json()["detail"]
    assert not RegistryEvent.objects.exists()


def test_another_scheme_or_none_is_refused(client, repository):
    address, secret = reverse("registry-events"), events_secret(settings.SECRET_KEY)
    assert client.post(address, b"{}", content_type="application/json").status_code == 401
    headers = {"authorization": f"Basic {secret}"}
    assert client.post(address, b"{}", content_type="application/json", headers=headers).status_code == 401


def test_the_secret_ends_with_the_key(client, data, repository, settings):
    old = events_secret(settings.SECRET_KEY)
    settings.SECRET_KEY = "another"
    assert send(client, lines(data, "push-image")[0], secret=old).status_code == 401
    assert send(client, lines(data, "push-image")[0]).status_code == 200


def test_a_body_that_is_too_large_is_refused(client, repository, monkeypatch):
    monkeypatch.setattr(view, "MOST_BYTES", 100)
    answer = send(client, b" " * 101)
    assert answer.status_code == 413 and "100 bytes" in answer.json()["detail"]


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b'{"events": 7}'])
def test_what_is_no_envelope_is_refused(client, repository, body):
    answer = send(client, body)
    assert answer.status_code == 400 and "CNCF Distribution" in answer.json()["detail"]


def test_a_replay_is_taken_and_changes_nothing(client, data, repository, counted):
    push = lines(data, "push-image")[0].replace(b"acme/app", PATH.encode())
    pulls = [line.replace(b"acme/app", PATH.encode()) for line in lines(data, "pull-image-first")]
    for body in (push, push, *pulls, *pulls):
        assert send(client, body).status_code == 200
    assert RegistryEvent.objects.count() == 1
    counted.flush()
    assert Repository.objects.get().pulls == 1


def test_thousands_of_events_are_one_insert_after_the_other(client, repository, django_assert_max_num_queries):
    events = [
        {
            "id": f"e{number}",
            "action": "push",
            "target": {"repository": PATH, "tag": f"t{number}", "digest": f"sha256:{number:064x}"},
        }
        for number in range(3000)
    ]
    with django_assert_max_num_queries(60):
        assert send(client, {"events": events}).json()["kept"] == 3000
    assert RegistryEvent.objects.count() == 3000


def test_it_is_for_posts_alone(client, repository):
    assert client.get(reverse("registry-events")).status_code == 405
    assert not Tag.objects.exists()
