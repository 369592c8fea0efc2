"""When a disk has no room for builds, when it has again, and what people read meanwhile."""

from __future__ import annotations

from builds.core.disk import MAX_SENTENCE, Disk, Holds, disk_fault, low_disks, read_disks

GIB = 1024**3


def disk(free: float, *holds: Holds, total: float = 100, limit: float = 1) -> Disk:
    return Disk(holds or (Holds.WORK,), round(free * GIB), round(total * GIB), round(limit * GIB))


def test_8_below_the_limit_no_build_starts_and_a_quarter_more_than_it_lets_them_start_again():
    assert low_disks([disk(1.0)]) == ()
    (low,) = low_disks([disk(0.99)])
    assert low_disks([disk(1.2)], [low.name]) == (disk(1.2),)
    assert low_disks([disk(1.25)], [low.name]) == ()


def test_8_it_does_not_flap_around_the_limit():
    before: list[str] = []
    seen = []
    for free in (1.1, 0.9, 1.1, 0.95, 1.2, 1.3, 1.1, 1.0):
        before = [each.name for each in low_disks([disk(free)], before)]
        seen.append(bool(before))
    assert seen == [False, True, True, True, True, False, False, False]


def test_a_limit_of_nothing_keeps_nothing_back():
    assert low_disks([disk(0, limit=0)]) == ()


def test_a_limit_that_the_disk_only_just_holds_can_be_met_again():
    small = disk(10, total=10, limit=10)
    assert low_disks([small], [small.name]) == ()


def test_8_the_sentence_names_host_disk_what_is_free_what_is_needed_and_what_to_do():
    low = [disk(0.4, Holds.WORK, Holds.ENGINE)]
    assert disk_fault("builder-1", low) == (
        "The disk of builder-1 (work trees, Docker Engine) has 429.5 MB free, and builds start only with 1.3 GB. "
        "Prune the build cache, or give it a larger disk."
    )
    assert disk_fault("builder-1", []) == ""


def test_it_names_the_fullest_of_several_and_counts_the_others():
    said = disk_fault("b", [disk(0.4), disk(0.2, Holds.REGISTRY)], freed="It pruned 2.0 GB of build cache at 12:04.")
    assert said.startswith("The disk of b (registry) has 214.7 MB free")
    assert "1 more of its disks is low. It pruned 2.0 GB of build cache at 12:04. Clean up images" in said


def test_a_sentence_fits_its_column_whatever_the_host_is_called():
    assert len(disk_fault("h" * 255, [disk(0.1, *Holds)])) <= MAX_SENTENCE


def test_what_was_written_down_is_read_and_what_nobody_understands_is_left_out():
    disks = (disk(3, Holds.WORK, Holds.DATA), disk(5, Holds.REGISTRY))
    assert read_disks([each.as_json() for each in disks]) == disks
    assert read_disks([{"holds": ["moon"]}, 7, {"holds": ["registry"], "free_bytes": "x"}]) == ()
    assert read_disks({}) == ()


def test_disks_that_all_workers_fill_are_told_apart():
    assert disk(1, Holds.REGISTRY).is_shared
    assert disk(1, Holds.WORK, Holds.DATA).is_shared
    assert not disk(1, Holds.WORK, Holds.ENGINE).is_shared
