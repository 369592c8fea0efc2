"""Forges that run: each on a port of its own, with what they were asked and what was wrong with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from tests.forge_server import SERVERS, TOKEN, Forge, GitHubServer, serving
from webhooks.forges import Access, opened
from webhooks.models import ForgeConnection, SourceLink


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


def link(source, forge: Forge) -> None:
    """Connect the source's namespace to a running forge, and the source to its repository `acme/web`."""
    connection = ForgeConnection.objects.create(
        namespace=source.repository.namespace,
        name="Robot",
        forge=forge.kind,
        api_url=forge.api_url,
        token=TOKEN,
        owner="acme" if forge.kind == "bitbucket" else "",
    )
    SourceLink.objects.create(source=source, connection=connection, full_name="acme/web")


@pytest.fixture
def linked(source, forge, settings):
    settings.TRUSTED_HOSTS = frozenset({forge.host})
    link(source, forge)
    return source


@pytest.fixture
def linked_github(source, github, settings):
    settings.TRUSTED_HOSTS = frozenset({github.host})
    link(source, github)
    return source


@pytest.fixture(autouse=True)
def _empty_cache():
    cache.clear()
