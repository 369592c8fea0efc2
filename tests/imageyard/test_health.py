"""`/healthz` and `/readyz`: what answers, what does not, and what strangers may learn from it."""

from __future__ import annotations

import pytest

from imageyard import health
from tests.factories import make_worker

_DISK = health._disk


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """Every part answers in an instant; the names of those that were asked."""
    names: list[str] = []
    monkeypatch.setattr(health._Last, "at", -health.FRESH_S)
    for name in ("database", "redis", "registry", "worker", "builder", "disk"):
        monkeypatch.setattr(health, f"_{name}", lambda name=name: names.append(name) or health.OK)
    return names


@pytest.mark.django_db
def test_it_is_ready_when_every_part_answers(client, asked):
    answer = client.get("/readyz")
    parts = dict.fromkeys(["database", "redis", "registry", "worker", "builder", "disk"], "ok")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "parts": parts})


@pytest.mark.django_db
def test_it_names_the_part_that_does_not_answer(client, asked, monkeypatch):
    monkeypatch.setattr(health, "_registry", lambda: "registry.example.com does not answer.")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert answer.json()["parts"]["registry"] == "registry.example.com does not answer."


@pytest.mark.django_db
def test_it_tells_no_stranger_what_the_database_said(client, asked, monkeypatch):
    def broken() -> str:
        raise ConnectionError('server at "10.0.0.7": password authentication failed for user "imageyard"')

    monkeypatch.setattr(health, "_database", broken)
    told = client.get("/readyz").json()["parts"]["database"]
    assert told == "It does not answer (ConnectionError); the log of web says more."


@pytest.mark.django_db
def test_it_asks_each_part_once_in_a_second_whoever_asks(client, asked):
    for _ in range(5):
        client.get("/readyz")
    assert len(asked) == 6


@pytest.mark.django_db
def test_8_it_says_which_disk_of_which_host_has_no_room_for_builds(client, asked, monkeypatch):
    monkeypatch.setattr(health, "_disk", _DISK)
    monkeypatch.setattr(health, "free_bytes", lambda folder: (10**9, 10**12))
    told = client.get("/readyz")
    assert told.status_code == 503
    assert "(database and logs) has 1.0 GB free, and builds start only with 1.3 GB." in told.json()["parts"]["disk"]
    monkeypatch.setattr(health, "free_bytes", lambda folder: (10**11, 10**12))
    assert health._disk() == health.OK
    make_worker(disk_fault="The disk of builder-1 (Docker Engine) has 0.4 GB free.")
    assert health._disk() == "The disk of builder-1 (Docker Engine) has 0.4 GB free."
    make_worker("w2", "builder-2")
    assert health._disk() == health.OK, "another one has room"
