"""The API's ledger."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from accounts.models import Role
from accounts.tokens import create_token
from builds.models import Build
from tests.factories import make_member, make_repository, make_source, make_user
from tests.webhooks.sending import COMMIT, post, push_payload
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db
LIST = "/api/v1/repositories/acme/web/deliveries"


@pytest.fixture
def api(source, client):
    """GET and POST as a member who may write."""
    return as_user(make_member(source.repository.namespace, "wilma", Role.WRITE))


def as_user(user) -> Client:
    return Client(headers={"authorization": f"Bearer {create_token(user, 'test')[1]}"})


def test_the_list_it_has_newest_first_with_verdicts_and_builds(source, api):
    post(source)
    post(source, headers={"X-Hub-Signature-256": None})
    refused, built = api.get(LIST).json()["items"]
    build = Build.objects.get()
    assert (refused["status"], refused["builds"]) == ("refused", [])
    assert (built["status"], built["commit"], built["message"], built["sender"]) == (
        "built",
        COMMIT,
        "Fix login",
        "alice",
    )
    assert built["builds"][0] | {"url": ""} == {"id": build.pk, "number": 1, "state": "queued", "url": ""}
    assert built["verdicts"][0]["tags"] == [{"name": "latest", "template": "latest", "changed_from": None}]
    assert "request" not in built


def test_the_list_it_pages_by_cursor_without_loss_or_repetition(source, api):
    for number in range(7):
        post(source, push_payload(f"refs/heads/b{number}"))
    Delivery.objects.update(received_at=Delivery.objects.first().received_at)  # times alone do not tell them apart
    seen, cursor = [], ""
    while cursor is not None:
        page = api.get(LIST, {"limit": 3, "cursor": cursor}).json()
        seen += [item["ref"] for item in page["items"]]
        cursor = page["next"]
    assert sorted(seen) == [f"b{number}" for number in range(7)]


@pytest.mark.parametrize("cursor", ["x", "AAAA", "%00", "é", "MjAyNi0wMS0wMSB4"])
def test_a_cursor_of_elsewhere_it_answers_with_422(source, api, cursor):
    assert api.get(LIST, {"cursor": cursor}).status_code == 422


@pytest.mark.parametrize(("status", "code"), [("refused", 200), ("nonsense", 422)])
def test_a_status_it_filters_by_or_names_the_ones_there_are(source, api, status, code):
    post(source)
    answer = api.get(LIST, {"status": status})
    assert (answer.status_code, answer.json().get("items", [])) == (code, [])


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"event": "push"}, 1),
        ({"event": "ping"}, 0),
        ({"ref": "mai"}, 1),
        ({"text": "a1b2c3d"}, 1),
        ({"text": "nobody said that"}, 0),
        ({"since": "2020-01-01T00:00:00Z"}, 1),
        ({"until": "2020-01-01T00:00:00"}, 0),
    ],
    ids=str,
)
def test_the_list_it_filters(source, api, query, count):
    post(source)
    assert len(api.get(LIST, query).json()["items"]) == count


def test_replay_as_it_was_it_takes_and_says_what_became_of_the_rules(source, api):
    post(source)
    source.rules.update(tags=["edge"])
    answer = replay(api, {"rules": "then"})
    made = answer.json()
    assert (answer.status_code, made["as_it_was"], made["status"]) == (202, True, "built")
    assert [(rule["rule"], rule["since"]) for rule in made["rules_then"]] == [
        (
            "branch `main` → `latest`, from `Dockerfile`",
            "Changed since. Today: branch `main` → `edge`, from `Dockerfile`.",
        )
    ]


@pytest.mark.parametrize(
    ("wish", "code", "as_it_was"),
    [({"rules": "now"}, 202, False), ({}, 202, False), (None, 202, False), ({"rules": "later"}, 422, None)],
    ids=str,
)
def test_replay_it_takes_the_rules_of_now_unless_asked_otherwise(source, api, wish, code, as_it_was):
    post(source)
    answer = replay(api, wish)
    assert (answer.status_code, answer.json().get("as_it_was")) == (code, as_it_was)


def replay(user: Client, wish: object = None):
    body = b"" if wish is None else json.dumps(wish)
    return user.generic("POST", f"/api/v1/deliveries/{Delivery.objects.last().pk}/replay", body, "application/json")


def test_one_delivery_it_has_the_request(source, api):
    post(source)
    found = api.get(f"/api/v1/deliveries/{Delivery.objects.get().pk}").json()
    assert found["request"]["headers"]["x-github-event"] == "push"
    assert '"refs/heads/main"' in found["request"]["body"]
    assert found["url"].endswith(f"/r/acme/web/deliveries/{found['id']}")


def test_a_duplicate_it_names_the_first(source, api):
    post(source, delivery="one")
    post(source, delivery="one")
    again, first = Delivery.objects.all()
    found = api.get(f"/api/v1/deliveries/{again.pk}").json()
    assert found["duplicate_of"] == str(first.pk)
    assert found["request"]["body"]


def test_replay_it_answers_202_with_the_new_delivery(source, api):
    post(source)
    first = Delivery.objects.get()
    answer = replay(api)
    assert answer.status_code == 202
    assert answer.json()["replay_of"] == str(first.pk)
    assert answer.json()["builds"]


def test_replay_of_what_has_nothing_to_build_it_answers_with_409(source, api):
    post(source, event="ping")
    answer = replay(api)
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("There is nothing to build in this delivery")


def test_replay_by_a_reader_it_answers_with_403(source):
    post(source)
    rita = as_user(make_member(source.repository.namespace, "rita", Role.READ))
    assert replay(rita).status_code == 403


@pytest.mark.parametrize("path", [LIST, "/api/v1/deliveries/{}"])
def test_a_stranger_it_answers_with_404_even_where_the_repository_is_public(path):
    source = make_source(make_repository(visibility="public"))
    post(source)
    assert as_user(make_user("sam")).get(path.format(Delivery.objects.get().pk)).status_code == 404


def test_nobody_it_answers_with_401(source):
    assert Client().get(LIST).status_code == 401
