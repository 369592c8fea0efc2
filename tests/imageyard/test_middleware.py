"""What is refused before a view is asked, on a database that takes no NUL (field case B03)."""

from __future__ import annotations

import pytest
from django.core.signals import request_finished
from django.http import HttpResponse
from django.test import Client

from imageyard.middleware import plain_answers
from tests.factories import make_admin, make_build

pytestmark = pytest.mark.django_db

R = "/r/acme/web"
ADDRESSES = [
    "/?q=", "/?page=", "/r/acme/", f"{R}/tags/", f"{R}/tags?q=", f"{R}/builds?ref=", f"{R}/builds?state=",
    f"{R}/builds?before=", f"{R}/deliveries?ref=", f"{R}/build?ref=", f"{R}/build/verdicts?ref=",
    f"{R}/build/verdicts?commit=", f"{R}/builds/1?step=", f"{R}/builds/1/lines?step=0&from=", "/accounts/login/?next=",
    "/admin/builds/build/?q=", "/admin/builds/build/?state=", "/webhooks/github/", "/api/v1/repositories/",
    "/api/v1/repositories?cursor=", "/api/v1/repositories/acme/web/builds?cursor=",
]  # fmt: skip


@pytest.fixture
def client() -> Client:
    make_build()
    client = Client(raise_request_exception=False)
    client.force_login(make_admin())
    return client


@pytest.mark.parametrize("address", ADDRESSES)
def test_b03_it_answers_every_address_whatever_bytes_stand_in_it(client, address):
    for text in ("a%00b", "%ff", "%ed%a0%80"):
        assert client.get(address + text).status_code < 500, text


@pytest.mark.parametrize("name", ["sessionid", "csrftoken", "other"])
def test_b03_it_refuses_a_cookie_that_no_database_takes(name):
    answer = Client().get("/", headers={"cookie": f'{name}="abcdefgh\\000ijkl"'})
    assert (answer.status_code, answer.json()["detail"][:8]) == (400, "A cookie")


def test_an_error_of_the_api_it_tells_without_ending_the_request(rf):
    ended = []

    def end(**_):
        ended.append(True)

    request_finished.connect(end)
    answer = plain_answers(lambda _: HttpResponse("<h1>Not found</h1>", status=404))(rf.get("/api/v1/nothing"))
    request_finished.disconnect(end)
    assert (answer.status_code, answer.headers["Content-Type"], ended) == (404, "application/problem+json", [])
