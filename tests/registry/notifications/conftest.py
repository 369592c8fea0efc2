"""Fixtures of what the own registry tells: a registry in memory that counts as the own one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from registry.core.manifest import Manifest
from registry.core.patience import ONCE
from registry.errands import compare, told
from registry.models import Repository
from tests.factories import make_repository
from tests.fake_registry import FakeRegistry, fake_registry
from tests.images import make_image
from tests.registry.notifications.told import PATH


@pytest.fixture
def rings(monkeypatch) -> list[str]:
    """The names of the tasks that were asked for, in order; nothing is sent."""
    from lib import queue

    sent: list[str] = []
    monkeypatch.setattr(queue, "_send", lambda name, *_: sent.append(name))
    return sent


@pytest.fixture
def fake(db, settings, monkeypatch, rings) -> Iterator[FakeRegistry]:
    """A registry that is the own one, as far as the settings say."""
    with fake_registry() as server:
        settings.REGISTRY_AUTH, settings.REGISTRY_HOST, settings.REGISTRY_SCHEME = "token", server.host, "http"
        settings.REGISTRY_STORAGE = ""
        for errand in (told, compare):
            monkeypatch.setattr(errand, "PATIENCE", ONCE)
        yield server


@pytest.fixture
def repository(fake) -> Repository:
    made = make_repository(PATH)
    assert made.registry.is_own
    return made


@pytest.fixture
def has(fake) -> Callable[..., Manifest]:
    """Puts an image under tags of the registry, past everybody; `image` names its content, None takes the tags away."""

    def put(*tags: str, image: str | None, path: str = PATH) -> Manifest | None:
        if image is None:
            for tag in tags:
                fake.state.manifests.pop((path, tag), None)
            return None
        made = make_image(image)
        fake.state.blobs |= made.blobs
        for reference in (*tags, made.manifest.digest):
            fake.state.manifests[path, reference] = (made.manifest.media_type, made.manifest.body)
        return made.manifest

    return put
