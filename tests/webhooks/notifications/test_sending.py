"""Attempts: what is sent, what comes of each answer, when it is tried again, and where nothing goes."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from tests.factories import make_build
from webhooks.actions.subscriptions import forget_notifications, ring_for_notifications, send_test, switch_subscription
from webhooks.errands.notifications import pause_s, send_notification, send_waiting
from webhooks.models import Notification, Subscription
from webhooks.senders.base import retry_after_s
from webhooks.senders.webhook import sign

from .test_events import happen


def failed(**fields) -> Notification:
    happen(make_build(**fields), "finished", state="failed")
    return Notification.objects.latest("created_at")


def attempt(row: Notification, at=None) -> Notification:
    send_notification(str(row.pk), at or timezone.now())
    row.refresh_from_db()
    return row


def test_it_sends_the_body_signed_once(follow, receiver):
    subscription = follow(receiver.url)
    row = failed()
    attempt(attempt(row))
    ((path, headers, body),) = receiver.got
    assert (path, body.decode(), row.state) == ("/hook", row.body, "sent")
    assert (headers["content-type"], headers["webhook-id"]) == ("application/json", f"msg_{row.message_id.hex}")
    stamp = int(headers["webhook-timestamp"])
    assert abs(stamp - time.time()) < 60
    assert headers["webhook-signature"] == sign(subscription.secret, headers["webhook-id"], stamp, body)


@pytest.mark.parametrize("status", [302, 400, 404, 408, 429, 500, 503])
def test_any_answer_but_success_it_tries_again_with_what_was_said_kept(follow, receiver, status):
    follow(receiver.url)
    receiver.answers = [(status, {}, b"not now"), (204, {}, b"")]
    row = attempt(failed())
    assert (row.state, row.response_status, row.response_body, row.attempts) == ("queued", status, "not now", 1)
    assert 5 < (row.next_at - timezone.now()).total_seconds() < 13
    with time_machine.travel(timezone.now() + timedelta(seconds=15)):
        attempt(row)
    assert (row.state, [one["status"] for one in row.tries]) == ("sent", [status, 204])
    assert receiver.got[0][1]["webhook-id"] == receiver.got[1][1]["webhook-id"]


def test_before_its_pause_is_over_it_asks_nobody(follow, receiver):
    follow(receiver.url)
    receiver.answers = [(503, {}, b"")]
    row = attempt(failed())
    assert send_notification(str(row.pk), timezone.now()) is False
    assert len(receiver.got) == 1


def test_retry_after_it_honours(follow, receiver):
    follow(receiver.url)
    receiver.answers = [(429, {"Retry-After": "600"}, b"")]
    row = attempt(failed())
    assert 595 < (row.next_at - timezone.now()).total_seconds() < 605


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120), ("0", 0), ("", 0), ("soon", 0), ("9" * 30, 86_400), ("Wed, 25 Nov 2026 08:00:30 GMT", 30)],
)
def test_retry_after_it_reads_as_seconds_or_as_a_date(value, seconds):
    from datetime import UTC, datetime

    assert retry_after_s(value, datetime(2026, 11, 25, 8, tzinfo=UTC)) == seconds


def test_the_pauses_it_doubles_up_to_three_hours():
    assert [round(pause_s(n) / (10 * 2 ** (n - 1))) for n in range(1, 9)] == [1] * 8
    assert 3 * 3600 * 0.8 <= pause_s(500) <= 3 * 3600 * 1.2


def test_after_a_day_it_gives_up_and_says_so(follow, receiver, own_clock):
    subscription = follow(receiver.url)
    receiver.answers = [(500, {}, b"still broken")]
    row = failed()
    now = timezone.now()
    while row.state == "queued":
        now = max(now, row.next_at)
        with time_machine.travel(now, tick=False):
            attempt(row, now)
        assert row.attempts < 60
    assert timedelta(hours=20) < row.next_at - row.created_at < timedelta(hours=29)
    assert (row.state, row.attempts > 10, len(row.tries)) == ("given_up", True, row.attempts)
    assert row.sentence.startswith("The receiver answered 500. Given up after")
    subscription.refresh_from_db()
    assert subscription.last_sentence == row.sentence


def test_a_receiver_that_is_gone_it_switches_off(follow, receiver):
    subscription = follow(receiver.url)
    receiver.answers = [(410, {}, b"")]
    waiting, row = failed(), failed()
    attempt(row)
    subscription.refresh_from_db()
    waiting.refresh_from_db()
    assert (row.state, waiting.state, subscription.enabled) == ("given_up", "given_up", False)
    assert "410" in subscription.last_sentence


def test_while_one_waits_for_a_receiver_that_is_away_the_others_it_lets_wait(follow, receiver):
    follow(receiver.url)
    receiver.answers = [(503, {}, b"")]
    waiting, row = failed(), failed()
    attempt(row)
    attempt(waiting)
    assert (len(receiver.got), waiting.attempts) == (1, 0)


def test_what_waits_for_a_receiver_it_sends_in_one_go(follow, receiver):
    follow(receiver.url)
    rows = [failed() for _ in range(4)]
    assert send_waiting(str(rows[2].pk), timezone.now()) == 4
    assert not Notification.objects.exclude(state="sent").exists()


def test_a_receiver_that_is_slow_it_lets_hold_one_worker_alone(follow, receiver):
    from django.core.cache import cache

    subscription = follow(receiver.url)
    row = failed()
    cache.set(f"sending-notifications:{subscription.pk}", 1, 60)
    assert send_waiting(str(row.pk), timezone.now()) == 0
    cache.clear()
    assert send_waiting(str(row.pk), timezone.now()) == 1
    assert send_waiting("00000000-0000-0000-0000-000000000000", timezone.now()) == 0


def test_one_that_a_worker_died_with_it_takes_over_after_the_lease(follow, receiver):
    follow(receiver.url)
    row = failed()
    now = timezone.now()
    Notification.objects.update(state="sending", attempts=1, lease_until=now + timedelta(seconds=120))
    assert attempt(row).state == "sending"
    assert attempt(row, now + timedelta(seconds=121)).state == "sent"


def test_a_clock_that_ran_ahead_it_does_not_let_delay_a_message(follow, receiver):
    follow(receiver.url)
    row = failed()
    Notification.objects.update(next_at=timezone.now() + timedelta(days=400))
    assert attempt(row).state == "sent"


def test_what_is_due_it_rings_for_once_for_each_receiver(follow, rings, django_capture_on_commit_callbacks):
    for name in ("one", "two"):
        follow("https://hooks.example.com/x", name=name)
    failed(), failed()
    with django_capture_on_commit_callbacks(execute=True):
        ring_for_notifications(timezone.now())
    assert rings == ["webhooks.send_notification"] * 2
    rings.clear()
    ring_for_notifications(timezone.now() - timedelta(minutes=1))
    assert rings == []


def test_a_private_address_it_refuses_unless_trusted(follow, receiver, settings):
    follow(receiver.url)
    row = failed()
    settings.TRUSTED_HOSTS = frozenset()
    attempt(row)
    assert (row.state, receiver.got) == ("given_up", [])
    assert "IMAGEYARD_TRUSTED_HOSTS" in row.sentence


def test_a_redirect_it_does_not_follow(follow, receiver):
    follow(receiver.url)
    receiver.answers = [(307, {"Location": f"http://localhost:{receiver.port}/inside"}, b"")]
    row = attempt(failed())
    assert (len(receiver.got), row.response_status) == (1, 307)
    assert "redirect" in row.sentence


def test_a_large_answer_it_keeps_the_beginning_of(follow, receiver):
    follow(receiver.url)
    receiver.answers = [(200, {}, b"x" * 50_000)]
    assert len(attempt(failed()).response_body) == 2_000


def test_what_waits_for_one_that_is_off_it_gives_up_after_a_day(follow, receiver):
    from tests.factories import make_admin

    subscription = follow(receiver.url)
    row = failed()
    switch_subscription(make_admin(), subscription, on=False)
    assert attempt(row).state == "queued"
    forget_notifications(timezone.now() + timedelta(hours=25))
    row.refresh_from_db()
    assert (row.state, receiver.got) == ("given_up", [])
    forget_notifications(timezone.now() + timedelta(days=31))
    assert not Notification.objects.exists()


def test_an_address_that_cannot_be_decrypted_it_says_so(follow, receiver):
    from django.db import connection

    follow(receiver.url)
    row = failed()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE webhooks_subscription SET target = 'garbage'")
    assert "cannot be decrypted" in attempt(row).sentence


def test_a_test_it_sends_in_every_form(follow, receiver):
    from tests.factories import make_admin

    for form in ("imageyard", "docker_hub"):
        attempt(send_test(make_admin(), follow(receiver.url, name=form, format=form)))
    ours, docker_hub = (json.loads(body) for _, _, body in receiver.got)
    assert (ours["type"], docker_hub["push_data"]["tag"]) == ("test", "test")
    assert set(Subscription.objects.values_list("last_sentence", flat=True)) == {
        "Delivered: the receiver answered 200."
    }
