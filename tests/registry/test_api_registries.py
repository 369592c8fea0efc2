"""Registries and accounts for base images by the API: works · bad input · stranger 404 · nobody 401 · no secret out."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Namespace, Role
from registry.actions import default_registry
from registry.models import Destination, PullCredential, Registry
from tests.builds.test_api import PROBLEM, Api
from tests.factories import make_admin, make_member, make_repository, make_user

pytestmark = pytest.mark.django_db
BODY = {
    "name": "GitHub",
    "kind": "ghcr",
    "username": "bot",
    "password": "hunter2",
    "path_template": "example-org/{name}",
}
CREDENTIAL = {"host": "docker.io", "username": "reader", "password": "hunter2", "test_image": "acme/base:1"}


@pytest.fixture
def admin() -> Api:
    return Api(make_admin())


@pytest.fixture
def acme() -> Namespace:
    return Namespace.objects.create(name="acme")


@pytest.fixture
def wendy(acme: Namespace) -> Api:
    return Api(make_member(acme, "wendy", Role.ADMIN))


def test_a_registry_from_its_making_to_its_end(admin: Api) -> None:
    answer = admin("POST", "/registries", BODY)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["host"], made["state"], made["namespace"]) == ("ghcr.io", "asked", None)
    place = f"/registries/{made['id']}"
    listed = admin("GET", "/registries").json()
    assert made["id"] in [row["id"] for row in listed["items"]]
    without = {key: value for key, value in BODY.items() if key != "password"}
    changed = admin("PUT", place, {**without, "name": "GH", "test_path": "example-org/web"}).json()
    assert (changed["name"], changed["test_path"]) == ("GH", "example-org/web")
    assert Registry.objects.get(pk=made["id"]).password == "hunter2"
    assert admin("POST", f"{place}/check").status_code == 202
    for text in (answer, admin("GET", place), admin("GET", "/registries")):
        assert "hunter2" not in text.content.decode()
        assert "password" not in text.json()
    assert admin("DELETE", place).status_code == 204
    assert admin("GET", place).status_code == 404


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({**BODY, "path_template": "x"}, "needs `{name}`"),
        ({**BODY, "kind": "plain", "host": "https://r.example.com"}, "Write the host alone"),
        ({**BODY, "password": ""}, "Give the password"),
        ({**BODY, "kind": "nonsense"}, "kind"),
        ({}, "name"),
    ],
)
def test_what_cannot_be_is_a_problem_with_a_sentence(admin: Api, body, words) -> None:
    answer = admin("POST", "/registries", body)
    assert (answer.status_code, answer["content-type"]) == (422, PROBLEM)
    assert words in answer.json()["detail"]


def test_one_that_is_used_is_a_conflict(admin: Api) -> None:
    row = Registry.objects.create(name="r", host="r.example.com")
    Destination.objects.create(repository=make_repository("acme/web"), registry=row, remote_path="x/web")
    answer = admin("DELETE", f"/registries/{row.pk}")
    assert answer.status_code == 409
    assert "acme/web uses r.example.com." in answer.json()["detail"]


def test_administrators_keep_those_of_their_namespaces_and_see_no_others(wendy: Api, acme: Namespace) -> None:
    everybodys = default_registry()
    assert wendy("POST", "/registries", BODY).status_code == 422
    assert wendy("POST", "/registries", {**BODY, "namespace": "acme"}).json()["namespace"] == "acme"
    assert [row["namespace"] for row in wendy("GET", "/registries").json()["items"]] == ["acme"]
    for method in ("GET", "DELETE"):
        assert wendy(method, f"/registries/{everybodys.pk}").status_code == 404
    Namespace.objects.create(name="tools")
    assert wendy("POST", "/registries", {**BODY, "name": "x", "namespace": "tools"}).status_code == 404


def test_nobody_and_strangers_get_nothing(acme: Namespace) -> None:
    row = Registry.objects.create(name="r", host="r.example.com")
    assert Client().get("/api/v1/registries").status_code == 401
    sam = Api(make_user("sam"))
    assert sam("GET", "/registries").json()["items"] == []
    assert sam("GET", f"/registries/{row.pk}").status_code == 404
    assert sam("POST", f"/registries/{row.pk}/check").status_code == 404


def test_an_account_for_base_images_from_its_making_to_its_end(wendy: Api, acme: Namespace) -> None:
    answer = wendy("POST", "/namespaces/acme/credentials", CREDENTIAL)
    assert answer.status_code == 201, answer.content
    place = f"/credentials/{answer.json()['id']}"
    assert answer.json()["namespace"] == "acme"
    assert wendy("POST", "/namespaces/acme/credentials", CREDENTIAL).status_code == 409
    without = {key: value for key, value in CREDENTIAL.items() if key != "password"}
    assert wendy("PUT", place, {**without, "username": "r2"}).json()["username"] == "r2"
    assert PullCredential.objects.get().password == "hunter2"
    assert wendy("PUT", place, {**without, "host": "evil.example.com"}).status_code == 422
    assert wendy("POST", f"{place}/check").status_code == 202
    listed = wendy("GET", "/credentials?namespace=acme")
    assert [row["host"] for row in listed.json()["items"]] == ["docker.io"]
    assert "hunter2" not in f"{listed.content!r}{answer.content!r}"
    assert Api(make_user("sam"))("GET", place).status_code == 404
    assert wendy("DELETE", place).status_code == 204


def test_those_for_all_are_superusers(admin: Api, wendy: Api) -> None:
    assert wendy("POST", "/credentials", CREDENTIAL).status_code == 403
    made = admin("POST", "/credentials", CREDENTIAL).json()
    assert made["namespace"] is None
    assert wendy("GET", f"/credentials/{made['id']}").status_code == 404


def test_writers_may_not(acme: Namespace) -> None:
    walter = Api(make_member(acme, "walter", Role.WRITE))
    assert walter("POST", "/namespaces/acme/credentials", CREDENTIAL).status_code == 403
