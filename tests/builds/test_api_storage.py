"""The API's storage: sizes, quotas, disks and build caches; who may, and what everybody else is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role
from builds.core.build_cache import CacheReport
from builds.core.disk import Disk, Holds
from builds.models import CachePolicy, CachePrune
from registry.actions import default_registry
from registry.models import Quota, StoragePoint, StorageUse
from tests.builds.pages import as_user
from tests.factories import make_admin, make_member, make_repository, make_user, make_worker

GB = 10**9
V1 = "/api/v1"
pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    return as_user(make_admin())


@pytest.fixture
def web():
    repository = make_repository("acme/web", owner=make_user("wendy"))
    use = StorageUse.objects.create(repository=repository, total_bytes=2 * GB, unique_bytes=2 * GB, images=3, tags=4)
    StoragePoint.objects.create(use=use, day=timezone.now().date() - timedelta(days=3), total_bytes=GB)
    StorageUse.objects.create(namespace=repository.namespace, total_bytes=3 * GB)
    StorageUse.objects.create(registry=default_registry(), total_bytes=4 * GB)
    return repository


def send(client: Client, method: str, path: str, body: Any = None) -> Any:
    return getattr(client, method)(f"{V1}{path}", body, content_type="application/json")


def test_8_the_disks_and_registries_are_for_administrators(admin, web):
    disk = Disk((Holds.ENGINE,), GB // 2, 100 * GB, GB)
    make_worker(disks=[disk.as_json()], low_disks=[disk.name])
    found = send(admin, "get", "/storage").json()
    assert {"host": "builder-1", "low": True}.items() <= found["disks"][-1].items()
    assert "builds start only with" in found["disks"][-1]["sentence"]
    assert found["registries"][0]["use"]["bytes"] == 4 * GB
    for path in ("/storage", "/storage/caches", "/storage/caches/prunes"):
        assert send(as_user(make_user("wendy")), "get", path).status_code == 403


def test_8_a_repository_tells_its_size_and_history_and_members_their_quotas(admin, web):
    send(admin, "put", "/namespaces/acme/quota", {"limit_bytes": 4 * GB})
    found = send(as_user(make_user("wendy")), "get", "/repositories/acme/web/storage").json()
    assert found["use"]["bytes"] == 2 * GB
    assert [point["bytes"] for point in found["use"]["history"]] == [GB]
    assert [quota["level"] for quota in found["quotas"]] == ["none", "ok"]
    type(web).objects.update(visibility="public")
    assert send(as_user(make_user("stranger")), "get", "/repositories/acme/web/storage").json()["quotas"] == []
    make_repository("tools/db")
    assert send(as_user(make_user("stranger")), "get", "/repositories/tools/db/storage").status_code == 404


def test_what_was_not_measured_is_null(admin):
    make_repository("acme/new")
    use = send(admin, "get", "/repositories/acme/new/storage").json()["use"]
    assert (use["bytes"], use["measured_at"], use["history"]) == (None, None, [])


def test_8_quotas_are_set_by_whom_the_pages_let_and_refused_in_words(admin, web):
    told = send(admin, "put", "/namespaces/acme/quota", {"limit_bytes": 3 * GB}).json()
    assert (told["level"], told["limit_bytes"]) == ("over", 3 * GB)
    wendy = as_user(make_user("wendy"))
    assert send(wendy, "put", "/namespaces/acme/quota", {"limit_bytes": 1}).status_code == 403
    refused = send(wendy, "put", "/repositories/acme/web/quota", {"limit_bytes": 4 * GB})
    assert refused.status_code == 422
    assert "cannot be larger" in refused.json()["detail"]
    assert send(wendy, "put", "/repositories/acme/web/quota", {"limit_bytes": GB}).status_code == 200
    writer = as_user(make_member(web.namespace, "writer", Role.WRITE))
    assert send(writer, "put", "/repositories/acme/web/quota", {"limit_bytes": None}).status_code == 403
    assert send(admin, "put", "/namespaces/acme/quota", {"limit_bytes": None}).json()["level"] == "none"
    assert Quota.objects.count() == 1
    assert send(as_user(make_user("stranger")), "get", "/namespaces/acme/storage").status_code == 404


def test_8_build_caches_their_policies_and_prunings(admin):
    make_worker(cache=CacheReport("default", "", 4 * GB, 3 * GB, GB, 12, 9.0, {"contexts": GB}).as_json())
    limits = {"keep_bytes": 20 * GB, "unused_days": 14}
    assert send(admin, "put", "/storage/caches/policy?host=builder-1", limits).status_code == 204
    (cache,) = send(admin, "get", "/storage/caches").json()["items"]
    assert {**limits, "host": "builder-1", "total_bytes": 4 * GB, "may_prune": True}.items() <= cache.items()
    asked = send(admin, "post", "/storage/caches/prunes?host=builder-1", {})
    assert (asked.status_code, asked.json()["state"]) == (202, "asked")
    assert send(admin, "post", "/storage/caches/prunes?host=builder-1", {}).status_code == 409
    assert send(admin, "post", "/storage/caches/prunes?host=nowhere", {}).status_code == 404
    assert send(admin, "delete", "/storage/caches/policy?host=builder-1").status_code == 204
    assert not CachePolicy.objects.exists()
    assert send(as_user(make_user()), "post", "/storage/caches/prunes?host=builder-1", {}).status_code == 403


def test_prunings_are_listed_newest_first_and_paged(admin):
    for number in range(3):
        CachePrune.objects.create(host=f"h{number}", cause="policy", state="done", freed_bytes=number)
    first = send(admin, "get", "/storage/caches/prunes?limit=2").json()
    assert [prune["freed_bytes"] for prune in first["items"]] == [2, 1]
    rest = send(admin, "get", f"/storage/caches/prunes?limit=2&cursor={first['next']}").json()
    assert ([prune["freed_bytes"] for prune in rest["items"]], rest["next"]) == ([0], None)


def test_8_workers_tell_their_disks(admin):
    disk = Disk((Holds.WORK,), GB // 2, 100 * GB, GB)
    make_worker(disks=[disk.as_json()], low_disks=[disk.name], disk_fault="The disk of builder-1 is low.")
    (worker,) = send(admin, "get", "/workers").json()["items"]
    assert worker["disk_fault"] == "The disk of builder-1 is low."
    assert worker["takes_builds"] is False
    assert worker["disks"][0]["low"] is True
