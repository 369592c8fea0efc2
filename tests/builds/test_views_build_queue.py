"""The queue page: who waits for what, who works at what, and that private builds stay nameless to others."""

from __future__ import annotations

import pytest
from django.utils import timezone

from accounts.models import Role
from builds.models import Step, Worker
from tests.factories import make_admin, make_build, make_member, make_repository, make_rule, make_source

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


def rule_in(path: str):
    return make_rule(make_source(make_repository(path)))


def make_worker(name: str = "w1", **fields) -> Worker:
    return Worker.objects.create(**{"name": name, "host": "builder-1", "slots": 2, **fields})


@pytest.fixture
def admin(client):
    client.force_login(make_admin())
    return client


def test_it_wants_somebody_who_is_logged_in(client):
    for page in ("/queue", "/queue/fragment"):
        assert client.get(page).status_code == 302


def test_it_says_that_nothing_waits_and_that_no_worker_is_there(admin):
    page = admin.get("/queue").content.decode()
    assert "Nothing waits; no worker is connected." in page
    assert "<code>make up</code>" in page


@pytest.mark.both_databases
def test_it_lists_waiting_builds_in_the_order_they_start_with_their_sentences(admin):
    make_worker(slots=1)
    make_build(rule_in("acme/busy"), state="building", attempt=1, worker="w1", started_at=timezone.now())
    pushed = make_build(rule_in("acme/web"))
    manual = make_build(rule_in("acme/api"), cause="manual", priority=10)
    page = admin.get("/queue/fragment").content.decode()
    assert page.index(f"acme/api #{manual.number}") < page.index(f"acme/web #{pushed.number}")
    assert "1 build is ahead." in page


def test_it_shows_what_each_worker_does(admin):
    make_worker(disk_free_bytes=91 * 10**9, builder="Docker 28.5")
    build = make_build(rule_in("acme/web"), state="building", attempt=1, worker="w1", started_at=timezone.now())
    Step.objects.create(build=build, attempt=1, index=0, name="RUN make all", state="running")
    page = admin.get("/queue").content.decode()
    for part in (f"acme/web #{build.number}", "RUN make all", "1 of 2 slots", "91.0 GB", "Docker 28.5", "free slot"):
        assert part in page


def test_it_says_what_is_wrong_with_a_worker(admin):
    make_worker("w1", builder_fault="its Docker Engine does not answer.")
    make_worker("w2", draining_since=timezone.now())
    make_build(rule_in("acme/web"), state="building", attempt=1, worker="gone", started_at=timezone.now())
    page = admin.get("/queue").content.decode()
    assert "Takes no builds: its Docker Engine does not answer." in page
    assert "Shuts down: it ends what it has" in page
    assert "This worker does not report any more." in page


def test_it_counts_private_builds_of_others_without_naming_them(client):
    make_worker()
    make_build(rule_in("secret/plan"), ref="main")
    make_build(rule_in("secret/other"), state="building", attempt=1, worker="w1", started_at=timezone.now())
    client.force_login(make_member(make_repository("acme/web").namespace, "reader", Role.READ))
    page = client.get("/queue").content.decode()
    assert "secret" not in page
    assert page.count("a build of a private repository") == 2
    assert "1 build waits" in page


@pytest.mark.both_databases
def test_it_asks_as_much_of_the_database_for_many_builds_as_for_few(admin, django_assert_max_num_queries):
    make_worker()
    for number in range(30):
        make_build(rule_in(f"acme/app{number}"))
    with django_assert_max_num_queries(19):
        admin.get("/queue")
