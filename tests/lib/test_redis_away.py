"""Redis goes away: nobody waits for it, nobody is locked out, and no page breaks."""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.test import Client

from imageyard.supervisor.parts import Redis
from lib import queue
from lib.cache import ForgivingCache
from tests.factories import make_admin, make_build
from tests.real_parts import running

NOBODY = "redis://127.0.0.1:1/0"
CACHE = {"default": {"BACKEND": "lib.cache.ForgivingCache", "LOCATION": NOBODY}}


@pytest.fixture
def away(settings, monkeypatch):
    """Nothing answers at REDIS_URL."""
    settings.REDIS_URL = NOBODY
    settings.CACHES = CACHE
    settings.CELERY_BROKER_URL = NOBODY
    monkeypatch.setattr(queue._Broker, "silent_until", 0.0)
    # Celery's own client tries for seconds.
    slow = SimpleNamespace(apply_async=lambda *_, **__: pytest.fail("Celery was asked"))
    monkeypatch.setattr(queue, "current_app", SimpleNamespace(tasks=defaultdict(lambda: slow)))


def test_of_many_bells_that_cannot_ring_only_the_first_is_tried(away, monkeypatch):
    tried = []
    client_of = queue._client
    monkeypatch.setattr(queue, "_client", lambda url: tried.append(url) or client_of(url))
    for _ in range(20):
        queue._send("builds.run_next", (), 9)
    assert tried == [NOBODY]


def test_a_bell_is_tried_again_after_a_pause(away, monkeypatch):
    queue._send("builds.run_next", (), 9)
    silent_until = queue._Broker.silent_until
    assert 0 < silent_until - time.monotonic() <= queue.PAUSE_S
    monkeypatch.setattr(queue.time, "monotonic", lambda: silent_until + 1)
    queue._send("builds.run_next", (), 9)
    assert queue._Broker.silent_until > silent_until


def test_a_bell_may_be_heard_later_and_expires_later_then(monkeypatch):
    sent = []
    task = SimpleNamespace(apply_async=lambda *_, **options: sent.append(options))
    monkeypatch.setattr(queue, "current_app", SimpleNamespace(tasks=defaultdict(lambda: task)))
    monkeypatch.setattr(queue, "_client", lambda _: SimpleNamespace(ping=lambda: True))
    monkeypatch.setattr(queue._Broker, "silent_until", 0.0)
    queue._send("builds.run_next", (), 9)
    queue._send("builds.run_next", (), 9, 60)
    now, later = ((options.get("countdown"), options["expires"]) for options in sent)
    assert (now, later) == ((None, 9), (60, 69))


def test_what_comes_while_redis_is_away_is_kept_here():
    away = ForgivingCache(NOBODY, {})
    assert away.get("tries", 0) == 0
    away.set("tries", 1)
    assert (away.incr("tries"), away.get("tries"), away.add("tries", 9)) == (2, 2, False)


@pytest.mark.redis
def test_the_cache_is_in_redis_while_redis_is_there(tmp_path_factory):
    folder = Path(tmp_path_factory.mktemp("r", numbered=True))
    redis = Redis(folder)
    with running(redis):
        ForgivingCache(redis.url, {}).set("tries", 1)
        assert ForgivingCache(redis.url, {}).get("tries") == 1
    assert ForgivingCache(redis.url, {}).get("tries") is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/", "/queue", "/r/acme/web", "/r/acme/web/builds/1", "/account/tokens"])
def test_pages_are_there_without_redis(away, path):
    make_build()
    client = Client()
    client.force_login(make_admin())
    assert client.get(path).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_one_can_log_in_without_redis_and_not_guess_for_ever(away):
    admin = make_admin()
    admin.set_password("a-long-password")
    admin.save()
    client = Client()
    wrong = [client.post("/accounts/login/", {"login": "admin", "password": str(n)}) for n in range(7)]
    assert "Too many failed login attempts" in wrong[-1].content.decode()
    other = make_admin("other")
    other.set_password("a-long-password")
    other.save()
    answer = Client().post("/accounts/login/", {"login": "other", "password": "a-long-password"})
    assert (answer.status_code, answer["location"]) == (302, "/")
