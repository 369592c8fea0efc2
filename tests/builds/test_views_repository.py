"""A repository's pages over HTTP: overview, builds and tags; who sees them and what they say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from builds.models import Build
from registry.models import Tag, TagMove
from tests.builds.pages import words
from tests.factories import make_build

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

PAGES = ["", "/builds", "/tags", "/rules"]
DIGEST = "sha256:" + "ab" * 32


def ended(number_of: int = 1, **fields):
    now = timezone.now()
    begun = now - timedelta(seconds=64)
    fields = {"state": "succeeded", "attempt": 1, "started_at": begun, "finished_at": now, **fields}
    return [make_build(commit=f"{place:040x}", **fields) for place in range(number_of)][-1]


def tag(repository, name: str = "latest", **fields) -> Tag:
    fields = {"digest": DIGEST, "size_bytes": 84_200_000, **fields}
    return Tag.objects.create(repository=repository, name=name, **fields)


@pytest.mark.parametrize("page", PAGES)
def test_it_shows_a_member_every_tab(reader, page):
    assert reader.get(f"/r/acme/web{page}").status_code == 200


@pytest.mark.parametrize("page", [*PAGES, "/settings", "/build", "/setup", "/tags/latest"])
def test_it_does_not_know_a_private_repository_for_a_stranger(stranger, repository, page):
    assert stranger.get(f"/r/acme/web{page}").status_code == 404


@pytest.mark.parametrize("page", PAGES)
def test_it_shows_a_public_repository_to_everybody(client, repository, page):
    repository.visibility = "public"
    repository.save()
    assert client.get(f"/r/acme/web{page}").status_code == 200


def test_it_offers_a_visitor_of_an_unknown_address_to_log_in(client, repository):
    answer = client.get("/r/acme/web")
    assert answer.status_code == 404
    assert "/accounts/login/?next=/r/acme/web" in answer.content.decode()


def test_it_gives_a_reader_no_button_and_no_settings(reader):
    page = words(reader.get("/r/acme/web"))
    assert "Build now" not in page
    assert "Settings" not in page


def test_it_gives_an_owner_both(owner):
    page = words(owner.get("/r/acme/web"))
    assert "Build now" in page
    assert "Settings" in page


def test_it_says_which_image_the_tag_is(reader, repository):
    build = ended()
    tag(repository, build_number=build.number)
    page = words(reader.get("/r/acme/web"))
    assert f"docker pull {repository.image}:latest" in page
    assert "= build #1 of branch main at 0000000, just now, 84.2 MB" in page


@pytest.mark.both_databases
def test_it_renders_the_readme_without_letting_it_script(reader, repository):
    repository.readme = "# Web\n\n<script>alert(1)</script><img src=x onerror=alert(1)>"
    repository.save()
    page = reader.get("/r/acme/web").content.decode()
    assert "<h2>Web</h2>" in page
    assert "alert(1)</script>" not in page
    assert "onerror" not in page


def test_it_escapes_what_strangers_wrote_into_a_build(reader, repository):
    ended(ref="<b>x</b>", commit_message="<script>", commit_author="<i>", cause_detail="<u>", error_message="<s>`<q>`")
    page = reader.get("/r/acme/web/builds").content.decode()
    assert not [mark for mark in ("<b>x", "<script>\n", "<u>", "<s>", "<q>") if mark in page]


def test_it_lists_builds_with_state_sentence_and_duration(reader):
    ended(tags=["build-1", "latest"])
    page = words(reader.get("/r/acme/web/builds"))
    assert "#1 succeeded The image is there as latest." in page
    assert "1 m 04 s" in page


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"state": "failed"}, [2]),
        ({"state": "active"}, [3]),
        ({"ref": "FEAT"}, [2]),
        ({"state": "what"}, [3, 2, 1]),
        ({"before": "3"}, [2, 1]),
        ({"before": "x"}, [3, 2, 1]),
        ({"before": "99999999999999999999"}, [3, 2, 1]),
    ],
)
def test_it_filters_builds(reader, repository, query, numbers):
    ended(ref="main")
    ended(ref="feature/x", state="failed")
    ended(ref="main", state="building", finished_at=None)
    answer = reader.get("/r/acme/web/builds", query)
    assert [build.number for build, *_ in answer.context["rows"]] == numbers


@pytest.mark.both_databases
def test_it_pages_through_builds_by_number(reader):
    ended(35)
    first = reader.get("/r/acme/web/builds")
    assert len(first.context["rows"]) == 30
    rest = reader.get("/r/acme/web/builds", {"before": first.context["older"]})
    assert [build.number for build, *_ in rest.context["rows"]] == [5, 4, 3, 2, 1]


def test_it_says_what_to_do_when_nothing_was_built(owner):
    assert "Push to a branch that a rule names, or start a build by hand." in words(owner.get("/r/acme/web/builds"))


@pytest.mark.both_databases
def test_it_separates_tags_that_move_from_build_tags(reader, repository):
    tag(repository)
    tag(repository, "build-1")
    assert [row.tag.name for row in reader.get("/r/acme/web/tags").context["rows"]] == ["latest"]
    assert [row.tag.name for row in reader.get("/r/acme/web/tags?kind=build").context["rows"]] == ["build-1"]


def test_it_shows_where_a_tag_pointed_and_where_it_was_not_moved(reader, repository):
    build = ended()
    tag(repository, build_number=1)
    common = {"repository": repository, "tag": "latest", "to_digest": DIGEST, "build_number": build.number}
    TagMove.objects.create(**common)
    TagMove.objects.create(**common, moved=False, sentence="`latest` was not moved: build #43 is newer.")
    page = words(reader.get("/r/acme/web/tags/latest"))
    assert "latest was not moved: build #43 is newer." in page
    assert f"{repository.image}@{DIGEST}" in page


def test_it_does_not_know_a_tag_that_never_was(reader, repository):
    assert reader.get("/r/acme/web/tags/none").status_code == 404


@pytest.mark.both_databases
@pytest.mark.parametrize("address", ["/r/acme/web", "/r/acme/web/builds", "/r/acme/web/tags", "/r/acme/web/rules"])
def test_it_takes_the_same_number_of_queries_however_many_builds_there_are(owner, repository, address):
    def take() -> int:
        with CaptureQueriesContext(connection) as seen:
            owner.get(address)
        return len(seen)

    old = ended(state="superseded")
    old.superseded_by = ended()
    old.save()
    tag(repository, build_number=1)
    before = take()
    ended(20)
    ended(state="superseded", superseded_by=old)
    for place in range(10):
        tag(repository, f"1.{place}", build_number=place + 2)
    assert take() == before
    assert before <= 19


@pytest.mark.parametrize(
    ("cause", "detail", "says"),
    [
        ("push", "pushed by octo", "pushed by octo"),
        ("push", "force-pushed by octo", "force-pushed by octo"),
        ("push", "", "push"),
        ("manual", "by wendy", "manual by wendy"),
        ("schedule", "every day at 03:00 UTC", "schedule: every day at 03:00 UTC"),
    ],
)
def test_it_says_in_one_phrase_why_a_build_was_asked_for(cause, detail, says):
    assert Build(cause=cause, cause_detail=detail).cause_sentence == says
