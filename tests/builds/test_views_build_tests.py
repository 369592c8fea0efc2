"""The tests of a build on its page and in the API: each file, how it ended, and what strangers wrote stays text."""

from __future__ import annotations

import pytest

from tests.builds.test_views_build import ATTACK, ended, text_of
from tests.factories import make_admin

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def admin(client):
    client.force_login(make_admin())
    return client


def row(file: str, state: str, seconds: float | None = None, sentence: str = "") -> dict[str, object]:
    return {"file": file, "state": state, "seconds": seconds, "sentence": sentence}


def shown(client, *rows, **fields) -> str:
    build = ended(tests=list(rows), **fields)
    return " ".join(text_of(client.get(build.get_absolute_url())).split())


def test_it_shows_every_test_with_its_end(admin):
    page = shown(
        admin,
        row("a.test.yml", "passed", 4.2),
        row("b.test.yml", "failed", 65.2, "Why."),
        row("c.test.yml", "waiting"),
        state="failed", error_kind="user", error_message="The test `b.test.yml` failed.",
    )  # fmt: skip
    assert "<code>a.test.yml</code> passed in 4.2 s" in page
    assert "<code>b.test.yml</code> failed after 1 m 05 s" in page
    assert 'title="Why."' in page
    assert "<code>c.test.yml</code> not run" in page


def test_it_shows_nothing_of_tests_where_there_are_none(admin):
    assert 'aria-label="Tests"' not in shown(admin)


def test_what_a_stranger_called_a_test_stays_text(admin):
    page = shown(admin, row(f"{ATTACK}.test.yml", "failed", 1, ATTACK))
    assert "<script>alert(1)" not in page


def test_the_api_lists_them(admin):
    build = ended(tests=[row("a.test.yml", "passed", 4.2)])
    assert admin.get(f"/api/v1/builds/{build.pk}").json()["tests"] == [
        {"file": "a.test.yml", "state": "passed", "seconds": 4.2, "sentence": ""}
    ]
