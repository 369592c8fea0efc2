"""Forges that run: each on a port of its own, with what they were asked and what was wrong with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.forge_server import SERVERS, TOKEN, Forge, GitHubServer, serving
from webhooks.forges import Access, opened


@pytest.fixture(params=sorted(SERVERS))
def forge(request) -> Iterator[Forge]:
    """Every forge, one after the other. What it objected to fails the test."""
    with serving(SERVERS[request.param]()) as running:
        yield running
    assert running.problems == []


@pytest.fixture
def github() -> Iterator[GitHubServer]:
    with serving(GitHubServer()) as running:
        yield running
    assert running.problems == []


@pytest.fixture
def ask():
    """`with ask(forge) as client`: the client of a running forge."""

    def make(forge: Forge, **fields):
        fields = {"token": TOKEN, "owner": "acme" if forge.kind == "bitbucket" else "", **fields}
        return opened(Access(forge.kind, forge.api_url, **fields), {forge.host})

    return make
