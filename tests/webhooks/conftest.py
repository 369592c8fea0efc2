"""A linked source with one rule, and doorbells that are counted instead of sent."""

from __future__ import annotations

import pytest

from tests.factories import make_rule, make_source


@pytest.fixture
def source(db):
    """acme/web, built from its branch `main`."""
    source = make_source()
    make_rule(source)
    return source


@pytest.fixture
def rings(monkeypatch) -> list[str]:
    """The names of the tasks that were asked for, in order; nothing is sent."""
    from lib import queue

    sent: list[str] = []
    monkeypatch.setattr(queue, "_send", lambda name, *_: sent.append(name))
    return sent
