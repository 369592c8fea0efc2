"""Point 4: the list of tags, with many of them: pages, order, search, images with all their tags, platforms."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from builds.models import BuildRecord, ImageLook
from registry.models import Tag
from tests.builds.pages import words
from tests.factories import make_build
from tests.sample_image import documents

pytestmark = pytest.mark.django_db
MANY = 1_000


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def put(repository, *names: str, **fields) -> None:
    fields = {"digest": digest(1), "size_bytes": 1_000, **fields}
    Tag.objects.bulk_create(Tag(repository=repository, name=name, **fields) for name in names)


def listed(client, query: str = "") -> list[str]:
    rows = client.get(f"/r/acme/web/tags{query}").context["rows"]
    return [tag.name for row in rows for tag in row.tags]


@pytest.fixture
def many(repository):
    """1.0 to 1.999, each with a digest, a size, a time and a build of its own; the last is the newest."""
    now = timezone.now()
    Tag.objects.bulk_create(
        Tag(
            repository=repository,
            name=f"1.{number}",
            digest=digest(number),
            size_bytes=number,
            build_number=number + 1,
            pushed_at=now - timedelta(minutes=MANY - number),
        )
        for number in range(MANY)
    )
    return repository


def queries(client, query: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get(f"/r/acme/web/tags{query}").status_code == 200
    return len(seen)


VIEWS = ["", "?sort=-version", "?sort=version&kind=all", "?sort=size&by=image", "?by=image&q=1.2&kind=all"]


def test_a_thousand_tags_cost_as_many_queries_as_three(reader, repository):
    put(repository, "1.2", "1.20", "1.200", build_number=1)
    few = [queries(reader, query) for query in VIEWS]
    Tag.objects.bulk_create(
        Tag(repository=repository, name=f"2.{n}", digest=digest(n), build_number=n) for n in range(MANY)
    )
    assert [queries(reader, query) for query in VIEWS] == few


SORTED = [
    ("", ["1.999", "1.998"]),
    ("?sort=date", ["1.0", "1.1"]),
    ("?sort=-version", ["1.999", "1.998"]),
    ("?sort=version", ["1.0", "1.1"]),
    ("?sort=name", ["1.0", "1.1"]),
    ("?sort=-size", ["1.999", "1.998"]),
    ("?sort=version&page=20", ["1.950", "1.951"]),
    ("?sort=version&page=9999", ["1.950", "1.951"]),
    ("?sort=-version&by=image", ["1.999", "1.998"]),
    ("?q=1.99&sort=version", ["1.99", "1.990"]),
    ("?q=%2342", ["1.41"]),
    (f"?q={digest(77)[:-2]}", ["1.255", "1.254"]),  # the last two digits, 00 to ff, are open
]


def test_a_thousand_tags_it_sorts_searches_and_pages(reader, many):
    for query, first in SORTED:
        assert listed(reader, query)[: len(first)] == first, query


def test_versions_it_sorts_by_their_numbers_and_what_is_none_behind_them(reader, repository):
    put(repository, "latest", "1.10", "1.9", "1.10-rc.2", "1.10-rc.10", "v2", "edge", "build-3")
    order = ["v2", "1.10", "1.10-rc.10", "1.10-rc.2", "1.9", "edge", "latest"]
    assert listed(reader, "?sort=-version") == order
    assert listed(reader, "?sort=version") == [*order[4::-1], *order[5:]]


@pytest.mark.parametrize("sort", ["size", "-size"])
def test_a_size_that_nobody_knows_it_puts_last(reader, repository, sort):
    put(repository, "a", size_bytes=None)
    put(repository, "b", size_bytes=5)
    assert listed(reader, f"?sort={sort}") == ["b", "a"]


def test_which_tags_it_shows_is_by_what_they_are_and_not_by_how_they_begin(reader, repository):
    put(repository, "latest", "build-9", "build-10", "build-tools")
    assert listed(reader, "?sort=name") == ["build-tools", "latest"]
    assert listed(reader, "?kind=build&sort=-version") == ["build-10", "build-9"]
    assert listed(reader, "?kind=all&sort=name") == ["build-10", "build-9", "build-tools", "latest"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("LATE", ["latest"]),
        ("%", []),
        ("_", ["a_b"]),
        ("#7", ["a_b"]),
        ("7", ["a_b", "v7"]),
        ("sha256:00", ["a_b", "latest"]),
        ("00000", ["a_b", "latest"]),
        ("sha256:zz", []),
        ("#99999999999999999999", []),
        ("99999999999999999999", []),
    ],
)
def test_it_searches_names_digests_and_builds(reader, repository, text, found):
    put(repository, "latest", digest=digest(2))
    put(repository, "a_b", build_number=7)
    put(repository, "v7", digest="sha512:" + "f" * 100)
    assert listed(reader, f"?sort=name&q={quote(text)}") == found


def test_tags_of_one_image_stand_together_as_one_row(reader, repository):
    put(repository, "latest", "1", "1.2", "1.2.3")
    put(repository, "1.1", digest=digest(2))
    rows = reader.get("/r/acme/web/tags?by=image&sort=-version").context["rows"]
    assert [[tag.name for tag in row.tags] for row in rows] == [["latest", "1", "1.2", "1.2.3"], ["1.1"]]


def test_a_search_finds_an_image_with_all_its_tags(reader, repository):
    put(repository, "latest", "1.2")
    assert listed(reader, "?by=image&q=1.2") == ["latest", "1.2"]


def test_of_a_thousand_tags_of_one_image_it_names_a_few_and_leads_to_the_rest(reader, repository):
    put(repository, *(f"1.{number}" for number in range(MANY)))
    answer = reader.get("/r/acme/web/tags?by=image")
    assert "and 980 more" in words(answer)
    assert f"?q={digest(1)[:27].replace(':', '%3A')}" in answer.content.decode()


@pytest.mark.one_database
def test_platforms_are_shown_with_their_sizes_it_hides_attestations(reader, repository):
    build = make_build(state="succeeded", digest=documents()["digest"])
    BuildRecord.objects.create(build=build, attempt=1, image=documents())
    put(repository, "latest", digest=build.digest, build_number=build.number)
    page = words(reader.get("/r/acme/web/tags"))
    assert "linux/amd64 99.0 MB" in page
    assert "linux/arm64" in page
    assert "unknown/unknown" not in page


@pytest.mark.one_database
def test_platforms_of_an_image_pushed_by_hand_come_from_whoever_read_it(reader, repository):
    document = documents()
    put(repository, "latest", digest=document["digest"])
    assert "not read yet" in words(reader.get("/r/acme/web/tags"))
    ImageLook.objects.create(
        repository=repository, kind="image", digest=document["digest"], state="ready", facts=document
    )
    assert "linux/arm64" in words(reader.get("/r/acme/web/tags"))


@pytest.mark.parametrize("hostile", ['"><script>alert(1)</script>', "../../x", "{{7*7}}", "a&b=c?d#e", "' OR 1=1 --"])
def test_names_that_a_registry_made_up_it_escapes(reader, repository, hostile):
    put(repository, hostile.replace("/", "|"))
    for query in ("", "?by=image", f"?q={hostile.replace('/', '|').replace('&', '%26').replace('#', '%23')}"):
        page = reader.get(f"/r/acme/web/tags{query}")
        assert page.status_code == 200
        assert b"<script>alert" not in page.content


def test_what_is_no_order_and_no_kind_it_takes_for_the_usual(reader, repository):
    put(repository, "latest", "build-1")
    assert listed(reader, "?kind=x&sort=pushed_at__foo&by=y&page=-1") == ["latest"]


def test_a_search_that_finds_nothing_says_what_it_looks_for(reader, repository):
    assert "the number of a build, as in #41" in words(reader.get("/r/acme/web/tags?q=nothing"))
