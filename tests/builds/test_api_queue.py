"""The API's queue, pauses and workers."""

from __future__ import annotations

import pytest
from django.utils import timezone

from builds.models import Worker
from tests.builds.test_api import Api
from tests.builds.test_pauses import other_build
from tests.factories import make_admin, make_user, make_worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Api:
    return Api(make_admin())


@pytest.fixture
def stranger() -> Api:
    return Api(make_user("sam"))


def test_the_api_pauses_and_resumes_the_queue(admin, stranger):
    made = admin("POST", "/pauses", {"reason": "disk exchange"})
    assert (made.status_code, made.json()["host"], made.json()["by"]) == (201, "", "admin")
    assert admin("POST", "/pauses", {"reason": "again"}).status_code == 409
    assert stranger("GET", "/pauses").json()["items"][0]["reason"] == "disk exchange"
    address = f"/pauses/{made.json()['id']}"
    assert stranger("DELETE", address).status_code == 403
    assert admin("DELETE", address).status_code == 204
    assert admin("DELETE", address).status_code == 404
    assert stranger("POST", "/pauses", {"reason": "mine"}).status_code == 403


def test_the_api_pauses_a_host_that_it_knows(admin):
    make_worker()
    assert admin("POST", "/pauses", {"reason": "x", "host": "no-such-host"}).status_code == 404
    assert admin("POST", "/pauses", {"reason": "x", "host": "builder-1"}).json()["host"] == "builder-1"
    [row] = admin("GET", "/workers").json()["items"]
    assert (row["alive"], row["takes_builds"]) == (True, False)
    assert row["sentence"].startswith("Paused by admin since")


def test_the_api_drains_keeps_and_forgets_a_worker(admin, stranger):
    worker = make_worker()
    address = f"/workers/{worker.pk}"
    assert stranger("POST", f"{address}/drain").status_code == 403
    drained = admin("POST", f"{address}/drain")
    assert (drained.status_code, drained.json()["takes_builds"]) == (202, False)
    assert admin("POST", f"{address}/drain").status_code == 409
    assert admin("POST", f"{address}/keep").json()["takes_builds"] is True
    assert admin("DELETE", address).status_code == 409
    Worker.objects.update(stopped_at=timezone.now())
    assert stranger("DELETE", address).status_code == 403
    assert admin("DELETE", address).status_code == 204
    assert admin("POST", "/workers/99/drain").status_code == 404


def test_the_api_lists_the_queue_page_by_page_and_names_no_private_build(admin, stranger):
    for name in ("acme/a", "acme/b", "acme/c"):
        other_build(name)
    first = admin("GET", "/queue?limit=2").json()
    assert [row["repository"] for row in first["items"]] == ["acme/a", "acme/b"]
    assert first["total"] == 3
    rest = admin("GET", f"/queue?limit=2&cursor={first['next']}").json()
    assert [(row["place"], row["repository"]) for row in rest["items"]] == [(3, "acme/c")]
    assert rest["next"] is None
    hidden = stranger("GET", "/queue").json()["items"]
    assert {row["repository"] for row in hidden} == {None}
    assert all(row["sentence"].endswith(".") for row in hidden)
    assert admin("GET", "/queue?cursor=x").status_code == 422
