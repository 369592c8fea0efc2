"""Robots: accounts of machines, that hold to their namespace and end when they are told to."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.access import role_of
from accounts.actions import (
    RobotWish,
    TokenWish,
    change_robot,
    make_robot,
    make_token,
    remove_robot,
    set_robot_enabled,
)
from accounts.models import ApiToken, AuditEntry, Membership, Namespace, Role, User
from accounts.tokens import authenticate_token, find_token
from lib.refusal import Refused
from registry.models import Repository
from tests.factories import make_member, make_repository, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return make_repository("acme/web").namespace


@pytest.fixture
def olga(acme):
    return make_member(acme, "olga", Role.OWNER)


@pytest.fixture
def robot(acme, olga):
    return make_robot(olga, acme, "deploy", RobotWish(Role.WRITE, "the pipeline of the shop"))


def test_a_robot_has_the_rights_of_its_role_in_its_namespace_and_none_elsewhere(acme, robot):
    make_repository("other/secret")
    assert robot.username == "acme+deploy"
    assert role_of(robot, acme) == Role.WRITE
    assert [row.path for row in Repository.objects.visible_to(robot)] == ["acme/web"]
    assert [row.path for row in Repository.objects.writable_by(robot)] == ["acme/web"]
    assert not Repository.objects.writable_by(robot, Role.ADMIN).exists()


def test_a_robot_that_reads_writes_nothing(acme, olga):
    reader = make_robot(olga, acme, "scanner", RobotWish(Role.READ))
    assert Repository.objects.visible_to(reader).exists()
    assert not Repository.objects.writable_by(reader).exists()


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OWNER])
def test_a_robot_is_never_more_than_a_writer(acme, olga, robot, role):
    with pytest.raises(Refused, match="never more"):
        make_robot(olga, acme, "root", RobotWish(role))
    with pytest.raises(Refused, match="never more"):
        change_robot(olga, robot, RobotWish(role))
    with pytest.raises(ValidationError, match="no other"):
        Membership(namespace=acme, user=robot, role=role).full_clean(validate_constraints=False)
    other = Namespace.objects.create(name="other")
    with pytest.raises(ValidationError, match="no other"):
        Membership(namespace=other, user=robot, role=Role.READ).full_clean()


@pytest.mark.parametrize("field", ["is_superuser", "is_staff"])
def test_the_database_itself_keeps_robots_from_administrating(robot, field):
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=robot.pk).update(**{field: True})


def test_no_password_opens_the_pages_to_a_robot(client, robot):
    robot.set_password("correct horse battery")
    robot.save()
    assert authenticate(username="acme+deploy", password="correct horse battery") is None
    answer = client.post("/accounts/login/", {"login": "acme+deploy", "password": "correct horse battery"})
    assert answer.status_code == 200
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    "name",
    ["", "Deploy", "a+b", "a b", "-a", "a..b", "a/b", "ä", "a\0", "x" * 65, "build:7", "\n", "a\n"],
)
def test_an_odd_name_is_refused_with_a_sentence(acme, olga, name):
    with pytest.raises(Refused, match="name"):
        make_robot(olga, acme, name, RobotWish(Role.READ))
    assert not User.objects.exclude(robot_of=None).exists()


def test_names_do_not_clash(acme, olga, robot):
    with pytest.raises(Refused, match=r"acme\+deploy is taken"):
        make_robot(olga, acme, "deploy", RobotWish(Role.READ))
    make_user("acme+person")
    with pytest.raises(Refused, match=r"acme\+person is taken"):
        make_robot(olga, acme, "person", RobotWish(Role.READ))
    other = Namespace.objects.create(name="other")
    assert make_robot(olga, other, "deploy", RobotWish(Role.READ)).username == "other+deploy"


@pytest.mark.parametrize("name", ["acme+deploy", "imageyard", "Imageyard"])
def test_a_person_takes_no_name_that_reads_as_a_robots_or_imageyards(name):
    with pytest.raises(ValidationError):
        User(username=name).full_clean(exclude=["password"])


def test_a_person_who_has_such_a_name_already_keeps_it():
    person = make_user("old+name")
    person.first_name = "Olga"
    person.full_clean(exclude=["password"])


def test_tokens_of_a_robot_overlap_so_that_they_are_changed_without_a_gap(olga, robot):
    _, old = make_token(olga, robot, TokenWish("spring", scope="push"))
    new, text = make_token(olga, robot, TokenWish("autumn", scope="push"))
    assert find_token(old).user == find_token(text).user == robot
    ApiToken.objects.filter(name="spring").update(revoked_at=new.created_at)
    assert find_token(old) is None
    assert find_token(text) == new


def test_a_disabled_robot_is_nobody_at_once_and_back_when_enabled(client, olga, robot):
    _, text = make_token(olga, robot, TokenWish("ci"))
    call = {"headers": {"Authorization": f"Bearer {text}"}}
    assert client.get("/api/v1/repositories", **call).json()["items"][0]["path"] == "acme/web"
    set_robot_enabled(olga, robot, enabled=False)
    assert find_token(text) is None
    assert authenticate_token(text) is None
    assert client.get("/api/v1/repositories", **call).status_code == 401
    set_robot_enabled(olga, robot, enabled=True)
    assert find_token(text) is not None


def test_a_removed_robot_ends_with_its_tokens_and_stays_named_in_histories(acme, olga, robot):
    _, text = make_token(olga, robot, TokenWish("ci"))
    AuditEntry.objects.create(actor=robot, action="repository.create", target="acme/web")
    remove_robot(olga, robot)
    remove_robot(olga, robot)
    robot.refresh_from_db()
    assert find_token(text) is None
    assert not Repository.objects.visible_to(robot).exists()
    assert AuditEntry.objects.get(action="repository.create").actor.username == "acme+deploy"
    assert AuditEntry.objects.filter(action="robot.remove").get().detail == "with 1 token"
    for change in (
        lambda: change_robot(olga, robot, RobotWish(Role.READ)),
        lambda: set_robot_enabled(olga, robot, enabled=True),
        lambda: make_token(olga, robot, TokenWish("late")),
    ):
        with pytest.raises(Refused, match="was removed"):
            change()


def test_a_robot_made_again_has_none_of_its_former_tokens(acme, olga, robot):
    _, old = make_token(olga, robot, TokenWish("ci"))
    remove_robot(olga, robot)
    again = make_robot(olga, acme, "deploy", RobotWish(Role.READ))
    assert again.pk == robot.pk
    assert find_token(old) is None
    assert role_of(again, acme) == Role.READ


def test_a_robot_makes_no_token_of_its_own(robot):
    with pytest.raises(Refused, match=r"A robot makes no tokens\. An administrator of acme does\."):
        make_token(robot, robot, TokenWish("more"))


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (TokenWish("x", scope="push", repositories=["other/web"]), "not in acme"),
        (TokenWish("x", scope="push", repositories=["web"]), "no repository"),
        (TokenWish("x", scope="push", repositories=["acme/web\n"]), "no repository"),
        (TokenWish("x", scope="push", repositories=["acme/a"] * 21), "at most 20 repositories"),
        (TokenWish("x", scope="full", repositories=["acme/web"]), "has the whole API"),
        (TokenWish("x", scope="root"), "full, push or pull"),
        (TokenWish("  "), "has a name"),
        (TokenWish("x" * 101), "has a name"),
    ],
)
def test_a_token_that_cannot_be_is_refused_with_a_sentence(olga, robot, wish, sentence):
    with pytest.raises(Refused, match=sentence):
        make_token(olga, robot, wish)
    assert not ApiToken.objects.exists()


def test_the_number_of_tokens_has_an_end(olga, robot, monkeypatch):
    monkeypatch.setattr("accounts.actions.keys.MOST_TOKENS", 2)
    make_token(olga, robot, TokenWish("one"))
    second, _ = make_token(olga, robot, TokenWish("two"))
    with pytest.raises(Refused, match="2 tokens, the most"):
        make_token(olga, robot, TokenWish("three"))
    ApiToken.objects.filter(pk=second.pk).update(revoked_at=second.created_at)
    make_token(olga, robot, TokenWish("three"))


def test_what_happens_to_robots_is_in_the_audit(olga, robot):
    set_robot_enabled(olga, robot, enabled=False)
    set_robot_enabled(olga, robot, enabled=False)
    set_robot_enabled(olga, robot, enabled=True)
    change_robot(olga, robot, RobotWish(Role.READ, "now it reads"))
    make_token(olga, robot, TokenWish("ci", scope="pull"))
    remove_robot(olga, robot)
    seen = AuditEntry.objects.order_by("pk").values_list("action", "target", "actor__username")
    assert [row[0] for row in seen] == [
        "robot.create", "robot.disable", "robot.enable", "robot.change", "token.create", "robot.remove",
    ]  # fmt: skip
    assert {row[2] for row in seen} == {"olga"}
