"""The check before a build: a refusal is told at once, a pass counts for minutes, and all of it is counted."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from registry.client import RegistryError
from registry.core.kinds import Kind
from registry.errands.before_push import check_before_push
from registry.models import Registry
from tests.fake_registry import FakeRegistry
from tests.odd_registry import odd_registry

pytestmark = pytest.mark.django_db
RATE = {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "3;w=21600"}


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    cache.clear()


@pytest.fixture
def fake():
    with odd_registry(auth="bearer", tells=True) as server:
        yield server


def registry(fake: FakeRegistry, **fields) -> Registry:
    given = {"name": "r", "host": fake.host, "scheme": "http", "username": "bot", "password": "secret-of-bot", **fields}
    return Registry.objects.create(**given)


def refused(row: Registry, path: str = "acme/web") -> RegistryError:
    with pytest.raises(RegistryError) as caught:
        check_before_push(row, path, wait=lambda _: None)
    return caught.value


def test_a_pass_counts_for_minutes_and_for_its_place_alone(fake: FakeRegistry) -> None:
    row = registry(fake)
    check_before_push(row, "acme/web")
    before = len(fake.state.asked)
    check_before_push(row, "acme/web")
    assert len(fake.state.asked) == before
    check_before_push(row, "acme/other")
    assert len(fake.state.asked) > before
    row.refresh_from_db()
    assert (row.checks_good, row.checks_failed) == (2, 0)
    assert row.last_used_at is not None


def test_a_refusal_is_told_and_counted_and_asked_again(fake: FakeRegistry) -> None:
    row = registry(fake)
    fake.state.may_push = False
    error = refused(row)
    assert f"{fake.host} refused the push of acme/web: the account `bot` may not write there." in error.message
    assert not error.retryable
    row.refresh_from_db()
    assert (row.checks_failed, row.last_error) == (1, error.message)
    fake.state.may_push = True
    check_before_push(row, "acme/web")


def test_another_password_is_another_check(fake: FakeRegistry) -> None:
    row = registry(fake)
    check_before_push(row, "acme/web")
    row.password = "wrong"
    assert "does not accept the account `bot`" in refused(row).message


def test_a_registry_that_is_down_may_come_back() -> None:
    with odd_registry(page=b"<title>503</title>") as fake:
        assert refused(registry(fake)).retryable
    with odd_registry() as gone:
        row = registry(gone, name="gone")
    assert refused(row).retryable


def test_one_without_an_account_is_only_asked_whether_it_answers() -> None:
    with odd_registry() as fake:
        check_before_push(registry(fake, username="", password=""), "acme/web")
        assert {method for method, _ in fake.state.asked} == {"GET"}


def test_the_pulls_that_are_left_are_noted_on_the_way() -> None:
    with odd_registry(auth="bearer", tells=True, always=RATE) as fake:
        row = registry(fake, kind=Kind.DOCKER_HUB)
        check_before_push(row, "acme/web")
    row.refresh_from_db()
    assert row.rate_remaining == 3


def test_our_own_registry_is_asked_for_no_account(settings) -> None:
    with odd_registry() as fake:
        settings.REGISTRY_AUTH, settings.REGISTRY_HOST = "token", fake.host
        check_before_push(registry(fake, username="", password=""), "acme/web")
        assert fake.state.count("POST") == 0
