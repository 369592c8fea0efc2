"""The numbers of a repository's builds: from 1, each once, and with two queries."""

from __future__ import annotations

import pytest

from builds.actions.request import next_number
from tests.factories import make_repository

pytestmark = pytest.mark.django_db


def test_each_repository_counts_for_itself_from_one(django_assert_num_queries):
    one, other = make_repository("acme/one"), make_repository("acme/other")
    assert [next_number(one.pk), next_number(one.pk), next_number(other.pk)] == [1, 2, 1]
    with django_assert_num_queries(2):
        assert next_number(one.pk) == 3
