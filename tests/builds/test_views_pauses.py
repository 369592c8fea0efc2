"""The queue page's buttons, gauges, filters and pages, and what it says of workers that are gone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Role
from builds.actions import pauses
from builds.models import Pause, Worker
from tests.builds.pages import as_user, words
from tests.builds.test_pauses import other_build
from tests.factories import (
    make_admin,
    make_build,
    make_member,
    make_repository,
    make_rule,
    make_source,
    make_user,
    make_worker,
)

pytestmark = pytest.mark.django_db
WORKER_POSTS = ["pause", "drain", "keep", "forget"]


def every_post() -> list[str]:
    worker, pause = make_worker(), pauses.pause_host(make_admin(), make_worker("w2", "builder-2").host, "x")
    return [
        "/queue/pause",
        f"/queue/pauses/{pause.pk}/resume",
        *(f"/queue/workers/{worker.pk}/{do}" for do in WORKER_POSTS),
    ]


def test_only_an_administrator_pauses_drains_and_forgets():
    staff = make_user("stan", is_staff=True)
    for address in every_post():
        member = as_user(make_member(make_repository().namespace, "olga", Role.OWNER))
        assert member.post(address, {"reason": "mine"}).status_code == 403, address
        assert as_user(staff).post(address, {"reason": "mine"}).status_code == 403, address
    assert Pause.objects.count() == 1
    assert not Worker.objects.exclude(drain_asked_at=None).exists()


@pytest.mark.one_database
def test_looking_changes_nothing():
    admin = as_user(make_admin())
    for address in every_post():
        assert admin.get(address).status_code == 405


@pytest.mark.one_database
def test_it_shows_the_buttons_to_administrators_alone(client):
    make_worker()
    page = as_user(make_admin()).get("/queue").content.decode()
    assert "Pause the queue" in page
    assert 'aria-label="Drain builder-1"' in page
    page = as_user(make_user("sam")).get("/queue").content.decode()
    assert "Pause" not in page
    assert "Drain" not in page


def test_pausing_and_resuming_on_the_page_is_told_to_everybody():
    worker = make_worker()
    admin, other = as_user(make_admin()), as_user(make_user("sam"))
    assert "The queue is paused. What runs goes on." in words(
        admin.post("/queue/pause", {"reason": "disk exchange"}, follow=True)
    )
    admin.post(f"/queue/workers/{worker.pk}/pause", {"reason": "new memory"})
    page = words(other.get("/queue"))
    assert "The queue is paused. Paused by admin since" in page
    assert ": disk exchange." in page
    assert ": new memory. What runs goes on." in page
    home = words(other.get("/"))
    assert "The queue is paused Paused by admin since" in home
    assert "builder-1 is paused" in home
    for pause in Pause.objects.all():
        admin.post(f"/queue/pauses/{pause.pk}/resume")
    assert "paused" not in words(other.get("/queue"))
    assert "That pause has ended already." in words(admin.post("/queue/pauses/999/resume", follow=True))


def test_a_reason_is_text_and_nothing_else():
    admin = as_user(make_admin())
    admin.post("/queue/pause", {"reason": "<script>alert(1)</script>"})
    page = admin.get("/queue").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


GONE = [
    ({"stopped_at": True, "draining_since": True, "drain_asked_at": True}, "Drained by admin; it left in good order."),
    ({"stopped_at": True, "draining_since": True}, "It was shut down and left in good order."),
    ({"stopped_at": True}, "It ended without a word; the next worker of its host freed what it left."),
    ({}, "It fell silent: killed, cut off or hung."),
]


@pytest.mark.parametrize(("marks", "sentence"), GONE)
def test_it_says_what_became_of_a_worker_that_is_gone_and_forgets_it_when_told(marks, sentence):
    long_ago = timezone.now() - timedelta(minutes=5)
    worker = make_worker(seen_at=long_ago, drain_asked_by="admin", **dict.fromkeys(marks, long_ago))
    admin = as_user(make_admin())
    assert sentence in words(admin.get("/queue"))
    admin.post(f"/queue/workers/{worker.pk}/forget")
    assert not Worker.objects.exists()


def test_a_paused_host_without_a_worker_can_be_resumed():
    make_worker(stopped_at=timezone.now())
    pause = pauses.pause_host(make_admin(), "builder-1", "disk exchange")
    admin = as_user(make_admin())
    assert "No worker of it is here; one that comes stays paused." in words(admin.get("/queue"))
    admin.post(f"/queue/pauses/{pause.pk}/resume")
    assert not Pause.objects.exists()


@pytest.mark.one_database
def test_it_shows_how_a_worker_is():
    now = timezone.now()
    make_worker(
        disk_free_bytes=91 * 10**9,
        disk_total_bytes=100 * 10**9,
        memory_free_bytes=1 * 10**9,
        memory_total_bytes=16 * 10**9,
        cpus=4,
        load=1.26,
        started_at=now - timedelta(hours=3),
        seen_at=now,
    )
    for minutes in (5, 50, 70):
        make_build(state="failed", attempt=1, worker="w1", finished_at=now - timedelta(minutes=minutes))
    page = words(as_user(make_admin()).get("/queue"))
    for part in ("91.0 GB free of 100.0 GB", "1.0 GB free of 16.0 GB", "1.3 on 4 CPUs", "2 builds", "3 h 00 m"):
        assert part in page, part


def test_it_filters_the_queue_by_namespace_and_repository_and_keeps_places():
    for name in ("acme/web", "acme/api", "other/web"):
        other_build(name)
    admin = as_user(make_admin())
    for search, names in [("acme/", ["web", "api"]), ("other", ["web"]), ("acme/a", ["api"]), ("zzz", [])]:
        page = words(admin.get("/queue", {"q": search}))
        assert [name for name in ("web", "api") if f"/{name} #1" in page] == names
        assert ("Nothing of that waits" in page) == (not names)
    assert "3 other/web #1" in words(admin.get("/queue", {"q": "other"}))


def test_it_pages_a_long_queue():
    rule = make_rule(make_source(make_repository("acme/web")))
    for number in range(61):
        make_build(rule, commit=f"{number:040x}")
    admin = as_user(make_admin())
    assert "1–50 of 61" in words(admin.get("/queue"))
    page = words(admin.get("/queue?page=2"))
    assert "acme/web #61" in page
    assert "acme/web #12 " not in page


def test_it_says_how_many_wait_for_an_approval():
    make_build(hold="approval", pull_request={"number": 3})
    assert "1 build of pull requests from forks waits for a member's approval" in words(
        as_user(make_admin()).get("/queue")
    )


def test_it_does_not_find_private_builds_of_others_by_their_name():
    other_build("secret/plan")
    assert "Nothing of that waits" in words(as_user(make_user("sam")).get("/queue", {"q": "secret"}))
