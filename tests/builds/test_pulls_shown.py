"""Point 6: pulls and last pulls on the pages of tags and in the API; pushes by hand and deletions in words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from registry.models import Repository, Tag, TagMove
from tests.factories import make_user

pytestmark = pytest.mark.django_db
ONE, TWO = ("sha256:" + letter * 64 for letter in "ab")


@pytest.fixture
def tags(repository, settings, client) -> Repository:
    """`latest`, pulled often and long ago; `1.0`, once and just now; `2.0`, never; `3.0`, used by a build."""
    settings.REGISTRY_AUTH, settings.REGISTRY_HOST = "token", repository.registry.host
    Repository.objects.update(visibility="public", pulls=1042, last_pulled_at=timezone.now())
    rows = {"latest": (1041, 9), "1.0": (1, 0), "2.0": (0, None), "3.0": (0, 3)}
    for name, (pulls, hours) in rows.items():
        last = None if hours is None else timezone.now() - timedelta(hours=hours)
        Tag.objects.create(repository=repository, name=name, digest=ONE, pulls=pulls, last_pulled_at=last)
    client.force_login(make_user("root", is_superuser=True))
    return repository


def shown(client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("-pulls", ["latest", "1.0", "2.0", "3.0"]),
        ("pulls", ["2.0", "3.0", "1.0", "latest"]),
        ("-pulled", ["1.0", "3.0", "latest", "2.0"]),
        ("pulled", ["2.0", "latest", "3.0", "1.0"]),
    ],
)
def test_tags_are_sorted_by_pulls_and_last_pull_on_the_page_and_over_the_api(client, tags, sort, names):
    page = client.get(f"/r/acme/web/tags?sort={sort}")
    assert [row.tag.name for row in page.context["rows"]] == names
    found: list[str] = []
    cursor = ""
    for _ in range(4):
        document = client.get(f"/api/v1/repositories/acme/web/tags?sort={sort}&limit=1&cursor={cursor}").json()
        found += [tag["name"] for tag in document["items"]]
        cursor = document["next"]
    assert found == names and cursor is None


def test_a_list_costs_no_query_more_for_it(client, tags, django_assert_max_num_queries):
    with django_assert_max_num_queries(11):
        client.get("/r/acme/web/tags?sort=-pulled")


def test_pages_say_how_often_and_when(client, tags):
    assert "Pulled 1,041 times, last <time" in shown(client, "/r/acme/web/tags/latest")
    assert "Pulled 1 time, last <time" in shown(client, "/r/acme/web/tags/1.0")
    assert "Nobody pulled it yet." in shown(client, "/r/acme/web/tags/2.0")
    assert "; nobody pulled it." in shown(client, "/r/acme/web/tags/3.0")
    assert "Pulled 1,042 times" in shown(client, "/r/acme/web?part=tags")
    assert "1,041 pulls" in shown(client, "/r/acme/web/tags")


@pytest.mark.one_database
def test_a_registry_that_tells_nothing_is_not_said_to_be_unused(client, tags, settings):
    settings.REGISTRY_AUTH = "none"
    assert "Pulls are not counted here" in shown(client, "/r/acme/web/tags/2.0")
    assert "no pulls</span>" not in shown(client, "/r/acme/web/tags")


def test_the_api_has_the_numbers(client, tags):
    items = client.get("/api/v1/repositories/acme/web/tags").json()["items"]
    told = {tag["name"]: (tag["pulls"], tag["last_pulled_at"] is not None) for tag in items}
    assert told == {"latest": (1041, True), "1.0": (1, True), "2.0": (0, False), "3.0": (0, True)}
    repository = client.get("/api/v1/repositories/acme/web").json()
    assert repository["pulls"] == 1042 and repository["last_pulled_at"]


@pytest.mark.one_database
def test_history_tells_pushes_by_hand_and_deletions_in_words(client, tags):
    sentence = "Pushed by wendy past Imageyard. It was held at build #41 by alice; it is held where it is now."
    TagMove.objects.create(
        repository=tags, tag="latest", kind="push", by="wendy", from_digest=ONE, to_digest=TWO, sentence=sentence
    )
    TagMove.objects.create(
        repository=tags, tag="latest", kind="delete", from_digest=TWO, sentence="Deleted by bob past Imageyard."
    )
    page = shown(client, "/r/acme/web/tags/latest")
    for words in ("pushed by hand", "deleted", sentence, "nothing</span>", "not known"):
        assert words in page
    assert "not by a build" not in page
    items = client.get("/api/v1/repositories/acme/web/tags/latest/history").json()["items"]
    assert [(move["kind"], move["digest"], move["by"]) for move in items] == [
        ("delete", "", ""),
        ("push", TWO, "wendy"),
    ]
    assert items[0]["pull"] == ""


def test_the_history_of_a_tag_that_is_gone_is_still_there(client, tags):
    Tag.objects.filter(name="latest").delete()
    TagMove.objects.create(repository=tags, tag="latest", kind="delete", by="wendy", from_digest=TWO)
    assert "deleted" in shown(client, "/r/acme/web/tags/latest")
