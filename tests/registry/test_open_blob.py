"""A layer read piece by piece: of a real registry, behind a log-in, and where something is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from registry.client import RegistryClient, RegistryError, RegistryErrorKind
from tests.fake_registry import FakeRegistry
from tests.images import Pusher, make_image, sha256


def test_a_blob_comes_in_pieces_it_is_what_was_pushed(real: RegistryClient, pusher: Pusher, repository: str):
    image = make_image("x" * 300_000)
    pusher.image(image, "1")
    for digest, body in image.blobs.items():
        with real.open_blob(repository, digest, total_s=10) as chunks:
            assert b"".join(chunks) == body


def test_a_blob_that_is_gone_it_says_so(real: RegistryClient, pusher: Pusher, repository: str):
    pusher.image(make_image(), "1")
    with pytest.raises(RegistryError) as raised, real.open_blob(repository, sha256(b"none"), total_s=10) as chunks:
        next(chunks)
    assert raised.value.kind is RegistryErrorKind.NOT_FOUND


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_a_registry_that_wants_a_log_in_it_logs_in(
    fake: FakeRegistry, connect: Callable[..., RegistryClient], auth: str
):
    fake.state.auth = auth
    fake.state.blobs[sha256(b"layer")] = b"layer"
    client = connect(fake.host, "bot", "secret-of-bot")
    with client.open_blob("acme/web", sha256(b"layer"), total_s=10) as chunks:
        assert b"".join(chunks) == b"layer"


def test_what_is_no_digest_it_is_not_asked_for(connect: Callable[..., RegistryClient]):
    with (
        pytest.raises(RegistryError, match="that is not a digest"),
        connect("127.0.0.1:9").open_blob("acme/web", "../../etc", total_s=1),
    ):
        pass


def test_a_registry_that_is_away_it_is_one_sentence(connect: Callable[..., RegistryClient]):
    with (
        pytest.raises(RegistryError, match="cannot be reached"),
        connect("127.0.0.1:9").open_blob("acme/web", sha256(b""), total_s=1),
    ):
        pass
