"""Fixtures for builds without any service: doorbells are counted instead of sent."""

from __future__ import annotations

import pytest

from tests.builds.pages import owner, reader, repository, stranger, writer  # noqa: F401 — fixtures of page tests


@pytest.fixture
def rings(monkeypatch) -> list[str]:
    """The names of the tasks that were asked for, in order; nothing is sent."""
    from lib import queue

    sent: list[str] = []
    monkeypatch.setattr(queue, "_send", lambda name, *_: sent.append(name))
    return sent
