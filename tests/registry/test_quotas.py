"""Quotas: who sets them, what is refused because of them, and that nothing is ever deleted for one."""

from __future__ import annotations

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, Role
from lib.refusal import Refused
from registry.actions import default_registry, quotas
from registry.actions.entry import Caller
from registry.actions.granting import grant
from registry.core.grants import PULL, PUSH, Ceiling
from registry.core.scopes import parse_scopes
from registry.models import Quota, Repository, StorageUse
from registry.tokens import BuildPass
from tests.factories import make_admin, make_member, make_repository, make_user

GB = 10**9
pytestmark = pytest.mark.django_db


@pytest.fixture
def web(settings) -> Repository:
    settings.REGISTRY_AUTH = "token"
    default_registry()
    return make_repository("acme/web", owner=make_user("wendy"))


def takes_up(thing: object, size: int) -> None:
    name = "repository" if isinstance(thing, Repository) else "namespace"
    StorageUse.objects.update_or_create(**{name: thing}, defaults={"total_bytes": size})


def pushing(user: str, *paths: str) -> dict[str, tuple[str, ...]]:
    caller = Caller(subject=user, user=make_user(user), ceiling=Ceiling())
    wanted = parse_scopes([f"repository:{path}:pull,push" for path in paths])
    return {one.name: one.actions for one in grant(caller, wanted)}


def test_8_superusers_set_the_quota_of_a_namespace_and_its_administrators_that_of_a_repository_below_it(web):
    with pytest.raises(Refused, match="Only administrators of Imageyard"):
        quotas.set_namespace_quota(make_user("wendy"), web.namespace, GB)
    quotas.set_namespace_quota(make_admin(), web.namespace, 10 * GB)
    with pytest.raises(Refused, match="You need the admin role in acme"):
        quotas.set_repository_quota(make_member(web.namespace, "writer", Role.WRITE), web, GB)
    with pytest.raises(Refused, match=r"The quota of acme is 10.0 GB: that of a repository in it cannot be larger\."):
        quotas.set_repository_quota(make_user("wendy"), web, 11 * GB)
    quotas.set_repository_quota(make_user("wendy"), web, 2 * GB)
    assert [use.limit_bytes for use in quotas.quotas_of(web)] == [2 * GB, 10 * GB]
    quotas.set_repository_quota(make_user("wendy"), web, None)
    assert [use.limit_bytes for use in quotas.quotas_of(web)] == [None, 10 * GB]
    assert list(AuditEntry.objects.order_by("pk").values_list("action", "target", "detail")) == [
        ("quota.set", "acme", "10.0 GB"),
        ("quota.set", "acme/web", "2.0 GB"),
        ("quota.set", "acme/web", "no limit"),
    ]


@pytest.mark.parametrize("size", [-1, 2**60])
def test_a_quota_that_makes_no_sense_is_refused(web, size):
    with pytest.raises(Refused, match="a number of bytes"):
        quotas.set_namespace_quota(make_admin(), web.namespace, size)


def test_8_a_push_is_not_granted_where_the_namespace_is_over_its_quota_and_a_pull_still_is(web):
    quotas.set_namespace_quota(make_admin(), web.namespace, 10 * GB)
    takes_up(web.namespace, 10 * GB - 1)
    assert pushing("wendy", "acme/web") == {"acme/web": (PULL, PUSH)}
    takes_up(web.namespace, 10 * GB)
    assert pushing("wendy", "acme/web") == {"acme/web": (PULL,)}


def test_8_a_repository_that_is_full_lets_its_neighbours_be(web):
    make_repository("acme/api")
    quotas.set_repository_quota(make_user("wendy"), web, GB)
    takes_up(web, GB)
    assert pushing("wendy", "acme/web", "acme/api") == {"acme/web": (PULL,), "acme/api": (PULL, PUSH)}


def test_a_push_makes_no_repository_in_a_namespace_that_is_full(web):
    quotas.set_namespace_quota(make_admin(), web.namespace, 0)
    assert pushing("wendy", "acme/new") == {}
    assert not Repository.objects.filter(name="new").exists()


def test_8_what_the_docker_client_cannot_say_is_written_down_once_in_a_while(web):
    quotas.set_namespace_quota(make_admin(), web.namespace, GB)
    takes_up(web.namespace, 2 * GB)
    for _ in range(3):
        pushing("wendy", "acme/web")
    (entry,) = AuditEntry.objects.filter(action="quota.refused")
    assert (entry.actor.username, entry.target) == ("wendy", "acme/web")
    assert Quota.objects.get().refused_by == "wendy"
    Quota.objects.update(refused_at=timezone.now() - quotas.TOLD_EVERY * 2)
    pushing("wendy", "acme/web")
    assert AuditEntry.objects.filter(action="quota.refused").count() == 2


def test_a_stranger_who_may_not_push_anyway_is_not_written_down(web):
    quotas.set_namespace_quota(make_admin(), web.namespace, 0)
    assert pushing("stranger", "acme/web") == {}
    assert not AuditEntry.objects.filter(action="quota.refused").exists()


def test_a_build_that_has_begun_may_push_what_it_built(web):
    quotas.set_namespace_quota(make_admin(), web.namespace, 0)
    given = BuildPass(1, 1, "acme/web", "acme", pushes=True, until=2**31)
    caller = Caller(subject=given.subject, build=given, ceiling=Ceiling())
    (one,) = grant(caller, parse_scopes(["repository:acme/web:pull,push"]))
    assert one.actions == (PULL, PUSH)


def test_8_the_sentence_is_there_for_pages_builds_and_promotions(web):
    assert quotas.push_refusal(web) == ""
    quotas.set_namespace_quota(make_admin(), web.namespace, GB)
    takes_up(web.namespace, 2 * GB)
    assert quotas.push_refusal(web).startswith("acme takes up 2.0 GB, and its quota is 1.0 GB: nothing more can be")


def test_asking_for_many_scopes_costs_as_many_queries_as_for_one(web, django_assert_max_num_queries):
    quotas.set_namespace_quota(make_admin(), web.namespace, GB)
    make_repository("acme/api")
    make_repository("acme/db")
    with django_assert_max_num_queries(5):
        pushing("wendy", "acme/web", "acme/api", "acme/db")
