"""RegistryClient when a registry refuses, breaks, lies or is slow: what it does, and the sentence a person reads."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable

import pytest

from registry.client import Manifest, RegistryClient, RegistryError, RegistryErrorKind
from registry.core.patience import Patience
from tests.fake_registry import FakeRegistry
from tests.images import make_image

IMAGE = make_image().manifest
Connect = Callable[..., RegistryClient]


def push(client: RegistryClient, repository: str, manifest: Manifest = IMAGE) -> RegistryError:
    with pytest.raises(RegistryError) as caught:
        client.put_manifest(repository, "1.0", manifest)
    return caught.value


# (mode, kind, requests sent, sentence); {host} is the registry's.
REFUSALS = [
    (
        "denied",
        RegistryErrorKind.DENIED,
        1,
        (
            "{host} refused the push of denied/app:1.0: the account `bot` may not write there. "
            "It says: requested access to the resource is denied."
        ),
    ),
    (
        "unauthorized",
        RegistryErrorKind.UNAUTHORIZED,
        1,
        (
            "{host} refused the push of unauthorized/app:1.0: it does not accept the account `bot`; "
            "check the user name and password of this registry. It says: authentication required."
        ),
    ),
    (
        "upload413",
        RegistryErrorKind.TOO_LARGE,
        1,
        (
            "{host} refused the push of upload413/app:1.0: it takes no upload this large "
            "(413 Request Entity Too Large). It says: 413. "
            "Raise the limit of the proxy in front of it (nginx: client_max_body_size)."
        ),
    ),
    (
        "quota",
        RegistryErrorKind.QUOTA,
        1,
        (
            "{host} refused the push of quota/app:1.0: its storage quota is used up. It says: adding 1.2 GiB of "
            "storage resource, which when updated to current usage of 9.9 GiB will exceed the configured upper limit "
            "of 10.0 GiB. Delete old tags there or raise the quota."
        ),
    ),
    (
        "upload429",
        RegistryErrorKind.RATE_LIMIT,
        6,
        (
            "{host} did not take the push of upload429/app:1.0: too many requests (429 Too Many Requests). "
            "It says: You have reached your pull rate limit. Try again later. Asked 6 times."
        ),
    ),
    (
        "patience",
        RegistryErrorKind.RATE_LIMIT,
        1,
        (
            "{host} did not take the push of patience/app:1.0: too many requests (429 Too Many Requests). "
            "It says: slow down. Try again later. It wants 1 h 00 m of rest first."
        ),
    ),
    (
        "manifest500",
        RegistryErrorKind.UNAVAILABLE,
        6,
        (
            "{host} answered 500 Internal Server Error to the push of manifest500/app:1.0. The registry, or a proxy in "
            "front of it, is in trouble; try again later. Asked 6 times."
        ),
    ),
    (
        "html",
        RegistryErrorKind.UNAVAILABLE,
        6,
        (
            "{host} answered 502 Bad Gateway to the push of html/app:1.0. It says: 502 Bad Gateway. The registry, or a "
            "proxy in front of it, is in trouble; try again later. Asked 6 times."
        ),
    ),
    (
        "immutable",
        RegistryErrorKind.INVALID,
        1,
        "{host} refused the push of immutable/app:1.0 (412 Precondition Failed). It says: the tag is immutable.",
    ),
    (
        "lost-parts",
        RegistryErrorKind.INCOMPLETE,
        1,
        (
            "{host} refused the push of lost-parts/app:1.0: it lacks a part of the image, which was probably deleted "
            "there. It says: blob unknown to registry. Build the image again."
        ),
    ),
]


@pytest.mark.parametrize(("mode", "kind", "requests", "sentence"), REFUSALS, ids=[item[0] for item in REFUSALS])
def test_x04_it_says_why_a_push_failed(
    fake: FakeRegistry, connect: Connect, mode: str, kind: RegistryErrorKind, requests: int, sentence: str
) -> None:
    """Field case X04: 5xx and 429 are tried again, refusals are not, and markup never reaches a person."""
    error = push(connect(fake.host, "bot", "secret-of-bot"), f"{mode}/app")
    assert error.message == sentence.format(host=fake.host)
    assert error.kind is kind
    assert fake.state.count("PUT") == requests
    assert error.retryable == (kind in {RegistryErrorKind.UNAVAILABLE, RegistryErrorKind.RATE_LIMIT})


def test_x04_it_gets_through_a_flaky_registry(fake: FakeRegistry, connect: Connect, pauses: list[float]) -> None:
    """Field case X04: 503 twice, then fine."""
    assert connect(fake.host).put_manifest("flaky/app", "1.0", IMAGE) == IMAGE.digest
    assert fake.state.count("PUT") == 3
    assert 0.25 <= pauses[0] <= 0.5 <= pauses[1] <= 1.0


def test_x04_it_waits_as_long_as_it_is_told(fake: FakeRegistry, connect: Connect, pauses: list[float]) -> None:
    """Field case X04: `Retry-After: 7`."""
    push(connect(fake.host, patience=Patience(attempts=3)), "upload429/app")
    assert pauses == [7.0, 7.0]


def test_it_stops_waiting_when_its_time_is_up(fake: FakeRegistry, connect: Connect, pauses: list[float]) -> None:
    error = push(connect(fake.host, patience=Patience(attempts=100, total_s=5.0)), "upload429/app")
    assert pauses == []
    assert error.retryable


def test_it_lets_whoever_waits_stop_it(fake: FakeRegistry, connect: Connect) -> None:
    def stopped(seconds: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        connect(fake.host, wait=stopped).put_manifest("upload502x/flaky", "1", IMAGE)
        connect(fake.host, wait=stopped).put_manifest("manifest500/app", "1", IMAGE)
    assert fake.state.count("PUT", "manifest500") == 1


def test_it_says_that_nobody_answers(connect: Connect) -> None:
    client = connect("127.0.0.1:1", patience=Patience(attempts=2))
    error = push(client, "acme/web")
    assert error.message == (
        "127.0.0.1:1 cannot be reached for the push of acme/web:1.0: the connection was refused. Asked 2 times."
    )
    assert error.kind is RegistryErrorKind.NETWORK
    assert error.retryable


def test_it_notices_a_manifest_that_was_changed_on_the_way(fake: FakeRegistry, connect: Connect) -> None:
    fake.state.manifests["acme/web", IMAGE.digest] = (IMAGE.media_type, make_image("evil").manifest.body)
    with pytest.raises(RegistryError, match="does not have the digest that it is stored under") as caught:
        connect(fake.host).manifest("acme/web", IMAGE.digest)
    assert caught.value.kind is RegistryErrorKind.INVALID


def test_it_says_that_a_schema_1_image_cannot_be_used(fake: FakeRegistry, connect: Connect) -> None:
    body = b'{"schemaVersion":1,"name":"old","tag":"1"}'
    fake.state.manifests["acme/web", "old"] = ("application/vnd.docker.distribution.manifest.v1+prettyjws", body)
    with pytest.raises(RegistryError) as caught:
        connect(fake.host).manifest("acme/web", "old")
    assert caught.value.message == (
        f"The pull of acme/web:old at {fake.host} did not work: it is stored in Docker's schema 1 format, which ended "
        "in 2019 and has no usable digest; push it again with a current Docker."
    )


def test_it_says_that_a_foreign_manifest_is_no_image(fake: FakeRegistry, connect: Connect) -> None:
    fake.state.manifests["acme/web", "x"] = ("application/vnd.acme.thing+json", b"{}")
    with pytest.raises(RegistryError, match=re.escape("its media type is not one of a container image")):
        connect(fake.host).manifest("acme/web", "x")


def test_it_reads_no_more_than_a_manifest_may_have(fake: FakeRegistry, connect: Connect) -> None:
    fake.state.manifests["acme/web", "big"] = (IMAGE.media_type, b" " * (8 * 1024 * 1024 + 1))
    with pytest.raises(RegistryError, match=re.escape("its answer is larger than 8,388,608 bytes")):
        connect(fake.host).manifest("acme/web", "big")


def test_it_says_that_something_else_answers_there(fake: FakeRegistry, connect: Connect) -> None:
    with pytest.raises(RegistryError) as caught:
        connect(f"{fake.host}/elsewhere").ping()
    assert not caught.value.retryable


def test_it_pings_once_and_takes_a_wish_for_a_log_in_as_an_answer(fake: FakeRegistry, connect: Connect) -> None:
    fake.state.auth = "bearer"
    connect(fake.host).ping()
    assert fake.state.count("GET") == 1


def test_it_keeps_several_calls_within_one_time(fake: FakeRegistry, connect: Connect, pauses: list[float]) -> None:
    client = connect(fake.host).within(1.0)
    push(client, "manifest500/app")
    assert len(pauses) < 3
    assert connect(fake.host).within(0.0).put_manifest("acme/web", "1.0", IMAGE) == IMAGE.digest


@pytest.mark.slow
def test_it_does_not_wait_for_a_registry_that_is_silent(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = connect(f"127.0.0.1:{silent.getsockname()[1]}").within(0.5)
        error = push(client, "acme/web")
    assert "it did not answer in time" in error.message
