"""Whoever copies the pull command of a private image at the own registry is told to log in first."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from registry.models import Tag
from tests.factories import make_admin, make_repository

pytestmark = pytest.mark.django_db
LOGIN = "docker login registry.example.com"


@pytest.fixture
def page(client: Client, settings: Any) -> Any:
    settings.REGISTRY_HOST = "registry.example.com"
    settings.REGISTRY_AUTH = "token"
    client.force_login(make_admin())

    def get(visibility: str) -> str:
        repository = make_repository(visibility=visibility)
        Tag.objects.create(repository=repository, name="latest", digest="sha256:" + "a" * 64)
        return client.get("/r/acme/web/tags/latest").content.decode()

    return get


def test_a_private_repository_wants_a_log_in_first(page: Any) -> None:
    assert page("private").count(f"<code>{LOGIN}</code>") == 2  # in the head and beside the tag


def test_a_public_one_does_not(page: Any) -> None:
    assert LOGIN not in page("public")


def test_nor_does_a_registry_that_is_not_imageyards(page: Any, settings: Any) -> None:
    settings.REGISTRY_AUTH = "none"
    assert LOGIN not in page("private")
