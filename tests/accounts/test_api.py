"""Tokens, namespaces, members and robots over the API."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import ApiToken, AuditEntry, Membership, Namespace, Role, User
from accounts.tokens import create_token, find_token
from tests.factories import make_admin, make_member, make_repository, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return make_repository("acme/web").namespace


@pytest.fixture
def call(client, acme):
    """`call(user, method, path, body)`, by a token of that user."""

    def ask(who, method, path, body=None, *, token=""):
        text = token or create_token(make_user(who), "test")[1]
        return client.generic(
            method,
            f"/api/v1{path}",
            data="" if body is None else json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Bearer {text}"},
        )

    make_member(acme, "olga", Role.OWNER)
    make_member(acme, "adam", Role.ADMIN)
    make_member(acme, "wendy", Role.WRITE)
    make_member(acme, "bob", Role.READ)
    return ask


def test_a_token_is_made_shown_once_listed_and_revoked(call):
    made = call("wendy", "POST", "/tokens", {"name": "cluster", "scope": "pull", "repositories": ["acme/web"]})
    assert made.status_code == 201
    row = made.json()
    assert find_token(row["token"]).scope == "pull"
    listed = call("wendy", "GET", "/tokens").json()["items"]
    assert [item["token"] for item in listed if item["name"] == "cluster"] == [None]
    assert call("bob", "DELETE", f"/tokens/{row['id']}").status_code == 404
    assert call("wendy", "DELETE", f"/tokens/{row['id']}").status_code == 204
    assert call("wendy", "DELETE", f"/tokens/{row['id']}").status_code == 204
    assert find_token(row["token"]) is None


def test_a_token_for_the_registry_is_refused_with_its_sentence(call):
    text = create_token(make_user("wendy"), "cluster", scope="pull")[1]
    answer = call("wendy", "POST", "/tokens", {"name": "more"}, token=text)
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"
    assert "pulls at the registry and does nothing else" in answer.json()["detail"]


def test_a_token_makes_none_that_outlives_it(call):
    end = timezone.now() + timedelta(days=7)
    text = create_token(make_user("wendy"), "short", expires_at=end)[1]
    for body in ({"name": "x"}, {"name": "x", "expires_at": (end + timedelta(hours=1)).isoformat()}):
        answer = call("wendy", "POST", "/tokens", body, token=text)
        assert answer.status_code == 422
        assert "ends no later than it" in answer.json()["detail"]
    assert call("wendy", "POST", "/tokens", {"name": "x", "expires_at": end.isoformat()}, token=text).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": "x", "scope": "root"},
        {"name": "x", "repositories": ["acme/web"]},
        {"name": "x", "expires_at": "2001-01-01T00:00:00Z"},
        {"name": "x", "expires_at": "2001-01-01T00:00:00"},
        {"name": "x", "scope": "pull", "repositories": ["../x"]},
    ],
)
def test_a_token_that_cannot_be_is_a_problem_with_a_sentence(call, body):
    answer = call("wendy", "POST", "/tokens", body)
    assert answer.status_code == 422
    assert answer.json()["detail"].endswith(".")


def test_tokens_come_in_pages_newest_first(call):
    for number in range(5):
        create_token(make_user("bob"), f"t{number}")
    text = create_token(make_user("bob"), "reader")[1]
    names, cursor = [], ""
    while cursor is not None:
        found = call("bob", "GET", f"/tokens?limit=2&cursor={cursor}", token=text).json()
        names += [item["name"] for item in found["items"]]
        cursor = found["next"]
    assert names == ["reader", "t4", "t3", "t2", "t1", "t0"]


def test_namespaces_are_those_of_the_caller(call):
    Namespace.objects.create(name="other")
    assert call("bob", "GET", "/namespaces").json()["items"][0]["role"] == "read"
    assert len(call("bob", "GET", "/namespaces").json()["items"]) == 1
    assert call("bob", "GET", "/namespaces/other").status_code == 404
    make_admin()
    found = call("admin", "GET", "/namespaces").json()["items"]
    assert [(row["name"], row["role"]) for row in found] == [("acme", "owner"), ("other", "owner")]


def test_a_namespace_is_made_by_its_person_or_by_a_superuser(call):
    assert call("bob", "POST", "/namespaces", {"name": "bob"}).json()["kind"] == "user"
    refused = call("bob", "POST", "/namespaces", {"name": "team"})
    assert refused.status_code == 403
    assert "Ask an administrator of Imageyard to make team" in refused.json()["detail"]
    make_admin()
    assert call("admin", "POST", "/namespaces", {"name": "team"}).status_code == 201
    assert call("admin", "POST", "/namespaces", {"name": "team"}).status_code == 409


def test_members_are_listed_to_members_and_changed_by_administrators(call):
    make_user("carol")
    assert call("carol", "GET", "/namespaces/acme/members").status_code == 404
    assert call("wendy", "PUT", "/namespaces/acme/members/carol", {"role": "read"}).status_code == 403
    assert call("adam", "PUT", "/namespaces/acme/members/carol", {"role": "write"}).json()["role"] == "write"
    assert call("adam", "PUT", "/namespaces/acme/members/carol", {"role": "owner"}).status_code == 403
    assert call("adam", "PUT", "/namespaces/acme/members/nobody", {"role": "read"}).status_code == 404
    listed = call("bob", "GET", "/namespaces/acme/members").json()["items"]
    assert [row["username"] for row in listed] == ["adam", "bob", "carol", "olga", "wendy"]
    assert call("olga", "DELETE", "/namespaces/acme/members/olga").status_code == 409
    assert call("bob", "DELETE", "/namespaces/acme/members/bob").status_code == 204
    assert call("bob", "GET", "/namespaces/acme/members").status_code == 404
    assert call("adam", "DELETE", "/namespaces/acme/members/carol").status_code == 204
    assert call("adam", "DELETE", "/namespaces/acme/members/carol").status_code == 404


@pytest.mark.parametrize("who", ["wendy", "bob", "carol"])
def test_robots_are_for_administrators(call, who):
    make_user("carol")
    expected = 404 if who == "carol" else 403
    assert call(who, "GET", "/namespaces/acme/robots").status_code == expected
    assert call(who, "POST", "/namespaces/acme/robots", {"name": "deploy"}).status_code == expected
    assert not User.objects.exclude(robot_of=None).exists()


def test_the_life_of_a_robot(call):
    made = call("adam", "POST", "/namespaces/acme/robots", {"name": "deploy", "role": "write", "note": "shop"})
    assert made.status_code == 201
    assert made.json()["username"] == "acme+deploy"
    at = "/namespaces/acme/robots/deploy"
    key = call("adam", "POST", f"{at}/tokens", {"name": "ci"}).json()
    assert key["user"] == "acme+deploy"
    assert call("x", "GET", "/repositories", token=key["token"]).json()["items"][0]["path"] == "acme/web"
    assert call("x", "POST", "/tokens", {"name": "more"}, token=key["token"]).status_code == 403
    assert call("x", "GET", "/namespaces/acme/robots", token=key["token"]).status_code == 403
    assert call("adam", "PATCH", at, {"is_active": False}).json()["is_active"] is False
    assert call("x", "GET", "/repositories", token=key["token"]).status_code == 401
    changed = call("adam", "PATCH", at, {"is_active": True, "role": "read"}).json()
    assert (changed["role"], changed["note"], changed["is_active"]) == ("read", "shop", True)
    second = call("adam", "POST", f"{at}/tokens", {"name": "ci2", "scope": "push"}).json()
    assert call("adam", "DELETE", f"{at}/tokens/{key['id']}").status_code == 204
    assert call("x", "GET", "/repositories", token=key["token"]).status_code == 401
    assert find_token(second["token"]) is not None
    assert len(call("adam", "GET", f"{at}/tokens").json()["items"]) == 2
    assert call("adam", "DELETE", at).status_code == 204
    assert call("adam", "GET", at).status_code == 404
    assert find_token(second["token"]) is None
    assert AuditEntry.objects.filter(action="robot.remove", actor__username="adam").exists()


def test_a_robot_is_refused_where_its_name_is_odd_and_its_role_too_high(call):
    odd = call("adam", "POST", "/namespaces/acme/robots", {"name": "a+b"})
    assert odd.status_code == 422
    assert "is no name for a robot" in odd.json()["detail"]
    assert call("adam", "POST", "/namespaces/acme/robots", {"name": "x", "role": "admin"}).status_code == 422


def test_a_robot_of_another_namespace_is_not_found(call):
    call("adam", "POST", "/namespaces/acme/robots", {"name": "deploy"})
    other = Namespace.objects.create(name="other")
    make_member(other, "otto", Role.OWNER)
    assert call("otto", "GET", "/namespaces/other/robots/deploy").status_code == 404
    assert call("otto", "DELETE", "/namespaces/acme/robots/deploy").status_code == 404
    assert Membership.objects.filter(user__username="acme+deploy").exists()


def test_robots_of_a_member_who_leaves_go_on(call):
    call("adam", "POST", "/namespaces/acme/robots", {"name": "deploy"})
    key = call("adam", "POST", "/namespaces/acme/robots/deploy/tokens", {"name": "ci"}).json()["token"]
    Membership.objects.filter(user__username="adam").delete()
    User.objects.filter(username="adam").update(is_active=False)
    assert ApiToken.objects.filter(user__username="adam").exists()
    assert find_token(key).user.username == "acme+deploy"
