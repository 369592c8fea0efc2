"""Point 4 over the API: tags by pages in every order, what a search finds, the history of one, two side by side."""

# ruff: noqa: F811 — fixtures are named as the tests ask for them
from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from builds.models import BuildRecord
from registry.models import Repository, Tag, TagMove
from tests.builds.test_api import Api, admin, linked, stranger  # noqa: F401 — fixtures
from tests.factories import make_build
from tests.sample_image import documents

pytestmark = pytest.mark.django_db
NAMES = ["latest", "1.10", "1.9", "1.10-rc.1", "v1.9", "edge", "build-9", "build-10"]
OTHER = "sha256:" + "b" * 64


@pytest.fixture
def web(linked) -> Repository:
    return Repository.objects.get(name="web")


@pytest.fixture
def tags(web) -> None:
    now = timezone.now()
    Tag.objects.bulk_create(
        Tag(
            repository=web,
            name=name,
            digest=f"sha256:{place:064x}",
            size_bytes=place // 2 or None,
            build_number=40 + place,
            pushed_at=now - timedelta(days=place // 3),
        )
        for place, name in enumerate(NAMES)
    )


def listed(api: Api, address: str, limit: int) -> list[str]:
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = api("GET", f"{address}&limit={limit}&cursor={cursor}").json()
        seen += [item["name"] for item in page["items"]]
        cursor = page["next"]
    return seen


@pytest.mark.parametrize("sort", ["name", "-name", "date", "-date", "version", "-version", "size", "-size"])
def test_pages_of_two_it_gives_in_the_order_of_the_whole(admin, linked, tags, sort):
    assert listed(admin, f"{linked}/tags?sort={sort}", 2) == listed(admin, f"{linked}/tags?sort={sort}", 100)
    assert sorted(listed(admin, f"{linked}/tags?sort={sort}", 3)) == sorted(NAMES)


def test_it_sorts_by_version(admin, linked, tags):
    found = listed(admin, f"{linked}/tags?sort=-version&kind=floating", 2)
    assert found == ["1.10", "1.10-rc.1", "1.9", "v1.9", "edge", "latest"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=1.9", ["1.9", "v1.9"]),
        ("q=%2341", ["1.10"]),
        (f"q=sha256:{0:062x}", NAMES),
        ("q=1&kind=build", ["build-10"]),
        ("kind=build", ["build-9", "build-10"]),
    ],
)
def test_it_searches(admin, linked, tags, query, found):
    assert listed(admin, f"{linked}/tags?{query}", 50) == sorted(found)


def test_a_row_keeps_its_shape(admin, linked, tags):
    row = admin("GET", f"{linked}/tags?q=edge").json()["items"][0]
    assert set(row) == {"name", "digest", "size", "pushed_at", "build", "pulls", "last_pulled_at"}
    assert (row["name"], row["size"], row["build"]) == ("edge", 2, 45)


def test_a_cursor_of_another_order_it_refuses_with_a_sentence(admin, linked, tags):
    cursor = admin("GET", f"{linked}/tags?sort=-size&limit=2").json()["next"]
    answer = admin("GET", f"{linked}/tags?sort=-date&cursor={cursor}")
    assert answer.status_code == 422
    assert "did not come from this list in this order" in answer.json()["detail"]


@pytest.mark.parametrize("query", ["sort=pushed_at", "kind=x", "sort=-date&cursor=YQ", "sort=-date&cursor=%25"])
def test_what_is_no_order_kind_or_cursor_it_refuses(admin, linked, query):
    assert admin("GET", f"{linked}/tags?{query}").status_code == 422


def test_the_history_of_a_tag_names_builds_people_and_refusals(admin, linked, web):
    common = {"repository": web, "tag": "latest", "to_digest": OTHER}
    TagMove.objects.create(**common, build_number=1)
    TagMove.objects.create(**common, build_number=2, moved=False, sentence="`latest` was not moved.")
    TagMove.objects.create(**common, by="alice", kind="rollback", from_digest="sha256:" + "c" * 64)
    first = admin("GET", f"{linked}/tags/latest/history?limit=2").json()
    rest = admin("GET", f"{linked}/tags/latest/history?limit=2&cursor={first['next']}").json()
    rows = [*first["items"], *rest["items"]]
    assert [(row["build"], row["by"], row["moved"]) for row in rows] == [
        (None, "alice", True),
        (2, "", False),
        (1, "", True),
    ]
    assert rows[1]["sentence"] == "`latest` was not moved."
    assert rows[0]["pull"] == f"{web.image}@{OTHER}"


def test_a_tag_that_never_was_has_no_history(admin, linked):
    assert admin("GET", f"{linked}/tags/none/history").status_code == 404


def test_two_tags_it_compares(admin, linked, web):
    document = documents()
    build = make_build(state="succeeded", digest=document["digest"])
    BuildRecord.objects.create(build=build, attempt=1, image=document)
    Tag.objects.create(repository=web, name="1.9", digest=document["digest"])
    Tag.objects.create(repository=web, name="latest", digest=OTHER)
    told = admin("GET", f"{linked}/compare-tags/1.9/latest").json()
    assert (told["before"]["state"], told["after"]["state"]) == ("ready", "asked")
    assert told["before"]["platforms"][0] == "linux/amd64"
    assert admin("GET", f"{linked}/compare-tags/1.9/{document['digest']}").json()["same"] is True


@pytest.mark.parametrize("path", ["/tags/latest/history", "/compare-tags/a/b"])
def test_a_stranger_finds_nothing(stranger, path):
    assert stranger("GET", f"/repositories/acme/web{path}").status_code == 404
