"""Whole Imageyards for the functional tests of a session, on real parts: one to build with, one to break."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.yard import Yard, running_yard


@pytest.fixture(scope="session")
def yard(redis_url: str, registry_host: str, docker_host: str, base_image: str) -> Iterator[Yard]:
    folder = Path(tempfile.mkdtemp(prefix="iy-yard-", dir="/tmp"))
    with running_yard(folder, redis_url=redis_url, registry=registry_host, docker_host=docker_host) as yard:
        yield yard
