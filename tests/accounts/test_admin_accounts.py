"""Robots and the scopes of tokens in the admin: found there, and not widened there."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.actions import RobotWish, make_robot, remove_robot
from accounts.models import ApiToken, Membership, Namespace, Role, User
from accounts.tokens import create_token
from tests.factories import make_member, make_user

pytestmark = pytest.mark.django_db
USERS, TOKENS = "admin:accounts_user_changelist", "admin:accounts_apitoken_changelist"


@pytest.fixture
def robot(admin_client):
    acme = Namespace.objects.create(name="acme")
    return make_robot(make_member(acme, "olga", Role.OWNER), acme, "deploy", RobotWish(Role.READ))


def listed(client, address, **query) -> list[str]:
    answer = client.get(reverse(address), query)
    return sorted(str(row) for row in answer.context["cl"].result_list)


def test_people_and_robots_are_told_apart(admin_client, robot):
    assert "acme+deploy" not in listed(admin_client, USERS, kind="people")
    assert listed(admin_client, USERS, kind="robots") == ["acme+deploy"]
    remove_robot(make_user("olga"), robot)
    assert listed(admin_client, USERS, kind="robots") == []
    assert listed(admin_client, USERS, kind="removed") == ["acme+deploy"]


def test_tokens_are_found_by_scope_and_owner(admin_client, robot):
    create_token(make_user("olga"), "of a person")
    create_token(robot, "of a robot", scope="pull")
    assert [row.partition("(")[2] for row in listed(admin_client, TOKENS, scope__exact="pull")] == ["of a robot)"]
    assert [row.partition("(")[2] for row in listed(admin_client, TOKENS, owner="people")] == ["of a person)"]
    assert [row.partition("(")[2] for row in listed(admin_client, TOKENS, owner="robots")] == ["of a robot)"]


def test_a_token_is_neither_made_nor_widened_in_the_admin(admin_client, robot):
    assert admin_client.get(reverse("admin:accounts_apitoken_add")).status_code == 403
    token, _ = create_token(robot, "ci", scope="pull", repositories=["acme/web"])
    address = reverse("admin:accounts_apitoken_change", args=[token.pk])
    admin_client.post(address, {"name": "ci", "scope": "full", "repositories": "[]"})
    token.refresh_from_db()
    assert (token.scope, token.repositories) == ("pull", ["acme/web"])


def _posted(robot, **more):
    row = Membership.objects.get(user=robot)
    return {
        "robot_note": "shop",
        "is_active": "on",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": str(row.pk),
        "memberships-0-namespace": str(row.namespace_id),
        "memberships-0-user": str(robot.pk),
        "memberships-0-role": str(row.role),
        **more,
    }


def test_a_robot_is_changed_in_the_admin_and_stays_a_robot(admin_client, robot):
    address = reverse("admin:accounts_user_change", args=[robot.pk])
    admin_client.post(address, _posted(robot, username="olga2", is_superuser="on", is_staff="on"))
    robot.refresh_from_db()
    assert (robot.robot_note, robot.username, robot.is_superuser) == ("shop", "acme+deploy", False)


@pytest.mark.parametrize("change", ["role", "namespace"])
def test_the_admin_gives_a_robot_neither_more_nor_another_namespace(admin_client, robot, change):
    other = Namespace.objects.create(name="other")
    value = {"role": str(Role.OWNER.value), "namespace": str(other.pk)}[change]
    address = reverse("admin:accounts_user_change", args=[robot.pk])
    answer = admin_client.post(address, _posted(robot, **{f"memberships-0-{change}": value}))
    assert "in its own namespace, and no other" in answer.content.decode()
    assert Membership.objects.get(user=robot).role == Role.READ


@pytest.mark.parametrize("name", ["acme+person", "imageyard"])
def test_a_person_with_a_name_of_a_robot_is_not_made(admin_client, name):
    fields = {"username": name, "password1": "correct horse battery", "password2": "correct horse battery"}
    fields |= {"usable_password": "true", "memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    answer = admin_client.post(reverse("admin:accounts_user_add"), fields)
    assert answer.status_code == 200
    assert not User.objects.filter(username=name).exists()
    assert admin_client.post(reverse("admin:accounts_user_add"), fields | {"username": "person"}).status_code == 302
    assert not ApiToken.objects.exists()
