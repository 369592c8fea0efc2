"""Fixtures every test may ask for: where the replay corpora are. Rooms keep their own fixtures beside their tests."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

# Few random inputs where a person waits; as many as Hypothesis likes in the stage that has the time.
settings.register_profile("few", max_examples=20, deadline=None)
settings.register_profile("many", max_examples=100, deadline=None)

pytest_plugins = ["tests.real_parts", "tests.stages", "tests.together", "tests.one_database"]

DATA = Path(__file__).parent / "data"
LONG_FILES = {
    "test_every_page",
    "test_every_tab",
    "test_keyboard",
    "test_lost_parts",
    "test_nothing_is_lost",
    "test_supervisor",
}
LONG_FOLDERS = {"browser", "functional"}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take a minute come first: at the end one of them would keep one processor and leave the other idle."""
    items.sort(
        key=lambda item: 0 if item.path.stem in LONG_FILES else 1 if item.path.parent.name in LONG_FOLDERS else 2
    )


def pytest_collection_finish() -> None:
    """What thousands of tests are made of stays until the end: looking for garbage in it took a sixth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """As it is, and a cheap way back to it for tests that commit."""
    from django.test import TransactionTestCase

    from tests.emptying import teardown

    TransactionTestCase._fixture_teardown = teardown


@pytest.fixture(scope="session")
def data() -> Path:
    """The recordings that belong to this project, `tests/data/`."""
    return DATA


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Recordings published by others, which are read where they are and not copied into the project."""
    folder = os.environ.get("IMAGEYARD_CORPORA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("IMAGEYARD_CORPORA does not name a folder: the published corpora are not on this machine")
    return Path(folder)


@pytest.fixture
def own_clock(db) -> None:
    """For tests that set the clock: leases and pauses go by the database's, which on PostgreSQL no test sets."""
    from django.db import connection

    if connection.vendor == "postgresql":
        pytest.skip("leases and pauses go by PostgreSQL's own clock, which no test sets")
