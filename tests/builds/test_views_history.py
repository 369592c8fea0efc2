"""How builds went, on a repository's pages and in the API: rates, the picture, its switch, and the sizes of tags."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from builds.models import Build, BuildRule
from builds.views.history import history_of
from builds.views.sizes import size_trends
from registry.models import Repository, Tag, TagMove
from tests.builds.pages import words
from tests.builds.test_api import Api
from tests.factories import make_admin, make_build, make_repository, make_rule, make_source, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


def ended(state: str = "succeeded", *, took: float = 60, waited: float = 4, ago: timedelta = timedelta(0), **fields):
    end = timezone.now() - ago
    begin = end - timedelta(seconds=took)
    times = {"queued_at": begin - timedelta(seconds=waited), "started_at": begin, "finished_at": end}
    return make_build(state=state, attempt=1, **times, **fields)


def put(repository: Repository, tag: str, build: Build, ago: timedelta) -> None:
    at = timezone.now() - ago
    TagMove.objects.create(repository=repository, tag=tag, at=at, to_digest="sha256:00", build_number=build.number)
    Tag.objects.update_or_create(
        repository=repository, name=tag, defaults={"digest": "sha256:00", "build_number": build.number, "pushed_at": at}
    )


def test_9_it_tells_the_success_rate_of_the_last_builds_and_of_30_days(owner, repository):
    """9. Repository: success rate (last 30 builds and 30 days)."""
    for _ in range(3):
        ended()
    ended("failed", error_message="No.")
    ended("cancelled")
    ended("failed", error_message="No.", ago=timedelta(days=31))
    page = words(owner.get("/r/acme/web"))
    assert "Of the last 5 builds60 % succeeded, 2 failed" in page
    assert "In 30 days75 % of 4" in page
    assert "Usually takes1 m 00 s" in page
    assert "Usually waits4.0 s" in page


def test_9_each_bar_is_a_link_that_says_its_build_in_words(owner, repository):
    """9. Duration and queue time per build as a picture where a click opens the build; never colour alone."""
    ended(took=64, waited=3)
    ended("failed", error_message="No.")
    make_build(state="building", attempt=1, started_at=timezone.now() - timedelta(seconds=5))
    page = owner.get("/r/acme/web/builds").content.decode()
    links = dict(re.findall(r'<a class="chart-link" href="([^"]+)" aria-label="([^"]+)"', page))
    assert links["/r/acme/web/builds/1"] == "#1 succeeded, took 1 m 04 s, waited 3.0 s"
    assert links["/r/acme/web/builds/2"] == "#2 failed, took 1 m 00 s, waited 4.0 s"
    assert links["/r/acme/web/builds/3"].startswith("#3 building, runs for 5.")
    for tone in ("ok", "bad", "run"):
        assert f"chart-mark mark-{tone}" in page


def test_it_has_the_same_as_a_table(owner, repository):
    ended(took=64, waited=3)
    page = owner.get("/r/acme/web").content.decode()
    table = page[page.index("As a table") : page.index("</table>", page.index("As a table"))]
    assert re.findall(r"<td[^>]*>(?:<a[^>]*>)?([^<]+)", table) == ["#1", "succeeded", "1 m 04 s", "3.0 s"]


def test_it_says_that_nothing_was_built(owner, repository):
    assert "Nothing was built yet. Each build gets a bar here" in words(owner.get("/r/acme/web"))
    assert "Nothing of that was built lately." in words(owner.get("/r/acme/web?of=branch:other"))


@pytest.mark.both_databases
def test_9_it_is_narrowed_to_a_rule_or_a_branch(owner, repository):
    """9. A switch by rule and branch."""
    main = BuildRule.objects.get()
    release = make_rule(main.source, ref_type="tag", pattern="v1", tags=["v1"])
    ended(rule=main)
    ended("failed", rule=main, ref="develop", error_message="No.")
    ended(rule=release, ref_type="tag", ref="v1")
    for of, numbers in [
        ("", [1, 2, 3]),
        (f"rule-{main.pk}", [1, 2]),
        (f"rule-{release.pk}", [3]),
        ("branch:develop", [2]),
        ("tag:v1", [3]),
        ("branch:v1", []),
        ("rule-x", []),
        ("rule-99999999999999999999999", []),
        ("nonsense", []),
    ]:
        shown = [column.build.number for column in history_of(repository, of).picture.columns]
        assert shown == numbers, of
    page = owner.get("/r/acme/web/builds", {"of": "branch:develop"}).content.decode()
    assert '<option value="branch:develop" selected>develop</option>' in page
    assert 'data-row="2"' in page
    assert 'data-row="1"' not in page


@pytest.mark.both_databases
def test_the_choice_is_text_and_nothing_else(owner, repository):
    ended()
    page = owner.get("/r/acme/web", {"of": 'branch:"><script>'}).content.decode()
    assert "<script>&quot;" not in page
    assert "&quot;&gt;&lt;script&gt;" in page


@pytest.mark.both_databases
def test_a_refs_name_is_escaped_in_its_picture(owner, repository):
    ended(ref='"><img src=x>')
    for address in ("/r/acme/web", "/r/acme/web/builds"):
        assert "<img src=x" not in owner.get(address).content.decode()


def test_a_stranger_sees_nothing_of_it(stranger, repository):
    for address in ("/r/acme/web?part=history", "/r/acme/web/builds?part=history"):
        assert stranger.get(address).status_code == 404


def test_9_it_says_how_a_tag_grew_and_each_point_leads_to_its_build(owner, repository):
    """9. Size trend per floating tag: each point opens its build."""
    first = ended(size_bytes=80_000_000, ago=timedelta(days=40))
    second = ended(size_bytes=90_000_000, ago=timedelta(days=3))
    put(repository, "latest", first, timedelta(days=40))
    put(repository, "latest", second, timedelta(days=3))
    page = owner.get("/r/acme/web").content.decode()
    assert "<code>latest</code> grew 12 % in 30 days: from 80.0 MB to 90.0 MB." in page
    assert f'href="/r/acme/web/builds/{second.number}" aria-label="latest: 90.0 MB, build #{second.number} of ' in page
    assert "grew 12 %" in words(owner.get("/r/acme/web/tags/latest"))


def test_a_tag_that_was_not_moved_counts_for_nothing_and_neither_does_one_pushed_by_hand(repository):
    first = ended(size_bytes=80_000_000)
    put(repository, "latest", first, timedelta(days=3))
    TagMove.objects.create(repository=repository, tag="latest", to_digest="sha256:01", build_number=9, moved=False)
    TagMove.objects.create(repository=repository, tag="latest", to_digest="sha256:02")
    assert [dot.size.build for dot in size_trends(repository, ["latest"])["latest"].dots] == [first.number]


@pytest.mark.both_databases
def test_a_tag_name_is_escaped(owner, repository):
    build = ended(size_bytes=80_000_000)
    for days in (2, 1):
        put(repository, "a&b", build, timedelta(days=days))
    page = owner.get("/r/acme/web").content.decode()
    assert "Sizes of a&amp;b within 30 days" in page
    assert "a&b" not in page


@pytest.mark.both_databases
def test_the_api_tells_what_the_page_tells(repository):
    build = ended(took=64, waited=3, size_bytes=80_000_000)
    ended("failed", error_message="No.", ref="develop")
    put(repository, "latest", build, timedelta(days=2))
    admin = Api(make_admin())
    found = admin("GET", "/repositories/acme/web/history").json()
    assert found["last"] == {"succeeded": 1, "failed": 1, "percent": 50}
    assert [(row["number"], row["state"], round(row["took_s"])) for row in found["builds"]] == [
        (1, "succeeded", 64),
        (2, "failed", 60),
    ]
    assert found["tags"][0]["sentence"] == "`latest` is 80.0 MB."
    narrowed = admin("GET", "/repositories/acme/web/history?of=branch:develop").json()
    assert [row["number"] for row in narrowed["builds"]] == [2]
    assert Api(make_user("sam"))("GET", "/repositories/acme/web/history").status_code == 404


def asked(make: object) -> int:
    with CaptureQueriesContext(connection) as seen:
        make()
    return len(seen)


@pytest.mark.both_databases
def test_it_asks_as_much_of_the_database_for_many_builds_tags_and_rules_as_for_few(repository):
    build = ended(size_bytes=1)
    put(repository, "latest", build, timedelta(days=1))
    few = asked(lambda: (history_of(repository), size_trends(repository, ["latest"])))
    for number in range(60):
        build = ended(rule=make_rule(pattern=f"r{number}"), ref=f"r{number}", size_bytes=number)
        put(repository, f"t{number}", build, timedelta(hours=number))
    tags = [f"t{number}" for number in range(60)]
    assert asked(lambda: (history_of(repository), size_trends(repository, tags))) == few


def test_a_repositorys_picture_shows_no_build_of_another(repository):
    other = make_rule(make_source(make_repository("acme/other")))
    ended(rule=other)
    assert history_of(repository).shown == 0
