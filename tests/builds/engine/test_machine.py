"""How the machine is: what Linux says of memory, with and without a container's limit."""

from __future__ import annotations

import pytest

from builds.engine.machine import look_at_machine

MEMINFO = (
    "MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:    9000000 kB\nHugePages_Total:       0\n"
)
GB = 1_000_000_000


@pytest.fixture
def proc(tmp_path):
    (tmp_path / "meminfo").write_text(MEMINFO)
    return tmp_path


def group(tmp_path, **files: str):
    folder = tmp_path / "group"
    folder.mkdir()
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text)
    return folder


def test_it_takes_the_machines_memory_where_no_limit_is(proc):
    found = look_at_machine(proc, meminfo=proc / "meminfo", group=group(proc, memory_max="max\n", memory_current="5\n"))
    assert (found.memory_free_bytes, found.memory_total_bytes) == (9_000_000 * 1024, 16_000_000 * 1024)
    assert 0 < found.disk_free_bytes <= found.disk_total_bytes
    assert found.cpus >= 1


def test_it_takes_the_limit_of_its_container_and_counts_the_cache_as_free(proc):
    files = {"memory_max": str(4 * GB), "memory_current": str(3 * GB), "memory_stat": f"anon 1\ninactive_file {GB}\n"}
    found = look_at_machine(proc, meminfo=proc / "meminfo", group=group(proc, **files))
    assert (found.memory_free_bytes, found.memory_total_bytes) == (2 * GB, 4 * GB)


def test_a_limit_above_the_machine_is_none(proc):
    found = look_at_machine(
        proc, meminfo=proc / "meminfo", group=group(proc, memory_max=str(10**15), memory_current="1")
    )
    assert found.memory_total_bytes == 16_000_000 * 1024


@pytest.mark.parametrize("text", ["", "nonsense", "MemTotal: x kB\nMemAvailable: y kB\n", "MemTotal:\nMemAvailable:\n"])
def test_it_says_nothing_of_memory_that_it_cannot_read(proc, text):
    (proc / "meminfo").write_text(text)
    found = look_at_machine(proc, meminfo=proc / "meminfo", group=proc / "none")
    assert (found.memory_free_bytes, found.memory_total_bytes) == (None, None)
