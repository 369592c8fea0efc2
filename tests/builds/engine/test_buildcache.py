"""The builder's cache on a real BuildKit: what is in it, and what a pruning takes."""

from __future__ import annotations

import time

import pytest

from builds.core.build_cache import CacheLimits, summarize
from builds.engine.buildcache import BuildCache, CacheFault
from tests.own_engine import BuildsSomething, cached, own_engine

__all__ = ["cached", "own_engine"]
MEGABYTE = 10**6
pytestmark = [pytest.mark.engine, pytest.mark.slow]


def test_8_the_cache_tells_its_records_with_size_kind_and_last_use(own_engine: str, cached: BuildsSomething):
    name = cached()
    records = BuildCache("", own_engine).records()
    (mine,) = [record for record in records if name in record.description]
    assert 1.9 * MEGABYTE < mine.size_bytes < 2.2 * MEGABYTE
    assert (mine.type, mine.can_go) == ("regular", True)
    assert mine.unused_s is not None
    assert mine.unused_s < 60
    report = summarize("default", records)
    assert report.private_bytes >= mine.size_bytes
    assert report.types["layers and steps"] >= mine.size_bytes
    assert report.types["contexts"] > 0


def test_8_a_pruning_by_age_leaves_what_was_used_lately(own_engine: str, cached: BuildsSomething):
    name = cached()
    assert BuildCache("", own_engine).prune(CacheLimits(unused_days=30)) == 0
    assert any(name in record.description for record in BuildCache("", own_engine).records())


def test_8_a_pruning_to_a_size_takes_the_longest_unused_first(own_engine: str, cached: BuildsSomething):
    cache = BuildCache("", own_engine)
    cache.prune(CacheLimits(keep_bytes=0))
    first = cached()
    time.sleep(1.1)  # BuildKit orders by when something was last used
    last = cached(MEGABYTE // 10)
    total = summarize("default", cache.records()).private_bytes
    # buildx rounds sizes to three digits.
    assert cache.prune(CacheLimits(keep_bytes=total + MEGABYTE // 10)) == 0
    assert cache.prune(CacheLimits(keep_bytes=total - MEGABYTE)) >= MEGABYTE
    left = [record for record in cache.records() if record.type == "regular"]
    assert any(last in record.description for record in left)
    assert not any(first in record.description for record in left)


def test_8_a_pruning_of_all_frees_what_it_says_and_an_answer_that_is_none_is_a_sentence(
    own_engine: str, cached: BuildsSomething
):
    name = cached()
    cache = BuildCache("", own_engine)
    assert cache.prune(CacheLimits(keep_bytes=0)) >= 1.9 * MEGABYTE
    assert not any(name in record.description for record in cache.records())
    with pytest.raises(CacheFault, match=r"The builder nosuch refused: .*nosuch"):
        BuildCache("nosuch", own_engine).records()
    with pytest.raises(CacheFault, match=r"The builder default refused: "):
        BuildCache("", "unix:///no/such.sock").records()
