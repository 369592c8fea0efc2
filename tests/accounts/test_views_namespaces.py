"""The pages of a namespace: who opens which, what they say, and what their forms do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.actions import RobotWish, make_robot
from accounts.models import ApiToken, AuditEntry, Membership, Namespace, Role, User
from accounts.tokens import create_token, find_token, registry_actions
from registry.models import Repository
from tests.factories import make_admin, make_member, make_repository, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    space = make_repository("acme/web").namespace
    for name, role in (("olga", Role.OWNER), ("adam", Role.ADMIN), ("wendy", Role.WRITE), ("bob", Role.READ)):
        make_member(space, name, role)
    return space


@pytest.fixture
def own_registry(settings):
    settings.REGISTRY_AUTH, settings.REGISTRY_HOST = "token", "registry.example.com"


def as_user(client, name):
    client.force_login(make_user(name))
    return client


def text_of(answer) -> str:
    return answer.content.decode()


@pytest.mark.parametrize(
    ("page", "allowed"),
    [
        ("/n/acme", {"olga", "adam", "wendy", "bob"}),
        ("/n/acme/members", {"olga", "adam", "wendy", "bob"}),
        ("/n/acme/robots", {"olga", "adam"}),
        ("/n/acme/robots/deploy", {"olga", "adam"}),
    ],
)
def test_a_page_opens_to_its_role_and_strangers_find_nothing(client, acme, page, allowed):
    make_robot(make_user("olga"), acme, "deploy", RobotWish(Role.READ))
    for name in ("olga", "adam", "wendy", "bob", "stranger"):
        expected = 200 if name in allowed else 404 if name == "stranger" else 403
        assert as_user(client, name).get(page).status_code == expected, name


@pytest.mark.one_database
def test_nobody_who_is_not_logged_in_learns_whether_a_namespace_is_there(client, acme):
    assert client.get("/n/acme").status_code == 404
    assert client.get("/n/nothing").status_code == 404


def test_a_namespace_with_something_public_shows_strangers_that_alone(client, acme):
    make_repository("acme/open", visibility="public")
    page = text_of(client.get("/n/acme"))
    assert "open" in page
    assert "web" not in page
    assert "Members" not in page
    assert "web" in text_of(as_user(client, "bob").get("/n/acme"))


@pytest.mark.one_database
def test_a_robot_of_another_namespace_sees_nothing(client, acme):
    other = Namespace.objects.create(name="other")
    robot = make_robot(make_admin(), other, "deploy", RobotWish(Role.WRITE))
    text = create_token(robot, "ci")[1]
    call = {"headers": {"Authorization": f"Bearer {text}"}}
    assert client.get("/api/v1/repositories/acme/web", **call).status_code == 404
    assert client.get("/api/v1/namespaces/acme/members", **call).status_code == 404
    assert not Repository.objects.visible_to(robot).exists()


@pytest.mark.one_database
@pytest.mark.parametrize("address", ["/n/%00", "/n/acme?q=%00", "/n/acme/robots/%00", "/n?q=%00"])
def test_an_address_with_a_nul_is_no_fault(client, acme, address):
    assert as_user(client, "olga").get(address).status_code in (400, 404)


def test_members_are_added_changed_and_removed_on_the_page(client, acme):
    make_user("carol")
    client = as_user(client, "adam")
    assert client.post("/n/acme/members", {"username": "carol", "role": "20"}).status_code == 302
    assert Membership.objects.get(user__username="carol").role == Role.WRITE
    client.post("/n/acme/members", {"username": "carol", "role": "10"})
    assert Membership.objects.get(user__username="carol").role == Role.READ
    client.post("/n/acme/members/remove", {"username": "carol"})
    assert not Membership.objects.filter(user__username="carol").exists()


def test_the_page_says_who_is_nobody_and_who_is_the_last_owner(client, acme):
    client = as_user(client, "olga")
    assert "Nobody here has the username" in text_of(client.post("/n/acme/members", {"username": "x", "role": "10"}))
    page = client.post("/n/acme/members/remove", {"username": "olga"}, follow=True)
    assert "olga is the last owner of acme" in text_of(page)
    assert Membership.objects.get(user__username="olga").role == Role.OWNER


def test_an_administrator_is_offered_no_owner_and_makes_none(client, acme):
    client = as_user(client, "adam")
    assert '<option value="40">' not in text_of(client.get("/n/acme/members"))
    assert client.post("/n/acme/members", {"username": "wendy", "role": "40"}).status_code == 422
    assert Membership.objects.get(user__username="wendy").role == Role.WRITE


def test_a_reader_leaves_and_changes_nobody(client, acme):
    client = as_user(client, "bob")
    assert client.post("/n/acme/members", {"username": "bob", "role": "30"}).status_code == 403
    client.post("/n/acme/members/remove", {"username": "wendy"})
    assert Membership.objects.filter(user__username="wendy").exists()
    assert client.post("/n/acme/members/remove", {"username": "bob"}, follow=True).redirect_chain[-1][0] == "/n"
    assert not Membership.objects.filter(user__username="bob").exists()


def test_a_robot_is_made_and_its_token_shown_once_with_its_log_in_line(client, acme, own_registry):
    client = as_user(client, "adam")
    assert client.post("/n/acme/robots", {"name": "deploy", "role": "20", "note": "shop"}).url.endswith("/deploy")
    fields = {"name": "ci", "scope": "push", "repositories": "web, acme/api", "days": "30"}
    client.post("/n/acme/robots/deploy", fields)
    page = client.get("/n/acme/robots/deploy")
    text = page.context["new"].text
    assert "docker login registry.example.com -u acme+deploy" in text_of(page)
    assert "Authorization" not in text_of(page)
    token = find_token(text)
    assert token.user.username == "acme+deploy"
    assert token.repositories == ["acme/web", "acme/api"]
    assert registry_actions(token.scope) == {"pull", "push"}
    assert text not in text_of(client.get("/n/acme/robots/deploy"))
    client.post(f"/n/acme/robots/deploy/tokens/{token.pk}/revoke")
    assert find_token(text) is None


def test_a_robot_is_changed_disabled_enabled_and_removed(client, acme):
    robot = make_robot(make_user("olga"), acme, "deploy", RobotWish(Role.READ))
    client = as_user(client, "adam")
    client.post("/n/acme/robots/deploy/change", {"role": "20", "note": "now it pushes"})
    assert Membership.objects.get(user=robot).role == Role.WRITE
    client.post("/n/acme/robots/deploy/change", {"role": "30", "note": ""})
    assert Membership.objects.get(user=robot).role == Role.WRITE
    client.post("/n/acme/robots/deploy/switch")
    assert "It is disabled" in text_of(client.get("/n/acme/robots/deploy"))
    client.post("/n/acme/robots/deploy/switch", {"enabled": "1"})
    assert User.objects.get(pk=robot.pk).is_active
    client.post("/n/acme/robots/deploy/remove")
    assert client.get("/n/acme/robots/deploy").status_code == 404
    assert "acme+deploy" not in text_of(client.get("/n/acme/robots")).split("flash")[-1]


@pytest.mark.one_database
@pytest.mark.parametrize("who", ["wendy", "bob"])
def test_nobody_below_an_administrator_does_anything_to_robots(client, acme, who):
    robot = make_robot(make_user("olga"), acme, "deploy", RobotWish(Role.READ))
    token = create_token(robot, "ci")[0]
    client = as_user(client, who)
    before = AuditEntry.objects.count()
    for path in (
        "",
        "/deploy",
        "/deploy/change",
        "/deploy/switch",
        "/deploy/remove",
        f"/deploy/tokens/{token.pk}/revoke",
    ):
        assert client.post(f"/n/acme/robots{path}", {"name": "x", "role": "20"}).status_code == 403, path
    assert AuditEntry.objects.count() == before


def test_a_token_of_another_robot_is_not_found(client, acme):
    make_robot(make_user("olga"), acme, "deploy", RobotWish(Role.READ))
    token, text = create_token(make_user("wendy"), "mine")
    assert as_user(client, "adam").post(f"/n/acme/robots/deploy/tokens/{token.pk}/revoke").status_code == 404
    assert find_token(text) is not None


def test_the_page_of_tokens_warns_of_those_that_end_within_a_week(client):
    now, wendy = timezone.now(), make_user("wendy")
    for name, days in (("late", 3), ("later", 30), ("gone", -3), ("long gone", -40)):
        token, _ = create_token(wendy, name)
        ApiToken.objects.filter(pk=token.pk).update(expires_at=now + timedelta(days=days, minutes=1))
    page = text_of(as_user(client, "wendy").get("/account/tokens"))
    assert "The token late ends within a week" in page
    assert "long gone" not in page
    assert page.count("<span>ended</span>") == 1


def test_a_token_for_everything_shows_both_lines_and_one_to_pull_no_header(client, own_registry):
    client = as_user(client, "wendy")
    client.post("/account/tokens", {"name": "a", "scope": "full", "days": "7"})
    page = client.get("/account/tokens")
    assert "docker login registry.example.com -u wendy" in text_of(page)
    assert f"Authorization: Bearer {page.context['new'].text}" in text_of(page)
    client.post("/account/tokens", {"name": "b", "scope": "pull", "days": "7"})
    assert "Authorization: Bearer" not in text_of(client.get("/account/tokens"))


def test_a_registry_that_takes_no_tokens_is_not_offered(client, settings):
    settings.REGISTRY_AUTH = "none"
    client = as_user(client, "wendy")
    client.post("/account/tokens", {"name": "a", "scope": "pull", "days": "7"})
    page = text_of(client.get("/account/tokens"))
    assert "docker login registry" not in page
    assert 'name="scope"' not in page
    assert ApiToken.objects.get(name="a").scope == "full"


def test_namespaces_lists_ones_own_and_makes_that_of_ones_name(client, acme):
    Namespace.objects.create(name="zebra")
    client = as_user(client, "bob")
    page = text_of(client.get("/n"))
    assert "acme" in page
    assert "zebra" not in page
    assert client.post("/n", {"name": "bob"}).url == "/n/bob/members"
    assert "Ask an administrator of Imageyard" in text_of(client.post("/n", {"name": "team"}))
