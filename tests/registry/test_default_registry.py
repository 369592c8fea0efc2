"""The registry that images go to: made at first use, another where the environment names another."""

from __future__ import annotations

import pytest

from registry.actions import default_registry
from registry.models import Registry

pytestmark = pytest.mark.django_db


def test_it_is_made_at_first_use_and_read_with_one_query_from_then_on(settings, django_assert_num_queries):
    with django_assert_num_queries(5):  # two looks, and a row in a savepoint
        made = default_registry()
    assert (made.host, made.is_default, made.namespace) == (settings.REGISTRY_HOST, True, None)
    with django_assert_num_queries(1):
        assert default_registry() == made


def test_another_host_in_the_environment_it_takes_from_then_on(settings):
    first = default_registry()
    settings.REGISTRY_HOST = "registry.example.com"
    second = default_registry()
    assert (second.host, second.is_default) == ("registry.example.com", True)
    assert [row.pk for row in Registry.objects.filter(is_default=True)] == [second.pk]
    settings.REGISTRY_HOST = first.host
    assert (default_registry(), Registry.objects.count()) == (first, 2)
