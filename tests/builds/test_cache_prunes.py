"""Build caches: the policy and whose word it is, prunings that one worker carries out, room made below the limit."""

from __future__ import annotations

import fcntl
import os
import socket
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from builds.actions import cache_prunes
from builds.actions.claim import claim_next
from builds.actions.disks import report_disks
from builds.core.build_cache import CacheLimits, CacheRecord, CacheReport
from builds.core.disk import Disk, Holds
from builds.engine.buildcache import BuildCache, CacheFault
from builds.engine.stopflag import StopFlag
from builds.models import Build, CachePrune, Worker
from builds.pipeline import housekeeping
from lib.refusal import Refused
from tests.factories import make_admin, make_build, make_user, make_worker
from tests.own_engine import cached, own_engine

__all__ = ["cached", "own_engine"]

GB = 10**9
DAY = 86400
HOST = socket.gethostname()
pytestmark = pytest.mark.django_db


class Cache:
    """Stands where a builder's cache would: three records, and what was asked of it."""

    name = "default"

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.pruned: list[CacheLimits] = []

    def records(self, stop: StopFlag | None = None) -> list[CacheRecord]:
        if self.fault:
            raise CacheFault(self.fault)
        return [CacheRecord(str(n), 10 * GB, "regular", "RUN make", True, n == 2, n * 10 * DAY) for n in range(3)]

    def prune(self, limits: CacheLimits, stop: StopFlag | None = None) -> int:
        if self.fault:
            raise CacheFault(self.fault)
        self.pruned.append(limits)
        return 3 * GB


@pytest.fixture
def cache(monkeypatch) -> Cache:
    made = Cache()
    monkeypatch.setattr(housekeeping, "own_cache", lambda: made)
    return made


@pytest.fixture
def worker(settings) -> Worker:
    settings.CACHE_IS_OWN, settings.CACHE_KEEP_BYTES, settings.CACHE_UNUSED_DAYS = True, 0, 30
    return make_worker(host=HOST)


def carry_out(worker: Worker) -> bool:
    return housekeeping.carry_out_prune(HOST, worker.name, StopFlag())


def test_8_an_own_cache_goes_by_the_environment_and_one_of_others_by_an_administrators_word_alone(settings):
    settings.CACHE_KEEP_BYTES, settings.CACHE_UNUSED_DAYS = 20 * GB, 30
    settings.CACHE_IS_OWN = True
    assert cache_prunes.policy_of("h") == cache_prunes.Policy(CacheLimits(20 * GB, 30), True)
    settings.CACHE_IS_OWN = False
    assert cache_prunes.policy_of("h") == cache_prunes.Policy(CacheLimits(), False)
    make_worker(host="h")
    cache_prunes.set_policy(make_admin(), "", CacheLimits(5 * GB))
    cache_prunes.set_policy(make_admin(), "h", CacheLimits(None, 7))
    assert cache_prunes.policy_of("h") == cache_prunes.Policy(CacheLimits(None, 7), True, "admin", "h")
    assert cache_prunes.policy_of("other").limits == CacheLimits(5 * GB)
    cache_prunes.set_policy(make_admin(), "h", None)
    assert cache_prunes.policy_of("h").limits == CacheLimits(5 * GB)
    assert list(AuditEntry.objects.values_list("action", "target", "detail").order_by("pk")) == [
        ("cache.policy", "every host", "at most 5.0 GB"),
        ("cache.policy", "h", "nothing unused for 7 days"),
        ("cache.policy", "h", "taken back"),
    ]


@pytest.mark.parametrize(
    ("limits", "said"),
    [(CacheLimits(-1), "a number of bytes"), (CacheLimits(None, 0), "from 1 to 3,650"), (CacheLimits(2**61), "bytes")],
)
def test_a_policy_that_makes_no_sense_is_refused_in_words(limits, said):
    with pytest.raises(Refused, match=said):
        cache_prunes.set_policy(make_admin(), "", limits)


def test_only_administrators_say_what_is_kept_and_what_goes(worker):
    for ask in (
        lambda: cache_prunes.set_policy(make_user(), HOST, CacheLimits(1)),
        lambda: cache_prunes.ask_prune(make_user(), HOST, CacheLimits()),
    ):
        with pytest.raises(Refused, match="Only administrators"):
            ask()


def test_8_a_pruning_by_hand_is_carried_out_once_and_written_down(worker, cache):
    cache_prunes.ask_prune(make_admin(), HOST, CacheLimits())
    with pytest.raises(Refused, match="is being pruned already"):
        cache_prunes.ask_prune(make_admin(), HOST, CacheLimits())
    assert carry_out(worker)
    assert not carry_out(worker)
    (prune,) = CachePrune.objects.all()
    assert (prune.state, prune.freed_bytes, prune.builder, prune.asked_by) == ("done", 3 * GB, "default", "admin")
    assert prune.sentence == "3.0 GB of build cache of the builder default went."
    assert cache.pruned == [CacheLimits(keep_bytes=0)]


def test_nobody_prunes_where_no_worker_reports():
    with pytest.raises(Refused, match="nobody could prune there"):
        cache_prunes.ask_prune(make_admin(), "nowhere", CacheLimits())


def test_a_builder_that_refuses_ends_the_pruning_with_its_words(worker, cache):
    cache.fault = "The builder default refused: not now."
    cache_prunes.ask_prune(make_admin(), HOST, CacheLimits())
    assert carry_out(worker)
    (prune,) = CachePrune.objects.all()
    assert (prune.state, prune.freed_bytes, prune.sentence) == ("failed", None, cache.fault)


def test_a_pruning_whose_worker_died_is_taken_over_and_the_dead_ones_word_counts_for_nothing(worker):
    cache_prunes.ask_prune(make_admin(), HOST, CacheLimits())
    first = cache_prunes.take_prune(HOST, "dead")
    assert first is not None
    assert cache_prunes.take_prune(HOST, worker.name) is None
    CachePrune.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
    second = cache_prunes.take_prune(HOST, worker.name)
    assert second is not None
    assert not cache_prunes.renew_prune(first)
    assert not cache_prunes.end_prune(first, builder="", freed_bytes=1, sentence="")
    assert cache_prunes.end_prune(second, builder="b", freed_bytes=2, sentence="")


def test_8_the_policy_is_carried_out_when_the_host_is_idle_and_there_is_something_to_do(worker, cache):
    cache_prunes.set_policy(make_admin(), HOST, CacheLimits(15 * GB))
    assert not housekeeping.plan_policy(HOST, worker.name), "nothing is known of the cache yet"
    housekeeping.look_at_cache(worker.name, StopFlag())
    make_build()
    assert claim_next(worker.name) is not None
    assert not housekeeping.plan_policy(HOST, worker.name), "a build runs"
    Build.objects.all().delete()
    assert housekeeping.plan_policy(HOST, worker.name)
    assert carry_out(worker)
    assert cache.pruned == [CacheLimits(15 * GB)]
    assert not housekeeping.plan_policy(HOST, worker.name), "it had its turn within the hour"


def test_8_the_cache_of_others_is_not_pruned_by_any_policy_nor_for_a_disk(worker, cache, settings, monkeypatch):
    settings.CACHE_IS_OWN = False
    cache_prunes.report_cache(worker.name, CacheReport(total_bytes=10**15, oldest_s=10**9))
    assert not housekeeping.plan_policy(HOST, worker.name)
    low = Disk((Holds.ENGINE,), 0, 100 * GB, GB)
    monkeypatch.setattr(housekeeping, "measure_disks", lambda: (low,))
    assert housekeeping.plan_room(HOST)
    assert carry_out(worker)
    assert cache.pruned == []
    assert CachePrune.objects.get().sentence == "Its build cache is shared with others and was left alone."


def test_8_below_the_limit_a_worker_prunes_its_own_cache_just_enough_and_says_so(worker, cache, monkeypatch):
    low = Disk((Holds.ENGINE,), GB // 2, 100 * GB, GB)
    monkeypatch.setattr(housekeeping, "measure_disks", lambda: (low,))
    assert housekeeping.plan_room(HOST)
    assert not housekeeping.plan_room(HOST), "not with every report"
    assert carry_out(worker)
    # 20 GB are the cache's alone; three quarters of a GB are missing.
    assert cache.pruned == [CacheLimits(keep_bytes=20 * GB - 3 * GB // 4)]
    report_disks(worker.name, [low])
    worker.refresh_from_db()
    assert "It pruned 3.0 GB of build cache by itself." in worker.disk_fault


def test_8_mirrors_go_the_longest_unused_first_and_none_that_a_build_holds(tmp_path: Path):
    for age, name in enumerate(("new.git", "old.git", "held.git")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pack").write_bytes(b"x" * 100_000)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    with (tmp_path / "held.git.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        count, freed = housekeeping.drop_mirrors(tmp_path, 1)
    assert count == 1
    assert freed >= 100_000
    assert {path.name for path in tmp_path.glob("*.git")} == {"new.git", "held.git"}


def test_a_cache_that_cannot_be_asked_is_told_as_that(worker, cache):
    cache.fault = "The builder default did not answer within 120 s."
    assert housekeeping.look_at_cache(worker.name, StopFlag()).fault == cache.fault
    worker.refresh_from_db()
    assert worker.cache["fault"] == cache.fault


@pytest.mark.engine
def test_8_a_pruning_on_a_real_builder_frees_what_no_build_uses(worker, settings, own_engine: str, cached):
    settings.DOCKER_HOST, settings.BUILDX_BUILDER = own_engine, ""
    name = cached()
    report = housekeeping.look_at_cache(worker.name, StopFlag())
    assert report.private_bytes > 1_900_000
    cache_prunes.ask_prune(make_admin(), HOST, CacheLimits())
    assert carry_out(worker)
    prune = CachePrune.objects.get()
    assert prune.state == "done", prune.sentence
    assert (prune.freed_bytes or 0) > 1_900_000
    assert not any(name in record.description for record in BuildCache("", own_engine).records())
