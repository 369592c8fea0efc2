"""Point 5: the page and the calls that say when the last notification came and what the last comparison mended."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from registry.actions import default_registry
from registry.models import Registry, RegistryEvent, RegistryWatch, TagComparison, TagMove
from tests.factories import make_admin, make_repository, make_user

pytestmark = pytest.mark.django_db
PAGE = "/registries/watch"


@pytest.fixture
def rings(monkeypatch) -> list[str]:
    """The names of the tasks that were asked for; nothing is sent."""
    from lib import queue

    sent: list[str] = []
    monkeypatch.setattr(queue, "_send", lambda name, *_: sent.append(name))
    return sent


@pytest.fixture
def own(settings) -> Registry:
    registry = default_registry()
    settings.REGISTRY_AUTH, settings.REGISTRY_HOST = "token", registry.host
    return registry


@pytest.fixture
def boss(client):
    client.force_login(make_admin("boss"))
    return client


def shown(client, **query: str) -> str:
    answer = client.get(PAGE, query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_only_superusers_see_it(client, own):
    assert client.get(PAGE).status_code == 302
    client.force_login(make_user("wendy"))
    for answer in (
        client.get(PAGE),
        client.post(f"/registries/{own.pk}/compare"),
        client.get("/api/v1/registries/watch"),
        client.post(f"/api/v1/registries/{own.pk}/compare", {}, content_type="application/json"),
    ):
        assert answer.status_code == 404
    assert not TagComparison.objects.exists()


def test_it_says_what_has_not_happened_yet(boss, own):
    page = shown(boss)
    for words in ("none yet", "Nothing so far", "Whatever was pushed or deleted was told of."):
        assert words in page
    assert "it sends none" not in page


def test_it_says_what_came_and_what_was_found(boss, own):
    repository = make_repository("acme/web")
    now = timezone.now()
    RegistryWatch.objects.create(
        registry=own, heard_at=now, compared_at=now, is_by_disk=True, tags=1204, mended=1, failed=1,
        unknown=["library/busybox"], unknown_total=1,
    )  # fmt: skip
    sentence = "The registry has none of the 2 tags that are known here."
    TagComparison.objects.create(repository=repository, sentence=sentence)
    told = "Found by comparing with the registry: the tag is gone; it pointed to build #40."
    TagMove.objects.create(repository=repository, tag="gone", kind="delete", sentence=told)
    TagMove.objects.create(repository=repository, tag="other", kind="push", by="wendy", sentence="Pushed by wendy.")
    event = {"repository": repository, "action": "push", "tag": "x", "at": now, "received_at": now - timedelta(hours=1)}
    RegistryEvent.objects.create(event_id="1", sentence="registry.example.com cannot be reached.", **event)
    RegistryEvent.objects.create(event_id="2", handled_at=now, **event)
    Registry.objects.create(name="elsewhere", host="registry.example.com")
    page = shown(boss, part="rows")
    for words in (
        "1,204 tags, read from its folder",
        "1 repository that only the registry knows",
        "library/busybox",
        sentence,
        "acme/web:gone",
        "it pointed to build #40",
        "1 notification waits for a worker, the oldest came",
        "registry.example.com cannot be reached.",
        "it sends none",
    ):
        assert words in page, words
    assert "Pushed by wendy" not in page and "<html" not in page


def test_a_registry_that_does_not_answer_is_named(boss, own):
    RegistryWatch.objects.create(registry=own, sentence="`x` cannot be reached: the connection was refused.")
    assert "nothing was removed" in shown(boss)


def test_a_comparison_is_asked_for_by_hand(boss, own, rings, django_capture_on_commit_callbacks):
    repository = make_repository("acme/web")
    TagComparison.objects.create(repository=repository, due_at=timezone.now() + timedelta(days=1), cursor="v1")
    with django_capture_on_commit_callbacks(execute=True):
        answer = boss.post(f"/registries/{own.pk}/compare", {"may_empty": "on"}, follow=True)
    assert f"A worker compares the tags with {own.host} now." in answer.content.decode()
    row = TagComparison.objects.get()
    assert row.due_at <= timezone.now() and row.cursor == "" and row.may_empty
    assert rings == ["registry.compare_tags"]
    entry = AuditEntry.objects.get()
    assert (entry.actor.username, entry.action, entry.detail) == (
        "boss",
        "registry.compare",
        "also where all tags are gone",
    )
    assert boss.post("/registries/999/compare").status_code == 404
    assert boss.get(f"/registries/{own.pk}/compare").status_code == 405


def test_the_api_has_the_same(boss, own, rings):
    make_repository("acme/web")
    RegistryWatch.objects.create(registry=own, tags=7, mended=2)
    (item,) = boss.get("/api/v1/registries/watch").json()["items"]
    assert (item["id"], item["is_own"], item["tags"], item["mended"], item["heard_at"]) == (own.pk, True, 7, 2, None)
    answer = boss.post(f"/api/v1/registries/{own.pk}/compare", {}, content_type="application/json")
    assert answer.status_code == 202 and answer.json()["host"] == own.host
    assert not TagComparison.objects.get().may_empty
    assert boss.post("/api/v1/registries/999/compare", {}, content_type="application/json").status_code == 404


def test_it_costs_the_same_however_many_registries_there_are(boss, own, django_assert_max_num_queries):
    for number in range(8):
        RegistryWatch.objects.create(registry=Registry.objects.create(name=f"r{number}", host=f"r{number}.example.com"))
    with django_assert_max_num_queries(10):
        boss.get(PAGE)
