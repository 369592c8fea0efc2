"""A receiver that runs and remembers what it was sent, and subscriptions to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.receiver import Receiver, receiving
from webhooks.actions.subscriptions import SubscriptionDraft, add_subscription
from webhooks.models import Subscription


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def trusted(settings) -> None:
    settings.TRUSTED_HOSTS = frozenset({"127.0.0.1"})


@pytest.fixture
def follow(source, trusted, rings):
    """`follow(url, "failed", …)`: somebody is told of these events of acme/web."""

    def make(target: str, *events: str, kind: str = "webhook", name: str = "robot", **fields: Any) -> Subscription:
        from tests.factories import make_admin

        draft = SubscriptionDraft(kind, name, target, events or ("failed",), **fields)
        return add_subscription(make_admin(), source.repository, draft)[0]

    return make
