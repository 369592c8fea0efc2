"""Fixtures of the registry room's tests: clients that do not sleep, and a fresh repository in the real registry."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from registry.client import RegistryClient
from tests.fake_registry import FakeRegistry, fake_registry
from tests.images import Pusher


class Pauses(list[float]):
    """Stands where `time.sleep` would: notes the pauses and takes none of them."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with fake_registry() as server:
        yield server


@pytest.fixture
def one() -> Iterator[FakeRegistry]:
    """A registry whose blobs belong to repositories: what is copied from."""
    with fake_registry(is_strict=True) as server:
        yield server


@pytest.fixture
def other() -> Iterator[FakeRegistry]:
    """Another such registry: what is copied to."""
    with fake_registry(is_strict=True) as server:
        yield server


@pytest.fixture
def connect(pauses: Pauses) -> Iterator[Callable[..., RegistryClient]]:
    """Makes clients of `host`, which are closed after the test."""
    made: list[RegistryClient] = []

    def make(host: str, username: str = "", password: str = "", **more: object) -> RegistryClient:
        made.append(RegistryClient(host, "http", username, password, **{"wait": pauses, **more}))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def repository() -> str:
    """A name that no other test uses."""
    return f"acme/t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def pusher(registry_host: str, repository: str) -> Iterator[Pusher]:
    """Pushes to `repository` of the real registry."""
    made = Pusher(registry_host, repository)
    yield made
    made.close()


@pytest.fixture
def real(registry_host: str, connect: Callable[..., RegistryClient]) -> RegistryClient:
    return connect(registry_host)
