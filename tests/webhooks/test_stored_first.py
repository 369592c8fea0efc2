"""What happens when something else fails: the broker, Redis, our own code, the database."""

from __future__ import annotations

import json
from collections import defaultdict
from types import SimpleNamespace

import pytest
from django.db import OperationalError
from django.test import RequestFactory

from builds.models import Build
from tests.factories import make_member, make_rule, make_source
from tests.webhooks.sending import headers_for, post, push_payload
from webhooks.actions import replay_delivery
from webhooks.models import Delivery
from webhooks.views.inbound import inbound


@pytest.mark.django_db
@pytest.mark.parametrize("broken", ["webhooks.actions.building.request_builds", "webhooks.actions.decide.evaluate"])
def test_invariant_1_whatever_fails_it_is_in_the_ledger(source, monkeypatch, broken):
    """A webhook that reached us is in the ledger before anything else happens, with its verdict per rule, or with the
    reason it was refused."""

    def fail(*_args, **_kwargs):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(broken, fail)
        answer = post(source, delivery="one")
    kept = Delivery.objects.get()
    assert (answer.status_code, answer.json()["delivery"]) == (503, str(kept.pk))
    assert (kept.status, kept.event, Build.objects.count()) == ("fault", "push", 0)
    assert b"refs/heads/main" in kept.read_body(1000)
    assert post(source, delivery="one").status_code == 202  # the forge's "Redeliver"


@pytest.mark.django_db
def test_invariant_1_a_delivery_that_we_could_not_judge_it_builds_when_it_is_replayed(source, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("webhooks.actions.building.request_builds", lambda *_: 1 / 0)
        post(source)
    alice = make_member(source.repository.namespace, "alice", 20)
    assert replay_delivery(alice, Delivery.objects.get()).status == "built"


@pytest.mark.django_db
def test_a_database_that_does_not_answer_it_is_told_to_the_forge(source, monkeypatch):
    def down(*_args, **_kwargs):
        raise OperationalError("the connection is closed")

    monkeypatch.setattr("webhooks.actions.accept.decide", down)
    answer = post(source)
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("The database did not answer")


@pytest.fixture
def broker_is_down(settings, monkeypatch):
    """Nothing listens on port 1, as when Redis is stopped. Celery's own client would try for seconds meanwhile."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr("lib.queue._Broker.silent_until", 0.0)
    task = SimpleNamespace(apply_async=lambda *_, **__: pytest.fail("Celery was asked"))
    monkeypatch.setattr("lib.queue.current_app", SimpleNamespace(tasks=defaultdict(lambda: task)))


@pytest.mark.django_db(transaction=True)
def test_w14_a_broker_that_is_down_it_stores_builds_and_answers_202(broker_is_down):
    source = make_source()
    make_rule(source)
    answer = post(source)
    assert (answer.status_code, Build.objects.count()) == (202, 1)


@pytest.mark.django_db(transaction=True)
def test_a_redis_that_hangs_it_does_not_keep_the_forge_waiting(rings):
    source = make_source()
    make_rule(source)
    body = json.dumps(push_payload()).encode()
    request = RequestFactory().post("/", body, content_type="application/json", headers=headers_for(source, body))
    answer = inbound(request, "github", str(source.pk))
    assert (answer.status_code, Build.objects.count(), rings) == (202, 1, [])
    answer.close()  # as the server does once the last byte is sent
    assert sorted(rings) == ["builds.probe_source", "builds.run_next"]
