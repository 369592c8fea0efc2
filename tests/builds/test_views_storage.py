"""The pages of storage: disks, what images take up, quotas, build caches; who sees them, and what they do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role
from builds.core.build_cache import CacheReport
from builds.core.disk import Disk, Holds
from builds.models import CachePolicy, CachePrune, Worker
from registry.actions import default_registry
from registry.models import Quota, StoragePoint, StorageSurvey, StorageUse
from tests.builds.pages import words
from tests.factories import make_admin, make_member, make_repository, make_user, make_worker

GB = 10**9
pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


def logged_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin() -> Client:
    return logged_in(make_admin())


@pytest.fixture
def web():
    repository = make_repository("acme/web", owner=make_user("wendy"))
    for of, size in (
        ({"repository": repository}, 2 * GB),
        ({"namespace": repository.namespace}, 3 * GB),
        ({"registry": default_registry()}, 4 * GB),
    ):
        use = StorageUse.objects.create(
            **of, total_bytes=size, unique_bytes=size, reclaimable_bytes=GB, images=7, tags=9, is_estimate=False
        )
        day = timezone.now().date()
        StoragePoint.objects.create(use=use, day=day - timedelta(days=10), total_bytes=size // 2)
        StoragePoint.objects.create(use=use, day=day, total_bytes=size)
    return repository


def test_8_the_storage_page_tells_of_disks_images_growth_and_what_a_clean_up_would_free(admin, web):
    disks = [Disk((Holds.WORK, Holds.ENGINE), GB // 2, 100 * GB, GB), Disk((Holds.DATA,), 50 * GB, 100 * GB, GB)]
    make_worker(disks=[disk.as_json() for disk in disks], low_disks=[disks[0].name])
    said = words(admin.get("/storage"))
    assert "Images take up 4.0 GB under 9 tags. A clean-up would free 1.0 GB." in said
    assert "The disk of builder-1 (work trees, Docker Engine) has 500.0 MB free" in said
    assert "builder-1 500.0 MB free of 100.0 GB" in said
    assert "database and logs · no build starts below 1.0 GB" in said
    assert "It grew by 2.0 GB in 10 days, to 4.0 GB, 1.4 GB a week." in said
    assert "acme/web 2.0 GB 7 images, 9 tags · 1.0 GB would go" in said


def test_pictures_say_in_words_what_they_draw(admin, web):
    html = admin.get("/storage?days=90").content.decode()
    assert 'role="img" aria-label="It grew by 2.0 GB in 10 days, to 4.0 GB, 1.4 GB a week. Between 2.0 GB and' in html


def test_before_anything_was_measured_the_page_says_when_it_will_be(admin):
    said = words(admin.get("/storage"))
    assert "Nothing was measured yet; beat asks for it every hour." in said
    assert "No worker has told of its cache yet" in said


@pytest.mark.parametrize("address", ["/storage", "/storage/caches"])
def test_only_administrators_of_imageyard_see_its_disks(address, web):
    assert logged_in(make_user("wendy")).get(address).status_code == 403
    assert Client().get(address).status_code == 302


@pytest.mark.both_databases
@pytest.mark.parametrize("address", ["/storage/measure", "/storage/caches/policy", "/storage/caches/prune"])
def test_nobody_else_does_anything_there(address, web):
    assert logged_in(make_user("wendy")).post(address, {"host": ""}).status_code == 403
    assert not CachePolicy.objects.exists()


@pytest.mark.both_databases
def test_measuring_is_asked_for(admin):
    assert "It is measured now" in words(admin.post("/storage/measure", follow=True))
    assert StorageSurvey.objects.get().asked_at is not None


def test_8_the_namespace_page_tells_its_members_what_it_takes_up_and_strangers_nothing(web):
    said = words(logged_in(make_user("wendy")).get("/n/acme/storage"))
    assert "3.0 GB" in said
    assert "acme takes up 3.0 GB; it has no quota." in said
    assert "acme/web 2.0 GB" in said
    assert logged_in(make_user("stranger")).get("/n/acme/storage").status_code == 404
    assert logged_in(make_user("stranger")).post("/n/acme/storage/quota", {"limit": "1"}).status_code == 404


@pytest.mark.both_databases
def test_8_a_superuser_sets_the_quota_and_pages_warn_and_then_say_why_pushes_are_denied(admin, web):
    assert "acme has a new quota." in words(admin.post("/n/acme/storage/quota", {"limit": "3.5"}, follow=True))
    member = logged_in(make_member(web.namespace, "reader", Role.READ))
    assert "3.0 GB of its quota of 3.5 GB (85 %)" in words(member.get("/n/acme/storage"))
    admin.post("/n/acme/storage/quota", {"limit": "3"})
    Quota.objects.update(refused_at=timezone.now(), refused_by="wendy")
    said = words(member.get("/n/acme/storage"))
    assert "acme takes up 3.0 GB, and its quota is 3.0 GB: nothing more can be pushed to it." in said
    assert "The last push that was refused was wendy's" in said
    assert "nothing more can be pushed to it" in words(member.get("/r/acme/web"))
    assert "nothing more can be pushed to it" in words(member.get("/r/acme/web/tags"))
    assert "acme has no quota any more." in words(admin.post("/n/acme/storage/quota", {"limit": ""}, follow=True))


@pytest.mark.both_databases
def test_8_administrators_of_a_namespace_set_quotas_of_its_repositories_and_no_others(admin, web):
    wendy = logged_in(make_user("wendy"))
    told = words(wendy.post("/n/acme/storage/quota", {"repository": "web", "limit": "1"}, follow=True))
    assert "acme/web has a new quota." in told
    assert wendy.post("/n/acme/storage/quota", {"limit": "1"}).status_code == 403
    make_repository("tools/db")
    assert wendy.post("/n/acme/storage/quota", {"repository": "db", "limit": "1"}).status_code == 404
    assert logged_in(make_member(web.namespace, "w2", Role.WRITE)).post("/n/acme/storage/quota", {}).status_code == 403


@pytest.mark.parametrize("limit", ["much", "-1", "1e9", "1.23456"])
def test_what_is_no_number_of_gigabytes_is_refused_in_words(admin, web, limit):
    said = words(admin.post("/n/acme/storage/quota", {"limit": limit}, follow=True))
    assert "Give a number of gigabytes" in said
    assert not Quota.objects.exists()


def test_the_overview_tells_size_growth_and_quota_and_strangers_no_quota(admin, web):
    Quota.objects.create(repository=web, limit_bytes=2 * GB)
    type(web).objects.update(visibility="public")
    said = words(logged_in(make_user("wendy")).get("/r/acme/web"))
    assert "Storage acme 2.0 GB 7 images, 9 tags" in said
    assert "nothing more can be pushed" in said
    assert "It grew by 1.0 GB in 10 days" in said
    stranger = words(Client().get("/r/acme/web"))
    assert "Storage 2.0 GB" in stranger
    assert "quota" not in stranger


def report(**fields) -> dict:
    kinds = {"layers and steps": 3 * GB, "contexts": GB}
    document = CacheReport("default", "", 4 * GB, 3 * GB, GB, 12, 9.0, kinds, [], {"today": 4 * GB}).as_json()
    return {**document, **fields}


def test_8_the_cache_of_a_host_is_shown_with_whose_it_is_and_what_would_go(admin, settings):
    make_worker(cache=report())
    settings.CACHE_IS_OWN = False
    said = words(admin.get("/storage/caches"))
    assert "layers and steps 3.0 GB contexts 1.0 GB" in said
    assert "Nothing goes by itself: the builder default may be used by others too." in said
    assert "from the cache of the builder default of builder-1: about 3.0 GB. The next builds take longer." in said
    settings.CACHE_IS_OWN, settings.CACHE_UNUSED_DAYS = True, 30
    assert "Kept: nothing unused for 30 days (from the environment)." in words(admin.get("/storage/caches"))


@pytest.mark.both_databases
def test_8_a_policy_is_set_and_taken_back_and_a_pruning_asked(admin):
    make_worker(cache=report())
    told = words(admin.post("/storage/caches/policy", {"host": "builder-1", "keep": "20", "days": "14"}, follow=True))
    assert "On builder-1 kept is at most 20.0 GB, nothing unused for 14 days." in told
    assert "(set by admin)" in told
    assert 'name="keep" value="20"' in admin.get("/storage/caches").content.decode()
    admin.post("/storage/caches/prune", {"host": "builder-1"})
    assert CachePrune.objects.get().asked_by == "admin"
    said = words(admin.get("/storage/caches"))
    assert "It is being pruned (asked by admin" in said
    assert "Prune now" not in said
    again = words(admin.post("/storage/caches/prune", {"host": "builder-1"}, follow=True))
    assert "The cache of builder-1 is being pruned already." in again
    admin.post("/storage/caches/policy", {"host": "builder-1", "take_back": "1"})
    assert not CachePolicy.objects.exists()
    assert "from 1 to" not in words(admin.post("/storage/caches/policy", {"host": "", "keep": "x"}, follow=True))
    assert not CachePolicy.objects.exists()


def test_a_cache_that_could_not_be_asked_says_why(admin):
    make_worker(cache=report(fault="The builder default did not answer within 120 s."))
    assert "The builder default did not answer within 120 s." in words(admin.get("/storage/caches"))
    assert "The builder default did not answer within 120 s." in words(admin.get("/storage"))


def test_the_queue_page_says_which_disk_keeps_a_worker_back(admin):
    make_worker(disk_fault="The disk of builder-1 (Docker Engine) has 0.4 GB free.")
    said = words(admin.get("/queue"))
    assert "Takes no builds: The disk of builder-1 (Docker Engine) has 0.4 GB free." in said


@pytest.mark.both_databases
def test_pages_ask_the_database_as_often_for_many_as_for_few(admin, web, django_assert_max_num_queries):
    for number in range(12):
        repository = make_repository(f"team{number}/app")
        StorageUse.objects.create(repository=repository, total_bytes=GB)
        StorageUse.objects.create(namespace=repository.namespace, total_bytes=GB)
        disk = Disk((Holds.WORK,), GB, 9 * GB, GB)
        make_worker(f"w{number}", f"host-{number}", disks=[disk.as_json()], cache=report())
    with django_assert_max_num_queries(13):
        admin.get("/storage")
    with django_assert_max_num_queries(10):
        admin.get("/storage/caches")
    with django_assert_max_num_queries(13):
        admin.get("/n/acme/storage")
    assert Worker.objects.count() == 12
