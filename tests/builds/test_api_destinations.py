"""Where images go, by the API: works · bad input · stranger 404 · reader 403."""

from __future__ import annotations

import pytest

from accounts.models import Role
from builds.core.states import State
from builds.models import DestinationPush
from registry.core.kinds import Kind
from registry.models import Destination, Registry
from tests.builds.test_api import Api
from tests.factories import make_build, make_member, make_repository, make_user

pytestmark = pytest.mark.django_db
R = "/repositories/acme/web"


@pytest.fixture
def ghcr() -> Registry:
    return Registry.objects.create(name="gh", host="ghcr.io", kind=Kind.GHCR, path_template="example-org/{name}")


@pytest.fixture
def wendy(ghcr: Registry) -> Api:
    return Api(make_member(make_repository().namespace, "wendy", Role.ADMIN))


def test_further_registries_from_their_adding_to_their_end(wendy: Api) -> None:
    made = wendy("POST", f"{R}/destinations", {"registry": "ghcr.io"})
    assert made.status_code == 201, made.content
    assert made.json()["image"] == "ghcr.io/example-org/web"
    place = f"{R}/destinations/{made.json()['id']}"
    assert wendy("PATCH", place, {"is_on": False}).json()["is_on"] is False
    assert [row["registry"] for row in wendy("GET", f"{R}/destinations").json()["items"]] == ["ghcr.io"]
    assert wendy("POST", f"{R}/destinations", {"registry": "ghcr.io"}).status_code == 409
    assert wendy("POST", f"{R}/destinations", {"registry": "nowhere.example.com"}).status_code == 404
    assert wendy("PATCH", place, {"remote_path": "example-org/payroll"}).status_code == 403
    assert wendy("DELETE", place).status_code == 204
    assert wendy("PATCH", place, {}).status_code == 404


def test_the_main_registry_is_read_and_chosen(wendy: Api) -> None:
    before = wendy("GET", f"{R}/registry").json()
    assert before["remote_path"] == "acme/web"
    after = wendy("PUT", f"{R}/registry", {"registry": "ghcr.io"}).json()
    assert after == {"registry": "ghcr.io", "remote_path": "example-org/web", "image": "ghcr.io/example-org/web"}


def test_copies_are_told_and_asked_for_again(wendy: Api, ghcr: Registry) -> None:
    build = make_build(state=State.SUCCEEDED, digest="sha256:x")
    to = Destination.objects.create(repository=build.repository, registry=ghcr, remote_path="example-org/web")
    push = DestinationPush.objects.create(
        build=build, destination=to, host="ghcr.io", path="example-org/web", digest="sha256:x", state="failed"
    )
    (row,) = wendy("GET", f"/builds/{build.pk}/destinations").json()["items"]
    assert (row["image"], row["state"]) == ("ghcr.io/example-org/web", "failed")
    again = f"/builds/{build.pk}/destinations/{push.pk}/push"
    assert wendy("POST", again).json()["state"] == "asked"
    assert wendy("POST", again).status_code == 409
    rita = Api(make_member(build.repository.namespace, "rita", Role.READ))
    assert rita("GET", f"/builds/{build.pk}/destinations").status_code == 200
    assert rita("POST", again).status_code == 403


def test_strangers_find_nothing_and_writers_choose_nothing(wendy: Api) -> None:
    sam, walter = Api(make_user("sam")), Api(make_member(make_repository().namespace, "walter", Role.WRITE))
    for method, path in (("GET", "destinations"), ("POST", "destinations"), ("PUT", "registry")):
        body = {"registry": "ghcr.io"} if method != "GET" else None
        assert sam(method, f"{R}/{path}", body).status_code == 404
        assert walter(method, f"{R}/{path}", body).status_code == (200 if method == "GET" else 403)
