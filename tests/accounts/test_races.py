"""What two administrators do to one namespace at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection

from accounts.actions import RobotWish, TokenWish, make_robot, make_token, remove_member, remove_robot
from accounts.models import ApiToken, Membership, Namespace, Role, User
from accounts.tokens import find_token
from lib.refusal import Refused
from tests.factories import make_member

pytestmark = pytest.mark.django_db(transaction=True)
several_times = pytest.mark.parametrize("_time", range(4))


def at_once(*calls: Callable[[], object]) -> list[str]:
    """Make the calls in threads that begin together; what each was refused with, or ""."""
    ready, said = threading.Barrier(len(calls)), [""] * len(calls)

    def run(place: int, call: Callable[[], object]) -> None:
        ready.wait()
        try:
            call()
        except Refused as refused:
            said[place] = refused.sentence
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


@pytest.fixture
def acme() -> Namespace:
    return Namespace.objects.create(name="acme")


@several_times
def test_two_owners_who_remove_each_other_leave_one(acme, _time):
    one, other = (make_member(acme, name, Role.OWNER) for name in ("olga", "otto"))
    said = at_once(partial(remove_member, one, acme, other), partial(remove_member, other, acme, one))
    assert Membership.objects.filter(namespace=acme, role=Role.OWNER).count() == 1
    assert sum(bool(sentence) for sentence in said) == 1


@several_times
def test_one_robot_is_made_where_two_make_it(acme, _time):
    make = partial(make_robot, make_member(acme, "olga", Role.OWNER), acme, "deploy", RobotWish(Role.READ))
    assert sorted(at_once(make, make)) == ["", "acme+deploy is taken. Choose another name."]
    assert User.objects.exclude(robot_of=None).count() == 1


@several_times
def test_no_token_outlives_the_removal_of_its_robot(acme, _time):
    olga = make_member(acme, "olga", Role.OWNER)
    robot = make_robot(olga, acme, "deploy", RobotWish(Role.READ))
    texts: list[str] = []
    at_once(
        lambda: texts.append(make_token(olga, robot, TokenWish("late"))[1]),
        partial(remove_robot, olga, robot),
    )
    assert not ApiToken.objects.filter(user=robot, revoked_at=None).exists()
    assert [find_token(text) for text in texts] == [None] * len(texts)
