"""The API of moved tags: works · bad input · stranger 404 · reader 403 · nobody 401."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role
from builds.models import TagOrder
from registry.models import Tag, TagMove
from tests.builds.tag_orders import succeeded
from tests.builds.test_api import Api
from tests.factories import make_member, make_repository, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
R = "/repositories/acme/web"


@pytest.fixture
def two(repository):
    return [succeeded(repository, "latest", commit=letter * 40) for letter in "ab"]


@pytest.fixture
def wendy(repository) -> Api:
    return Api(make_member(repository.namespace, "wendy", Role.WRITE))


def test_a_tag_is_put_on_a_build_and_the_order_is_followed(wendy, two):
    answer = wendy("POST", f"{R}/tags/latest", {"build": 1, "hold": True, "seen": two[1].digest})
    order = answer.json()
    assert (answer.status_code, order["state"], order["kind"], order["by"]) == (202, "asked", "rollback", "wendy")
    assert (order["build"], order["from_build"], order["digest"]) == (1, 2, two[0].digest)
    assert wendy("GET", f"{R}/tags/latest/orders/{order['id']}").json() == order
    assert wendy("POST", f"{R}/tags/latest", {"digest": two[0].digest, "hold": True}).json()["id"] == order["id"]
    assert wendy("GET", f"{R}/tags/latest").json()["order"]["id"] == order["id"]
    assert wendy("GET", f"{R}/tags/latest/orders/{order['id'] + 9}").status_code == 404


@pytest.mark.parametrize(
    ("tag", "body", "status", "words"),
    [
        ("latest", {}, 422, "Name either the build or the digest that the tag is to point to."),
        ("latest", {"build": 1, "digest": "sha256:1"}, 422, "Name either the build or the digest"),
        ("latest", {"build": 77}, 404, "acme/web has no build #77."),
        ("latest", {"digest": "sha256:1"}, 404, "No tag of acme/web ever pointed to `sha256:1`"),
        ("build-1", {"build": 2}, 422, "`build-1` is the tag of a build, and those never move."),
        ("latest", {"build": 1, "seen": ""}, 409, "`latest` was not moved: it points to build #2 meanwhile."),
    ],
)
def test_what_cannot_be_put_is_a_sentence(wendy, two, tag, body, status, words):
    answer = wendy("POST", f"{R}/tags/{tag}", body)
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.json()


def test_a_held_tag_is_released(wendy, two):
    Tag.objects.filter(name="latest").update(held_by="wendy", held_since=timezone.now())
    assert wendy("GET", f"{R}/tags/latest").json()["held_by"] == "wendy"
    assert wendy("POST", f"{R}/tags/latest/release").json()["held_since"] is None
    answer = wendy("POST", f"{R}/tags/latest/release")
    assert (answer.status_code, answer.json()["detail"]) == (409, "`latest` is not held; builds move it.")


def test_an_administrator_says_which_tags_never_move(wendy, repository, two):
    owner = Api(make_member(repository.namespace, "olga", Role.OWNER))
    assert wendy("PUT", f"{R}/fixed-tags", {"patterns": ["latest"]}).status_code == 403
    saved = owner("PUT", f"{R}/fixed-tags", {"patterns": ["/^la/", "1.0"]}).json()
    assert saved == {"patterns": [{"pattern": "/^la/", "tags": ["latest"]}, {"pattern": "1.0", "tags": []}]}
    assert wendy("GET", f"{R}/fixed-tags").json() == saved
    assert wendy("GET", f"{R}/tags/latest").json()["never_moves"] == "/^la/"
    assert owner("PUT", f"{R}/fixed-tags", {"patterns": ["/(/"]}).status_code == 422
    answer = wendy("POST", f"{R}/tags/latest", {"build": 1})
    said = "`latest` was not moved: tags that match `/^la/` never move in this repository, and this one is there"
    assert (answer.status_code, said in answer.json()["detail"]) == (409, True)


def test_strangers_find_nothing_readers_change_nothing_and_nobody_is_nobody(repository, two):
    stranger, reader = Api(make_user("sam")), Api(make_member(repository.namespace, "rita", Role.READ))
    for who, status in ((stranger, 404), (reader, 403)):
        assert who("POST", f"{R}/tags/latest", {"build": 1}).status_code == status
        assert who("POST", f"{R}/tags/latest/release").status_code == status
        assert who("PUT", f"{R}/fixed-tags", {"patterns": []}).status_code == status
    assert reader("GET", f"{R}/tags/latest").status_code == 200
    sent = Client().post(f"/api/v1{R}/tags/latest", b"{}", content_type="application/json")
    assert (sent.status_code, TagOrder.objects.count()) == (401, 0)


@pytest.fixture
def prod(repository, wendy):
    return make_repository("acme/prod")


def test_an_image_is_promoted_from_another_repository(wendy, two, prod):
    answer = wendy("POST", "/repositories/acme/prod/tags/1.2", {"from": "acme/web", "build": 1, "referrers": False})
    order = answer.json()
    assert (answer.status_code, order["kind"], order["source"], order["source_build"]) == (
        202,
        "promote",
        "acme/web",
        1,
    )
    assert (order["build"], order["digest"], order["bytes_done"], order["bytes_total"]) == (
        None,
        two[0].digest,
        0,
        None,
    )
    assert not TagOrder.objects.get().with_referrers
    by_digest = {"from": "acme/web", "digest": two[0].digest}
    assert wendy("POST", "/repositories/acme/prod/tags/1.2", by_digest).json()["id"] == order["id"]


def test_both_ends_tell_of_a_promotion(wendy, two, prod, repository):
    moved = {"tag": "1.2", "to_digest": two[0].digest, "kind": "promote", "by": "wendy"}
    TagMove.objects.create(repository=prod, origin=repository, origin_path="acme/web", origin_build=1, **moved)
    Tag.objects.create(repository=prod, name="1.2", digest=two[0].digest)
    there = wendy("GET", "/repositories/acme/prod/tags/1.2").json()
    assert there["promoted_from"] == {"repository": "acme/web", "build": 1}
    history = wendy("GET", "/repositories/acme/prod/tags/1.2/history").json()["items"]
    assert (history[0]["source"], history[0]["source_build"], history[0]["build"]) == ("acme/web", 1, None)
    told = wendy("GET", f"{R}/tags/build-1").json()["promoted_to"]
    assert [(one["repository"], one["tag"], one["by"], one["is_there"]) for one in told] == [
        ("acme/prod", "1.2", "wendy", True)
    ]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"from": "acme/nothing", "build": 1}, 404, "There is no repository `acme/nothing`, or it is private and you"),
        ({"from": "web", "build": 1}, 404, "There is no repository `web`"),
        ({"from": "acme/web"}, 422, "Name either the build or the digest"),
        ({"from": "acme/web", "build": 77}, 404, "acme/web has no build #77."),
    ],
)
def test_what_cannot_be_promoted_is_a_sentence(wendy, two, prod, body, status, words):
    answer = wendy("POST", "/repositories/acme/prod/tags/1.2", body)
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.json()


def test_nobody_promotes_from_what_they_cannot_see_or_to_where_they_may_not_write(wendy, two, repository):
    hidden, other = make_repository("secret/web"), make_repository("other/web")
    make_member(other.namespace, "wendy", Role.READ)
    assert wendy("POST", f"{R}/tags/x", {"from": "secret/web", "build": 1}).status_code == 404
    assert wendy("POST", "/repositories/other/web/tags/x", {"from": "acme/web", "build": 1}).status_code == 403
    assert wendy("POST", "/repositories/secret/web/tags/x", {"from": "acme/web", "build": 1}).status_code == 404
    assert not TagOrder.objects.filter(repository=hidden).exists()
