"""The ledger as people read it: who may, what stands there, and what an empty one says."""

from __future__ import annotations

import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Role
from builds.models import Build
from tests.factories import make_admin, make_member, make_repository, make_rule, make_source, make_user
from tests.webhooks.sending import post, push_payload
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db
LIST = "/r/acme/web/deliveries"


@pytest.fixture
def reader(source, client):
    client.force_login(make_member(source.repository.namespace, "rita", Role.READ))
    return client


@pytest.fixture
def writer(source, client):
    client.force_login(make_member(source.repository.namespace, "wilma", Role.WRITE))
    return client


def text(answer) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_list_it_says_what_came_of_each(source, reader):
    make_rule(source, ref_type="tag", pattern="release", tags=["{sourceref}"])
    post(source)
    post(source, headers={"X-Hub-Signature-256": None})
    page = text(reader.get(LIST))
    assert "build #1 by <code>main</code>; <code>release</code> did not match: wants tags" in page
    assert "The request carried no signature." in page
    assert "a1b2c3d" in page
    assert Build.objects.get().get_absolute_url() in page


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("status=refused", "carried no signature", "Fix login"),
        ("ref=mai", "Fix login", "carried no signature"),
        ("event=push&text=Fix+log", "Fix login", "carried no signature"),
        ("text=A1B2C3", "Fix login", "carried no signature"),
        ("text=no+signature", "carried no signature", "Fix login"),
        ("since=2020-01-01&until=2020-01-02", "No delivery is like that", "Fix login"),
        ("since=2020-01-01", "Fix login", "No delivery is like that"),
        ("event=ping", "No delivery is like that", "Fix login"),
    ],
)
def test_the_list_it_filters(source, reader, query, shown, hidden):
    post(source)
    post(source, headers={"X-Hub-Signature-256": None})
    rows = text(reader.get(f"{LIST}?{query}&part=rows"))
    assert shown in rows
    assert hidden not in rows


@pytest.mark.parametrize(
    "query",
    [
        "status=nonsense",
        "since=2026-13-45&until=x",
        "text=%25_",
        "until=9999-12-31",
        "event=" + "x" * 300,
        "page=99999",
        "page=x",
        "part=x",
    ],
)
def test_odd_queries_it_answers(source, reader, query):
    post(source)
    text(reader.get(f"{LIST}?{query}"))


@pytest.mark.one_database
def test_an_empty_list_it_shows_the_address_and_what_to_do(source, reader):
    page = text(reader.get(LIST))
    assert f"/webhooks/github/{source.pk}" in page
    assert "Just the push event" in page


def test_an_empty_list_before_a_source_it_says_to_link_one(client):
    repository = make_repository()
    client.force_login(make_member(repository.namespace, "wilma", Role.WRITE))
    assert reverse("repository-setup", args=["acme", "web"]) in text(client.get(LIST))


@pytest.mark.one_database
def test_the_secret_it_never_shows(source, reader):
    post(source, push_payload(secret=source.webhook_secret))
    assert source.webhook_secret not in text(reader.get(LIST))
    assert source.webhook_secret not in text(reader.get(Delivery.objects.get().get_absolute_url()))


def test_the_list_it_asks_the_same_number_of_queries_however_long(source, reader, django_assert_max_num_queries):
    post(source)
    with CaptureQueriesContext(connection) as few:
        reader.get(LIST)
    count = len(few)
    assert 0 < count <= 14
    for number in range(20):
        post(source, push_payload(after=f"{number:040x}"[::-1].replace("0", "a")))
    with django_assert_max_num_queries(count):
        reader.get(LIST)


def test_the_list_it_pages(source, reader):
    for number in range(31):
        post(source, push_payload(f"refs/heads/b{number}"))
    assert "b30" in text(reader.get(LIST))
    assert '<code class="clip">b0</code>' in text(reader.get(f"{LIST}?page=2"))


@pytest.mark.one_database
def test_one_delivery_it_shows_request_verdicts_and_builds(source, reader):
    post(source)
    page = text(reader.get(Delivery.objects.get().get_absolute_url()))
    assert "GitHub-Hookshot/0123456" in page
    assert "matches <code>main</code>" in page
    assert "&quot;ref&quot;: &quot;refs/heads/main&quot;" in page
    assert "x-hub-signature-256" not in page.lower()


@pytest.mark.parametrize("where", ["message", "ref", "header", "body"])
def test_hostile_text_it_escapes(source, reader, where):
    evil = "<script>alert(1)</script>"
    payload = push_payload(f"refs/heads/{evil}" if where == "ref" else "refs/heads/main", message=evil, x=evil)
    headers = {"X-Evil": evil} if where == "header" else {}
    post(source, evil.encode() if where == "body" else payload, headers=headers)
    delivery = Delivery.objects.get()
    for address in (LIST, delivery.get_absolute_url()):
        assert "<script>alert" not in text(reader.get(address))


@pytest.mark.one_database
@pytest.mark.parametrize(
    "body", [b"\xff\xfe\x00", b"", b'{"a": "' + b"x" * 400_000 + b'"}', b"[" * 500 + b"]" * 500, b"\0" * 10]
)
def test_odd_bodies_it_shows(source, reader, body):
    post(source, body)
    page = text(reader.get(Delivery.objects.get().get_absolute_url()))
    assert len(page) < 400_000


@pytest.mark.one_database
def test_a_large_body_it_shows_the_beginning_of(source, reader):
    post(source, json.dumps(push_payload(pad="x" * 2_000_000)).encode())
    page = text(reader.get(Delivery.objects.get().get_absolute_url()))
    assert "of which the beginning is shown" in page
    assert len(page) < 400_000


@pytest.mark.one_database
def test_a_duplicate_it_points_to_the_first_and_shows_its_request(source, reader):
    post(source, delivery="one")
    post(source, delivery="one")
    again, first = Delivery.objects.all()
    page = text(reader.get(again.get_absolute_url()))
    assert first.get_absolute_url() in page
    assert "refs/heads/main" in page
    assert "Replay</button>" not in page


def test_replay_it_makes_a_new_delivery_and_goes_there(source, writer):
    post(source, push_payload("refs/heads/docs"))
    make_rule(source, pattern="docs")
    first = Delivery.objects.get()
    assert "Replay with today's rules</button>" in text(writer.get(first.get_absolute_url()))
    answer = writer.post(f"{first.get_absolute_url()}/replay")
    made = Delivery.objects.get(replay_of=first)
    assert answer["Location"] == made.get_absolute_url()
    assert "Replayed with the rules as they are now." in text(writer.get(answer["Location"]))


def test_replay_as_it_was_it_offers_and_does(source, writer):
    post(source)
    first = Delivery.objects.get()
    source.rules.update(tags=["edge"])
    page = text(writer.get(first.get_absolute_url()))
    assert "Replay as it was</button>" in page
    assert "Changed since. Today: branch <code>main</code> → <code>edge</code>" in page
    answer = writer.post(f"{first.get_absolute_url()}/replay", {"rules": "then"}, follow=True)
    assert "Replayed with the rules as they were then." in text(answer)
    assert "A replay, with the rules of then, of" in text(answer)


def test_replay_of_one_from_before_rules_were_kept_it_offers_by_todays_rules_and_says_why(source, writer):
    post(source)
    Delivery.objects.update(rules_snapshot=[])
    page = text(writer.get(Delivery.objects.get().get_absolute_url()))
    assert 'value="then" aria-describedby="replay-then" disabled' in page
    assert "The rules of then were not kept" in page
    assert "Replay with today's rules</button>" in page


def test_a_filtered_list_it_pages_within_the_filter(source, reader):
    for number in range(31):
        post(source, push_payload(f"refs/heads/b{number}"))
    page = text(reader.get(f"{LIST}?event=push&ref=b&since=2020-01-01"))
    assert re.search(r'href="[^"]*event=push&amp;ref=b&amp;since=2020-01-01&amp;page=2', page)


@pytest.mark.one_database
def test_a_refused_one_it_does_not_offer_to_replay_as_it_was(source, writer):
    post(source, headers={"X-Hub-Signature-256": None})
    page = text(writer.get(Delivery.objects.get().get_absolute_url()))
    assert "Replay as it was" not in page
    assert "The rules it was judged by" not in page


@pytest.mark.one_database
def test_replay_of_a_refused_one_it_says_why_not(source, writer):
    post(source, headers={"X-Hub-Signature-256": None})
    answer = writer.post(f"{Delivery.objects.get().get_absolute_url()}/replay", follow=True)
    assert "nothing proved that it came from the forge" in text(answer)


@pytest.mark.one_database
def test_replay_it_is_not_offered_to_a_reader_and_answers_with_403(source, reader):
    post(source)
    address = Delivery.objects.get().get_absolute_url()
    assert "Replay</button>" not in text(reader.get(address))
    assert reader.post(f"{address}/replay").status_code == 403
    assert Delivery.objects.count() == 1


@pytest.mark.one_database
def test_replay_by_get_it_answers_with_405(source, writer):
    post(source)
    assert writer.get(f"{Delivery.objects.get().get_absolute_url()}/replay").status_code == 405


@pytest.mark.one_database
@pytest.mark.parametrize("visibility", ["private", "public"])
def test_a_stranger_it_answers_with_404_even_where_the_repository_is_public(client, visibility):
    source = make_source(make_repository(visibility=visibility))
    post(source)
    client.force_login(make_user("stranger"))
    assert client.get(LIST).status_code == 404
    assert client.get(Delivery.objects.get().get_absolute_url()).status_code == 404
    assert client.post(f"{Delivery.objects.get().get_absolute_url()}/replay").status_code in (403, 404)
    assert Delivery.objects.count() == 1


@pytest.mark.one_database
def test_somebody_who_is_not_logged_in_it_sends_to_the_log_in(source, client):
    assert client.get(LIST).status_code == 302


@pytest.mark.one_database
def test_a_delivery_below_another_repository_it_answers_with_404(source, reader):
    post(source)
    make_source(make_repository("acme/api"))
    assert reader.get(f"/r/acme/api/deliveries/{Delivery.objects.get().pk}").status_code == 404


@pytest.mark.parametrize("path", ["", "?q=main", "?q=a1b2c3d", "?status__exact=built", "detail"])
def test_the_administration_it_shows_searches_and_filters(source, client, path):
    post(source)
    client.force_login(make_admin())
    address = reverse("admin:webhooks_delivery_changelist") + path
    if path == "detail":
        address = reverse("admin:webhooks_delivery_change", args=[Delivery.objects.get().pk])
    assert "build #1 by `main`" in text(client.get(address))


def test_the_administration_it_replays(source, client):
    post(source)
    client.force_login(make_admin())
    data = {"action": "replay", "_selected_action": [str(Delivery.objects.get().pk)]}
    client.post(reverse("admin:webhooks_delivery_changelist"), data)
    assert Delivery.objects.filter(replay_of__isnull=False).count() == 1


def test_the_administration_it_lets_nobody_add_change_or_delete(source, client):
    post(source)
    delivery = Delivery.objects.get()
    client.force_login(make_admin())
    client.post(reverse("admin:webhooks_delivery_change", args=[delivery.pk]), {"sentence": "forged"})
    assert client.get(reverse("admin:webhooks_delivery_add")).status_code == 403
    assert client.get(reverse("admin:webhooks_delivery_delete", args=[delivery.pk])).status_code == 403
    assert Delivery.objects.get().sentence == delivery.sentence
