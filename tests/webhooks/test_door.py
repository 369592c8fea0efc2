"""The webhook address as uvicorn serves it, around Django: read, bounded, answered, and only then rung."""

from __future__ import annotations

import json
import uuid

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import OperationalError, connections

from builds.models import Build
from tests.factories import make_rule, make_source
from tests.webhooks.sending import headers_for, push_payload
from webhooks.models import Delivery
from webhooks.views import door as module
from webhooks.views.door import WebhookDoor

MB = 1_000_000


class Server:
    """What a server does for one request: gives the pieces of the body, takes the answer."""

    def __init__(self, pieces=(), *, path="/webhooks/github/x", method="POST", headers=(), hangs_up=False) -> None:
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
        self.scope = {"type": "http", "method": method, "path": path, "headers": raw}
        self.pieces, self.hangs_up, self.taken, self.sent = list(pieces), hangs_up, 0, []

    async def receive(self):
        if self.taken == len(self.pieces):
            return {"type": "http.disconnect"}
        self.taken += 1
        more = self.hangs_up or self.taken < len(self.pieces)
        return {"type": "http.request", "body": self.pieces[self.taken - 1], "more_body": more}

    async def send(self, message) -> None:
        self.sent.append(message)

    async def ask(self, door) -> None:
        await door(self.scope, self.receive, self.send)

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def answer(self):
        return json.loads(self.sent[1]["body"])


async def application(_scope, _receive, send) -> None:
    await send({"type": "http.response.start", "status": 299, "headers": []})


@pytest.fixture
async def door():
    door = WebhookDoor(application, threads=1)
    yield door
    await door.close()
    await sync_to_async(connections.close_all)()  # those of the thread in which asynchronous queries run


@pytest.fixture
def linked(transactional_db, rings):
    source = make_source()
    make_rule(source)
    return source


def request_to(source, body: bytes | None = None, pieces: int = 1, **options) -> Server:
    body = json.dumps(push_payload()).encode() if body is None else body
    cut = max(1, len(body) // pieces)
    headers = [*headers_for(source, body).items(), ("Content-Type", "application/json")]
    chunks = [body[at : at + cut] for at in range(0, len(body), cut)]
    return Server(chunks, path=f"/webhooks/github/{source.pk}", headers=headers, **options)


count = sync_to_async(lambda model: model.objects.count())


@pytest.mark.parametrize("pieces", [1, 7])
async def test_a_push_it_takes_in_however_many_pieces(door, linked, pieces):
    server = request_to(linked, pieces=pieces)
    await server.ask(door)
    delivery = await Delivery.objects.aget()
    assert (server.status, server.answer["delivery"], delivery.status) == (202, str(delivery.pk), "built")
    assert dict(server.sent[0]["headers"])[b"content-type"] == b"application/json"


async def test_bells_it_rings_once_the_answer_is_sent(door, linked, rings):
    order = []

    class Watching(Server):
        async def send(self, message) -> None:
            order.append((message["type"], list(rings)))

    server = request_to(linked)
    server.__class__ = Watching
    await server.ask(door)
    await door._ringer.wait()
    assert order == [("http.response.start", []), ("http.response.body", [])]
    assert sorted(rings) == ["builds.probe_source", "builds.run_next"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/webhooks/github/x"), ("POST", "/webhooks/github"), ("POST", "/webhooks/a/b/c"), ("POST", "/api/v1/x")],
)
async def test_what_is_no_delivery_it_leaves_to_django(door, method, path):
    server = Server([b""], method=method, path=path)
    await server.ask(door)
    assert server.status == 299


async def test_an_address_with_a_slash_at_its_end_it_takes_too(door, linked):
    server = request_to(linked)
    server.scope["path"] += "/"
    await server.ask(door)
    assert server.status == 202


async def test_an_unknown_source_it_answers_with_404(door, transactional_db):
    server = Server([b"{}"], path=f"/webhooks/github/{uuid.uuid4()}")
    await server.ask(door)
    assert server.status == 404


async def test_w14_a_length_over_the_bound_it_reads_nothing(door, linked):
    server = request_to(linked, pieces=9)
    server.scope["headers"].append((b"content-length", str(settings.WEBHOOK_MAX_BYTES + 1).encode()))
    await server.ask(door)
    assert (server.status, server.taken) == (413, 0)
    assert (await Delivery.objects.aget()).status == "refused"


@pytest.mark.parametrize("said", [None, "10", "-5", "x", "9" * 500])
async def test_w14_a_body_that_goes_on_it_stops_reading_at_the_bound(door, linked, said):
    headers = [] if said is None else [("Content-Length", said)]
    server = Server([b"x" * MB] * 100, path=f"/webhooks/github/{linked.pk}", headers=headers)
    await server.ask(door)
    assert server.status == 413
    assert server.taken <= 27


async def test_a_sender_that_hangs_up_it_forgets(door, linked):
    server = request_to(linked, hangs_up=True)
    await server.ask(door)
    assert server.sent == []
    assert await count(Delivery) == 0


async def test_a_connection_that_died_while_idle_it_opens_anew(door, linked, monkeypatch):
    from webhooks.views import inbound

    real, calls = inbound.accept_delivery, []

    def flaky(request):
        calls.append(request)
        if len(calls) == 1:
            raise OperationalError("server closed the connection unexpectedly")
        return real(request)

    monkeypatch.setattr(inbound, "accept_delivery", flaky)
    server = request_to(linked)
    await server.ask(door)
    assert (server.status, await count(Build)) == (202, 1)


async def test_a_database_that_stays_down_it_answers_with_503(door, linked, monkeypatch):
    def down(_request):
        raise OperationalError("no connection")

    monkeypatch.setattr("webhooks.views.inbound.accept_delivery", down)
    server = request_to(linked)
    await server.ask(door)
    assert server.status == 503
    assert "is not stored. Deliver it again" in server.answer["detail"]


async def test_a_header_that_comes_twice_it_does_not_choose_from(door, linked):
    server = request_to(linked)
    server.scope["headers"].append((b"x-hub-signature-256", b"sha256=" + b"0" * 64))
    await server.ask(door)
    assert server.status == 401


async def test_bells_that_pile_up_it_rings_once(linked):
    from functools import partial

    rung = []
    ringer = module._Ringer()
    for _ in range(50):
        ringer.ring([partial(rung.append, "deliveries"), partial(rung.append, "doorbell")])
    await ringer.wait()
    assert sorted(rung) == ["deliveries", "doorbell"]


async def test_a_bell_that_breaks_it_does_not_mind():
    rung = []
    ringer = module._Ringer()
    ringer.ring([lambda: 1 / 0, lambda: rung.append("the other")])
    await ringer.wait()
    assert rung == ["the other"]
