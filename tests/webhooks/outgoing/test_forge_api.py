"""The API about forges says and does what the pages do, and never a secret."""

from __future__ import annotations

import pytest

from tests.builds.pages import owner, reader, repository  # noqa: F401
from tests.factories import make_repository
from webhooks.models import ForgeConnection, SourceLink

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
NEW = {"namespace": "acme", "name": "Robot", "forge": "github", "token": "ghp_very_secret"}
FORGE = "/api/v1/repositories/acme/web/forge"


def send(client, method: str, path: str, body=None):
    return getattr(client, method)(path, data=body, content_type="application/json")


def test_it_makes_changes_checks_and_removes_a_connection(owner):  # noqa: F811
    made = send(owner, "post", "/api/v1/connections", NEW)
    assert made.status_code == 201
    assert (made.json()["api_url"], made.json()["state"]) == ("https://api.github.com", "asked")
    address = f"/api/v1/connections/{made.json()['id']}"
    changed = send(owner, "put", address, {**NEW, "name": "Renamed", "token": None})
    assert changed.json()["name"] == "Renamed"
    assert ForgeConnection.objects.get().token == "ghp_very_secret"
    assert send(owner, "post", f"{address}/check").status_code == 202
    listing = owner.get("/api/v1/connections")
    assert [row["name"] for row in listing.json()] == ["Renamed"]
    assert "ghp_very_secret" not in made.content.decode() + changed.content.decode() + listing.content.decode()
    assert send(owner, "delete", address).status_code == 204
    assert not ForgeConnection.objects.exists()


def test_it_links_a_repository_and_has_the_webhook_installed(owner, repository):  # noqa: F811
    made = send(owner, "post", "/api/v1/connections", NEW).json()
    linked = send(owner, "put", FORGE, {"connection": made["id"], "full_name": "acme/web", "reports_status": False})
    assert (linked.json()["asked"], linked.json()["reports_status"]) == ("look", False)
    asked = send(owner, "post", f"{FORGE}/errands", {"do": "install"})
    assert (asked.status_code, asked.json()["asked"]) == (202, "install")
    assert owner.get(FORGE).json()["full_name"] == "acme/web"
    assert send(owner, "delete", FORGE).status_code == 204
    assert owner.get(FORGE).status_code == 404


def test_it_says_what_is_wrong(owner):  # noqa: F811
    answer = send(owner, "post", "/api/v1/connections", {**NEW, "token": ""})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "Paste the access token."


@pytest.mark.parametrize("method", ["get", "put", "post", "delete"])
def test_nobody_below_admin_it_lets_in(reader, owner, method):  # noqa: F811
    made = send(owner, "post", "/api/v1/connections", NEW).json()
    body = {"connection": made["id"], "full_name": "acme/web"}
    path = f"{FORGE}/errands" if method == "post" else FORGE
    assert send(reader, method, path, {"do": "look"} if method == "post" else body).status_code == 403
    assert send(reader, "delete", f"/api/v1/connections/{made['id']}").status_code == 404
    assert not SourceLink.objects.exists()


def test_it_makes_no_connection_in_a_namespace_of_others(owner):  # noqa: F811
    make_repository("other/web")
    assert send(owner, "post", "/api/v1/connections", {**NEW, "namespace": "other"}).status_code == 404
