"""Who belongs to a namespace: who may change that, and that an owner always stays."""

from __future__ import annotations

import pytest

from accounts.actions import find_person, make_namespace, make_robot, remove_member, set_member
from accounts.actions.robots import RobotWish
from accounts.models import AuditEntry, Membership, Namespace, Role
from lib.refusal import Refused
from tests.factories import make_admin, make_member, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    space = Namespace.objects.create(name="acme")
    make_member(space, "olga", Role.OWNER)
    make_member(space, "adam", Role.ADMIN)
    make_member(space, "wendy", Role.WRITE)
    make_member(space, "bob", Role.READ)
    return space


def roles(space):
    return {row.user.username: Role(row.role).label for row in Membership.objects.filter(namespace=space)}


def test_an_administrator_adds_people_and_writes_it_down(acme):
    set_member(make_user("adam"), acme, make_user("carol"), Role.WRITE)
    assert roles(acme)["carol"] == "write"
    entry = AuditEntry.objects.get(action="member.set")
    assert (entry.actor.username, entry.target, entry.detail) == ("adam", "acme", "carol: write")


def test_the_same_role_again_changes_nothing_and_is_not_audited(acme):
    set_member(make_user("adam"), acme, make_user("bob"), Role.READ)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("who", ["wendy", "bob", "stranger"])
def test_nobody_below_an_administrator_changes_members(acme, who):
    with pytest.raises(Refused, match="You need the admin role in acme"):
        set_member(make_user(who), acme, make_user("carol"), Role.READ)
    with pytest.raises(Refused, match="You need the admin role in acme"):
        remove_member(make_user(who), acme, make_user("adam"))


@pytest.mark.parametrize(
    "change",
    [
        lambda actor, space: set_member(actor, space, make_user("wendy"), Role.OWNER),
        lambda actor, space: set_member(actor, space, make_user("adam"), Role.OWNER),
        lambda actor, space: set_member(actor, space, make_user("olga"), Role.READ),
        lambda actor, space: remove_member(actor, space, make_user("olga")),
    ],
)
def test_an_administrator_neither_makes_nor_unmakes_owners(acme, change):
    before = roles(acme)
    with pytest.raises(Refused, match="Only an owner of acme"):
        change(make_user("adam"), acme)
    assert roles(acme) == before


@pytest.mark.parametrize("actor", ["olga", "admin"])
def test_the_last_owner_stays_whoever_asks(acme, actor):
    who = make_admin() if actor == "admin" else make_user(actor)
    for change in (
        lambda: set_member(who, acme, make_user("olga"), Role.ADMIN),
        lambda: remove_member(who, acme, make_user("olga")),
    ):
        with pytest.raises(Refused, match=r"olga is the last owner of acme\. Make somebody else an owner first\."):
            change()
    assert roles(acme)["olga"] == "owner"


def test_an_owner_who_cannot_log_in_does_not_count_as_one(acme):
    make_member(acme, "gone", Role.OWNER)
    gone = make_user("gone")
    gone.is_active = False
    gone.save()
    with pytest.raises(Refused, match="last owner"):
        remove_member(make_user("olga"), acme, make_user("olga"))


def test_an_owner_leaves_once_there_is_another(acme):
    set_member(make_user("olga"), acme, make_user("adam"), Role.OWNER)
    remove_member(make_user("olga"), acme, make_user("olga"))
    assert "olga" not in roles(acme)


def test_a_reader_leaves_by_themselves_and_again_is_harmless(acme):
    remove_member(make_user("bob"), acme, make_user("bob"))
    remove_member(make_user("bob"), acme, make_user("bob"))
    assert "bob" not in roles(acme)
    assert AuditEntry.objects.filter(action="member.remove").count() == 1


def test_a_robot_is_no_person_to_add_or_remove(acme):
    robot = make_robot(make_user("olga"), acme, "deploy", RobotWish(Role.WRITE))
    with pytest.raises(Refused, match="is a robot"):
        find_person("acme+deploy")
    for change in (
        lambda: set_member(make_user("olga"), acme, robot, Role.OWNER),
        lambda: remove_member(make_user("olga"), acme, robot),
        lambda: remove_member(robot, acme, robot),
    ):
        with pytest.raises(Refused, match="is a robot"):
            change()
    assert roles(acme)["acme+deploy"] == "write"


@pytest.mark.parametrize("name", ["nobody", "", "olga\0", "Olga", "x" * 4000])
def test_a_name_that_is_nobodys_is_said_in_a_sentence(acme, name):
    with pytest.raises(Refused, match="Nobody here has the username"):
        find_person(name)


def test_a_disabled_account_joins_nothing(acme):
    gone = make_user("gone", is_active=False)
    with pytest.raises(Refused, match="gone is disabled"):
        set_member(make_user("olga"), acme, gone, Role.READ)


def test_people_make_the_namespace_of_their_own_name_and_administrators_any():
    assert make_namespace(make_user("Wendy"), "wendy").kind == "user"
    assert make_namespace(make_admin(), "team").kind == "organization"
    with pytest.raises(Refused, match="Ask an administrator of Imageyard to make tools"):
        make_namespace(make_user("Wendy"), "tools")
    with pytest.raises(Refused, match="The name team is taken"):
        make_namespace(make_admin(), "team")
    with pytest.raises(Refused, match="cannot stand in an image name"):
        make_namespace(make_admin(), "Team+x")
    assert roles(Namespace.objects.get(name="wendy")) == {"Wendy": "owner"}
