"""Point 3: the tab Cache and its API: what came from the cache, the reasons, the trend; and what strangers read."""

from __future__ import annotations

from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from builds.core.cache_trend import Hits, hit_trend
from builds.models import Build, BuildRecord, Step
from tests.builds.pages import as_user, words
from tests.builds.test_views_build import logs_in_memory  # noqa: F401 — fixture
from tests.compared_builds import NEW, add_build, report_on, two_builds
from tests.factories import make_admin, make_build, make_rule, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client):
    client.force_login(make_admin())
    return client


def tab(client, build: Build):
    return client.get(f"{build.get_absolute_url()}?tab=cache")


@pytest.mark.one_database
def test_it_says_how_much_came_from_the_cache_and_what_that_saved(admin):
    _, second = two_builds()
    said = words(tab(admin, second))
    assert "1 of 7 steps came from the cache" in said
    assert "Hit rate14 % 1 of 7" in said
    assert "compared with build #1" in said


@pytest.mark.one_database
def test_the_first_step_that_ran_is_named_with_its_files(admin):
    _, second = two_builds()
    said = words(tab(admin, second))
    assert "Step 3 of 6 ran: COPY requirements.txt ./ line 3" in said
    assert "1 file that it takes changed between a1b2c3d and c3d4e5f: requirements.txt." in said
    assert "Because of step 3 of 6 of stage build (COPY requirements.txt ./), which it stands on." in said


@pytest.mark.one_database
def test_a_bar_of_the_trend_opens_its_build(admin):
    first, second = two_builds()
    page = tab(admin, second).content.decode()
    assert f'href="{first.get_absolute_url()}?tab=cache" aria-label="#1 succeeded: 0 of 7 steps from the cache"' in page
    assert 'class="chart-link is-here"' in page


@pytest.mark.one_database
def test_a_build_that_runs_says_when_the_report_comes(admin):
    build = make_build(state="building", attempt=1)
    answer = tab(admin, build)
    assert "The report is made when the build ends" in words(answer)
    assert f'data-refresh-url="{build.get_absolute_url()}/cache"' in answer.content.decode()


def test_the_fragment_has_the_report_once_it_is_there(admin):
    _, second = two_builds()
    answer = admin.get(f"{second.get_absolute_url()}/cache")
    assert "1 of 7 steps came from the cache" in words(answer)
    assert b"<html" not in answer.content


def test_it_says_that_a_failed_build_is_compared_by_names_only(admin):
    first, second = two_builds()
    Step.objects.filter(build=second).update(fingerprint="", operation="", paths=[])
    second.refresh_from_db()
    report_on(second, first)
    assert "compared by their names only" in words(tab(admin, second))


def test_what_a_dockerfile_says_is_escaped(admin):
    rule = make_rule()
    first = add_build(rule, "a" * 40)
    second = add_build(rule, NEW, more=" <script>alert(1)</script>")
    report_on(second, first)
    page = tab(admin, second).content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_it_asks_as_often_for_many_builds_and_steps_as_for_few(admin, django_assert_max_num_queries):
    rule = make_rule()
    builds = [add_build(rule, f"{number:040x}") for number in range(2)]
    report_on(builds[1], builds[0])
    with CaptureQueriesContext(connection) as few:
        tab(admin, builds[1])
    builds += [add_build(rule, f"{number:040x}") for number in range(5, 17)]
    for before, after in pairwise(builds):
        report_on(after, before)
    with django_assert_max_num_queries(len(few)):
        tab(admin, builds[-1])


def test_a_build_older_than_the_trend_stands_at_its_end(admin):
    rule = make_rule()
    builds = [add_build(rule, f"{number:040x}") for number in range(33)]
    report_on(builds[1], builds[0])
    page = tab(admin, builds[1]).content.decode()
    assert "is-here" in page
    assert "#33 succeeded" not in page


@pytest.mark.one_database
def test_the_api_tells_the_same(admin):
    _, second = two_builds()
    found = admin.get(f"/api/v1/builds/{second.pk}/cache").json()
    assert (found["cacheable"], found["cached"], found["compared"]) == (7, 1, 1)
    first = found["stages"][0]
    miss = next(step for step in first["steps"] if step["index"] == first["miss"])
    assert miss["why"]["kind"] == "files"
    assert miss["why"]["evidence"] == {"count": 1, "files": ["requirements.txt"]}


def test_the_api_says_so_where_there_is_no_report(admin):
    build = make_build(state="building", attempt=1)
    BuildRecord.objects.create(build=build, attempt=1)
    found = admin.get(f"/api/v1/builds/{build.pk}/cache").json()
    assert (found["cacheable"], found["sentence"]) == (None, "The report is made when the build ends.")


@pytest.mark.parametrize("place", ["tab", "fragment", "api"])
def test_a_stranger_finds_nothing(place):
    _, second = two_builds()
    url = {
        "tab": f"{second.get_absolute_url()}?tab=cache",
        "fragment": f"{second.get_absolute_url()}/cache",
        "api": f"/api/v1/builds/{second.pk}/cache",
    }[place]
    assert as_user(make_user("charlie")).get(url).status_code == 404


@pytest.mark.one_database
def test_a_trend_without_reports_says_nothing():
    trend = hit_trend([Hits(1, "succeeded", None, None, None)], 1)
    assert trend.sentence == ""
    assert trend.columns[0].hits.told == "#1 succeeded: no report"
