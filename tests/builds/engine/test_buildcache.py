"""The builder's cache on a real BuildKit: what is in it, and what a pruning takes."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from builds.core.build_cache import CacheLimits, summarize
from builds.engine.buildcache import BuildCache, CacheFault

MEGABYTE = 10**6


@pytest.fixture
def build(docker_host: str, tmp_path: Path):
    """Builds an image whose one layer nobody has, and gives the description of its step."""

    def made(size: int = 2 * MEGABYTE) -> str:
        name = f"f{uuid.uuid4().hex}"
        (tmp_path / name).write_bytes(os.urandom(size))
        (tmp_path / "Dockerfile").write_text(f"FROM scratch\nCOPY {name} /{name}\n")
        argv = ["docker", "buildx", "build", "--output=type=cacheonly", str(tmp_path)]
        subprocess.run(argv, env={**os.environ, "DOCKER_HOST": docker_host}, check=True, capture_output=True)
        return name

    return made


def test_8_the_cache_tells_its_records_with_size_kind_and_last_use(docker_host: str, build):
    name = build()
    records = BuildCache("", docker_host).records()
    (mine,) = [record for record in records if name in record.description]
    assert 1.9 * MEGABYTE < mine.size_bytes < 2.2 * MEGABYTE
    assert (mine.type, mine.reclaimable) == ("regular", True)
    assert mine.unused_s is not None
    assert mine.unused_s < 60
    report = summarize("default", records)
    assert report.total_bytes >= mine.size_bytes
    assert report.types["layers and steps"] >= mine.size_bytes
    assert report.types["contexts"] > 0


def test_8_a_pruning_by_age_leaves_what_was_used_lately(docker_host: str, build):
    name = build()
    BuildCache("", docker_host).prune(CacheLimits(unused_days=30))
    assert any(name in record.description for record in BuildCache("", docker_host).records())


def test_8_a_pruning_by_size_frees_what_it_says_and_an_answer_that_is_none_is_a_sentence(docker_host: str, build):
    name = build()
    cache = BuildCache("", docker_host)
    freed = cache.prune(CacheLimits(keep_bytes=0))
    assert freed >= 1.9 * MEGABYTE
    assert not any(name in record.description for record in cache.records())
    with pytest.raises(CacheFault, match=r"The builder nosuch refused: .*nosuch"):
        BuildCache("nosuch", docker_host).records()


def test_8_a_pruning_to_a_size_takes_the_longest_unused_first(docker_host: str, build):
    first = build()
    cache = BuildCache("", docker_host)
    time.sleep(1.1)  # buildx tells times in whole seconds, BuildKit orders by them
    last = build(MEGABYTE // 10)
    total = summarize("default", cache.records()).private_bytes
    assert cache.prune(CacheLimits(keep_bytes=total)) < MEGABYTE
    assert cache.prune(CacheLimits(keep_bytes=total - MEGABYTE)) >= MEGABYTE
    left = " ".join(record.description for record in cache.records())
    assert last in left
    assert first not in left or "local source" in left
