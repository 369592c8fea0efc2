"""Shells on debug images: who opens one, which worker takes it, what ends it, and what the audit says."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest

from accounts.models import AuditEntry, Membership, Role
from builds import worker
from builds.actions import debug_shells as shells
from builds.models import DebugImage, DebugSession, Worker
from lib.clock import database_now
from lib.refusal import Refused
from tests.builds.debugging import make_failed, make_image, make_session
from tests.factories import make_member, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def image() -> DebugImage:
    return make_image(make_failed())


@pytest.fixture
def wendy(image: DebugImage):
    return make_member(image.build.repository.namespace, "wendy", Role.WRITE)


def test_one_waits_for_a_worker_and_a_worker_takes_it(image: DebugImage, wendy):
    session = shells.open_shell(wendy, image)
    taken = shells.take_shell("w1")
    assert taken is not None and (taken.pk, taken.worker) == (session.pk, "w1")
    assert shells.take_shell("w2") is None


def test_who_opens_one_again_comes_back_to_it(image: DebugImage, wendy):
    assert shells.open_shell(wendy, image).pk == shells.open_shell(wendy, image).pk


def test_a_person_has_one_at_a_time(image: DebugImage, wendy):
    shells.open_shell(wendy, image)
    with pytest.raises(Refused, match="You have a shell open on build #1 of acme/web"):
        shells.open_shell(wendy, make_image(make_failed()))


def test_two_people_look_at_one_image(image: DebugImage, wendy):
    other = make_member(image.build.repository.namespace, "will", Role.WRITE)
    assert shells.open_shell(wendy, image).pk != shells.open_shell(other, image).pk


@pytest.mark.parametrize("state", ["asked", "making", "failed", "expired"])
def test_there_is_none_without_an_image(image: DebugImage, wendy, state: str):
    image.state = state
    with pytest.raises(Refused, match="Make it first"):
        shells.open_shell(wendy, image)


def test_there_is_none_where_they_are_switched_off(image: DebugImage, wendy, settings):
    settings.SHELLS = 0
    with pytest.raises(Refused, match="switched off"):
        shells.open_shell(wendy, image)


def test_nobody_opens_them_without_end(image: DebugImage, wendy, monkeypatch):
    monkeypatch.setattr(shells, "MOST_AN_HOUR", 2)
    for _ in range(2):
        make_session(image, wendy, closed_at=database_now())
    with pytest.raises(Refused, match="2 shells within an hour"):
        shells.open_shell(wendy, image)


def test_a_worker_that_drains_takes_none(image: DebugImage, wendy):
    Worker.objects.create(name="w1", host="h", slots=1, draining_since=database_now())
    shells.open_shell(wendy, image)
    assert shells.take_shell("w1") is None


def test_its_time_begins_when_the_shell_is_there(image: DebugImage, wendy, settings):
    settings.SHELL_MINUTES = 5
    shells.open_shell(wendy, image)
    session = shells.take_shell("w1")
    assert session is not None and shells.record_started(session, "c1")
    session.refresh_from_db()
    assert session.until - session.started_at == timedelta(minutes=5)


def test_one_that_was_closed_meanwhile_does_not_start(image: DebugImage, wendy):
    shells.open_shell(wendy, image)
    session = shells.take_shell("w1")
    assert session is not None and shells.close_shell(session.pk, "You closed it.")
    assert not shells.record_started(session, "c1")


def test_the_first_reason_counts(image: DebugImage, wendy):
    session = make_session(image, wendy)
    assert shells.close_shell(session.pk, "Its time was over.")
    assert not shells.close_shell(session.pk, "The shell ended.")
    session.refresh_from_db()
    assert session.end_reason == "Its time was over."


def test_the_audit_says_who_asked_opened_closed_and_how_long(image: DebugImage, wendy):
    shells.open_shell(wendy, image)
    session = shells.take_shell("w1")
    assert session is not None
    shells.record_started(session, "c1")
    DebugSession.objects.update(started_at=database_now() - timedelta(seconds=64))
    shells.close_shell(session.pk, "The shell ended.")
    rows = list(AuditEntry.objects.order_by("pk").values_list("action", "actor__username", "target"))
    assert rows == [(f"debug_shell.{what}", "wendy", "acme/web #1") for what in ("ask", "open", "close")]
    assert AuditEntry.objects.latest("pk").detail == "after 1 m 04 s: The shell ended."


def demoted(image: DebugImage, session: DebugSession) -> None:
    Membership.objects.filter(user=session.user).update(role=Role.READ)


def left(image: DebugImage, session: DebugSession) -> None:
    Membership.objects.filter(user=session.user).delete()


def locked_out(image: DebugImage, session: DebugSession) -> None:
    type(session.user).objects.filter(pk=session.user_id).update(is_active=False)


def removed(image: DebugImage, session: DebugSession) -> None:
    DebugImage.objects.update(state="expired")


def drained(image: DebugImage, session: DebugSession) -> None:
    Worker.objects.create(name="w1", host="h", slots=1, draining_since=database_now())


def too_late(image: DebugImage, session: DebugSession) -> None:
    DebugSession.objects.update(until=database_now() - timedelta(seconds=1))


def given_to_another(image: DebugImage, session: DebugSession) -> None:
    DebugSession.objects.update(worker="w2")


def made_a_strangers(image: DebugImage, session: DebugSession) -> None:
    type(image.build).objects.update(untrusted=True)


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (demoted, "You may not open shells here any more."),
        (left, "You may not open shells here any more."),
        (locked_out, "You may not open shells here any more."),
        (made_a_strangers, "You may not open shells here any more."),
        (removed, "The debug image was removed."),
        (drained, "The worker shuts down. Open another shell."),
        (too_late, "Its time was over."),
        (given_to_another, "It was closed."),
    ],
)
def test_its_worker_learns_within_seconds_why_it_is_over(image: DebugImage, wendy, happens, said: str):
    session = make_session(image, wendy)
    assert shells.why_over(session.pk, "w1") == ""
    happens(image, session)
    assert shells.why_over(session.pk, "w1") == said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"worker": "", "opened_at": timedelta(seconds=61)}, "No worker had a free shell."),
        ({"seen_at": timedelta(seconds=46)}, "The worker that ran it disappeared."),
        ({"until": timedelta(seconds=46)}, "Its time was over."),
        ({}, ""),
        ({"seen_at": timedelta(seconds=40)}, ""),
    ],
)
def test_beat_ends_what_nobody_ends(image: DebugImage, wendy, fields: dict, said: str):
    now = database_now()
    ages = {name: now - value if isinstance(value, timedelta) else value for name, value in fields.items()}
    session = make_session(image, wendy, **ages)
    shells.sweep_shells(now)
    session.refresh_from_db()
    assert (session.closed_at is not None) == bool(said)
    assert session.end_reason.startswith(said)


def test_a_worker_that_is_known_to_be_gone_keeps_nobody_waiting(image: DebugImage, wendy):
    Worker.objects.create(name="w1", host="h", slots=1, stopped_at=database_now())
    session = make_session(image, wendy)
    shells.sweep_shells(database_now())
    session.refresh_from_db()
    assert session.end_reason == "The worker that ran it disappeared. Open another shell."


def test_a_worker_that_starts_ends_the_shells_of_the_one_before_it(image: DebugImage, wendy):
    host = socket.gethostname()
    gone = Worker.objects.create(name=f"{host}-1-ffffff", host=host, slots=1)
    session = make_session(image, wendy, worker=gone.name)
    worker._take_over()
    session.refresh_from_db()
    assert session.end_reason == "The worker that ran it disappeared. Open another shell."


def test_it_is_for_the_person_who_opened_it_alone(image: DebugImage, wendy):
    session = make_session(image, wendy)
    assert shells.session_for(wendy, session.pk) is not None
    other = make_member(image.build.repository.namespace, "will", Role.OWNER)
    assert shells.session_for(other, session.pk) is None
    assert shells.session_for(make_user("charlie"), session.pk) is None
