"""The page and the API of notifications: for admins, with secrets shown once and addresses never."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role
from accounts.tokens import create_token
from tests.builds.pages import as_user, words
from tests.factories import make_build, make_member, make_repository, make_user
from webhooks.errands.notifications import send_notification
from webhooks.models import Notification, Subscription

from .test_events import happen

PAGE = "/r/acme/web/settings/notifications"
API = "/api/v1/repositories/acme/web/notifications"
TARGET = "https://u:hunter2@hooks.example.com/services/hunter3?token=hunter4"
WEBHOOK = {"kind": "webhook", "name": "robot", "target": TARGET, "events": ["failed", "fixed"]}
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")


@pytest.fixture
def admin(source, rings) -> Client:
    return as_user(make_member(source.repository.namespace, "ada", Role.ADMIN))


@pytest.fixture
def api(source, rings):
    """`api("POST", "", {…})` as an admin of acme."""
    _, token = create_token(make_member(source.repository.namespace, "ada", Role.ADMIN), "laptop")
    client = Client(headers={"authorization": f"Bearer {token}"})

    def call(method: str, path: str = "", body: object = None):
        return client.generic(method, f"{API}{path}", json.dumps(body), content_type="application/json")

    return call


def add(client: Client, **fields: object):
    return client.post(PAGE, {**WEBHOOK, **fields}, follow=True)


def test_it_shows_the_signing_secret_once_and_the_address_never(admin):
    first = add(admin)
    secret = SECRET.search(first.content.decode())
    assert secret is not None and secret[0] == Subscription.objects.get().secret
    again = admin.get(PAGE)
    assert "https://hooks.example.com" in words(again)
    for page in (first, again):
        assert "hunter" not in page.content.decode()
    assert not SECRET.search(again.content.decode())


def test_address_and_secret_it_keeps_encrypted(admin):
    from django.db import connection

    add(admin)
    with connection.cursor() as cursor:
        cursor.execute("SELECT target, secret, shown_target, name FROM webhooks_subscription")
        stored = " ".join(cursor.fetchone())
    assert "hunter" not in stored and "whsec_" not in stored


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": " "}, "Give it a name"),
        ({"target": "http://127.0.0.1/"}, "this machine itself"),
        ({"target": "syslog://x", "kind": "apprise"}, "not among the services"),
        ({"events": []}, "Choose at least one event"),
        ({"events": ["exploded"]}, "There is no event `exploded`"),
        ({"kind": "carrier pigeon"}, "Choose a message or a webhook"),
        ({"format": "xml"}, "one of the formats"),
    ],
)
def test_what_is_wrong_it_says_and_adds_nothing(admin, fields, sentence):
    answer = add(admin, **fields)
    assert (answer.status_code, Subscription.objects.count()) == (422, 0)
    assert sentence.replace("`", "") in words(answer)


@pytest.mark.one_database
def test_a_name_that_is_taken_it_refuses(admin):
    add(admin)
    assert "already" in words(add(admin))


def test_more_than_thirty_it_refuses(admin, source):
    rows = [Subscription(repository=source.repository, name=str(n), target="x", shown_target="x") for n in range(30)]
    Subscription.objects.bulk_create(rows)
    assert "at most 30" in words(add(admin))


def test_only_admins_it_lets_in(source, admin):
    add(admin)
    writer = as_user(make_member(source.repository.namespace, "wendy", Role.WRITE))
    stranger = as_user(make_user("charlie"))
    number = Subscription.objects.get().pk
    assert [client.get(PAGE).status_code for client in (writer, stranger, Client())] == [403, 404, 302]
    for what in ("test", "on", "off", "delete"):
        assert writer.post(f"{PAGE}/{number}/{what}").status_code == 403
    assert "Notifications" not in words(writer.get("/r/acme/web/settings/variables"))


def test_what_is_another_repositorys_it_does_not_find(admin, source):
    other = make_repository("acme/other")
    row = Subscription.objects.create(repository=other, name="x", target="x", shown_target="x")
    told = Notification.objects.create(subscription=row, event="failed", body="{}")
    assert admin.post(f"{PAGE}/{row.pk}/delete").status_code == 404
    assert admin.post(f"{PAGE}/{told.pk}").status_code == 404


def test_it_switches_tests_and_removes(admin, rings):
    add(admin)
    row = Subscription.objects.get()
    assert "told nothing until" in words(admin.post(f"{PAGE}/{row.pk}/off", follow=True))
    assert "is off. Switch it on first" in words(admin.post(f"{PAGE}/{row.pk}/test", follow=True))
    assert "is told again" in words(admin.post(f"{PAGE}/{row.pk}/on", follow=True))
    assert "A test is on its way" in words(admin.post(f"{PAGE}/{row.pk}/test", follow=True))
    assert Notification.objects.get().event == "test"
    assert "is removed" in words(admin.post(f"{PAGE}/{row.pk}/delete", follow=True))
    assert not Notification.objects.exists()
    assert admin.post(f"{PAGE}/{row.pk}/test").status_code == 404


@pytest.mark.one_database
def test_the_log_it_shows_with_body_answers_and_what_is_next(admin, follow, receiver):
    follow(receiver.url)
    receiver.answers = [(503, {}, b"<b>down</b>"), (200, {}, b"welcome")]
    happen(make_build(), "finished", state="failed")
    row = Notification.objects.get()
    send_notification(str(row.pk), timezone.now())
    page = admin.get(PAGE)
    assert "&lt;b&gt;down&lt;/b&gt;" in page.content.decode()
    for text in ("trying again", "The receiver answered 503.", "It is tried again after", '"type": "build.failed"'):
        assert text in words(page)


@pytest.mark.one_database
def test_while_a_first_attempt_is_under_way_the_log_it_reads_again(admin, follow, receiver):
    follow(receiver.url)
    happen(make_build(), "finished", state="failed")
    waiting = admin.get(PAGE).content.decode()
    assert f'hx-get="{PAGE}?part=log"' in waiting
    send_notification(str(Notification.objects.get().pk), timezone.now())
    part = admin.get(PAGE, {"part": "log"}).content.decode()
    assert "hx-get" not in part and "<html" not in part and "Delivered" in part


def test_reading_the_log_again_it_leaves_the_secret_for_the_page(admin):
    admin.post(PAGE, WEBHOOK)
    admin.get(PAGE, {"part": "log"})
    assert SECRET.search(admin.get(PAGE).content.decode())


def test_a_message_it_sends_again_under_its_id(admin, follow, receiver):
    follow(receiver.url)
    happen(make_build(), "finished", state="failed")
    first = Notification.objects.get()
    send_notification(str(first.pk), timezone.now())
    assert "once more" in words(admin.post(f"{PAGE}/{first.pk}", follow=True))
    second = Notification.objects.exclude(pk=first.pk).get()
    send_notification(str(second.pk), timezone.now())
    (_, one, body), (_, two, again) = receiver.got
    assert (one["webhook-id"], body) == (two["webhook-id"], again)


def test_the_page_it_makes_with_few_queries(admin, follow, django_assert_max_num_queries):
    for number in range(5):
        follow("https://hooks.example.com/x", name=str(number))
    for _ in range(3):
        happen(make_build(), "finished", state="failed")
    with django_assert_max_num_queries(14):
        admin.get(PAGE)


def test_the_api_adds_lists_switches_and_removes(api):
    made = api("POST", "", WEBHOOK)
    assert made.status_code == 201
    body = made.json()
    assert SECRET.fullmatch(body["secret"]) and body["target"] == "https://hooks.example.com"
    (listed,) = api("GET").json()
    assert listed == {**body, "secret": None, "created_at": listed["created_at"]}
    assert api("PATCH", f"/{body['id']}", {"enabled": False}).json()["enabled"] is False
    assert api("POST", f"/{body['id']}/test").status_code == 409
    assert api("DELETE", f"/{body['id']}").status_code == 204
    assert api("DELETE", f"/{body['id']}").status_code == 404
    assert api("GET").json() == []


def test_the_api_lists_what_was_told_and_sends_it_again(api):
    number = api("POST", "", WEBHOOK).json()["id"]
    told = api("POST", f"/{number}/test")
    assert (told.status_code, told.json()["state"]) == (202, "queued")
    again = api("POST", f"/log/{told.json()['id']}/again")
    assert again.json()["message_id"] == told.json()["message_id"]
    log = api("GET", "/log")
    assert [row["event"] for row in log.json()] == ["test", "test"]
    assert "hunter" not in log.content.decode()


def test_the_api_says_what_is_wrong(api):
    answer = api("POST", "", {**WEBHOOK, "target": "http://[::1]/"})
    assert answer.status_code == 422
    assert "this machine itself" in answer.json()["detail"]


def test_an_address_with_an_error_it_gives_back_to_be_mended(admin):
    assert 'value="syslog://x"' in add(admin, target="syslog://x", kind="apprise").content.decode()


@pytest.mark.one_database
def test_no_log_line_holds_an_address(admin, follow, receiver, caplog, capsys):
    follow(f"{receiver.url}?token=hunter9")
    receiver.answers = [(500, {}, b"")]
    happen(make_build(), "finished", state="failed")
    send_notification(str(Notification.objects.get().pk), timezone.now())
    out = capsys.readouterr()
    assert "hunter9" not in caplog.text + out.out + out.err
