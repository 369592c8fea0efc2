"""Reading what buildx tells of a cache, and what a policy would take."""

from __future__ import annotations

import pytest

from builds.core.build_cache import (
    CacheLimits,
    CacheReport,
    is_due,
    read_freed,
    read_records,
    read_report,
    read_size,
    summarize,
    would_free,
)

DAY = 86400
# As buildx 0.29 writes it.
TOLD = """ID:           ajze041mn5rp656a1cefh070j
Created at:   2026-11-29 15:56:10.146794009 +0000 UTC
Mutable:      false
Reclaimable:  true
Shared:       true
Size:         6.009MB
Description:  [1/2] COPY a /a
Usage count:  1
Last used:    Less than a second ago
Type:         regular

ID:           030253btd1t4mfa1pc1m4stp3
Parents:
 - ajze041mn5rp656a1cefh070j
Created at:   2026-11-29 15:56:10.191281495 +0000 UTC
Mutable:      false
Reclaimable:  true
Shared:       false
Size:         2.5GB
Description:  mount / from exec /bin/sh -c echo Size: 9GB
Usage count:  1
Last used:    3 weeks ago
Type:         exec.cachemount

ID:           9u506xyfl85rotd52wmd8gujx
Created at:   2026-11-29 15:56:10.06254661 +0000 UTC
Mutable:      true
Reclaimable:  false
Shared:       false
Size:         3.011MB
Description:  local source for context
Last used:    About an hour ago
Type:         source.local

Shared:		6.009MB
Private:	2.503GB
Reclaimable:	2.506GB
Total:		2.509GB
"""


def test_8_every_record_is_read_with_size_kind_and_last_use():
    layer, mount, context = read_records(TOLD)
    assert (layer.size_bytes, layer.type, layer.shared, layer.unused_s) == (6_009_000, "regular", True, 0)
    assert (mount.size_bytes, mount.unused_s, mount.can_go) == (2_500_000_000, 21 * DAY, True)
    assert (context.description, context.unused_s, context.can_go) == ("local source for context", 3600, False)


def test_what_a_step_is_called_is_no_field_of_its_own():
    assert read_records(TOLD)[1].description == "mount / from exec /bin/sh -c echo Size: 9GB"


@pytest.mark.parametrize(
    ("text", "size"), [("4.096kB", 4096), ("0B", 0), ("1.5TB", 1_500_000_000_000), ("nothing", 0), ("1e+03GB", 10**12)]
)
def test_sizes_are_read_as_buildx_rounds_them(text, size):
    assert read_size(text) == size


def test_what_was_freed_is_the_total_of_a_pruning():
    assert read_freed("ID  RECLAIMABLE SIZE\nabc*  true 3MB\nTotal:\t3.011MB\n") == 3_011_000
    assert read_freed("Total reclaimed space: 1.5GB\n") == 1_500_000_000
    assert read_freed("") == 0


def test_8_a_report_sums_by_kind_and_age_and_comes_back_from_the_database():
    report = summarize("default", read_records(TOLD))
    assert (report.total_bytes, report.shared_bytes, report.private_bytes) == (2_509_020_000, 6_009_000, 2_503_011_000)
    assert report.types == {"cache mounts": 2_500_000_000, "layers and steps": 6_009_000, "contexts": 3_011_000}
    assert report.ages == {"today": 9_020_000, "this month": 2_500_000_000}
    assert report.oldest_s == 21 * DAY
    assert read_report(report.as_json()) == report
    assert read_report({}) is None
    assert read_report(None) is None


def test_8_a_policy_has_something_to_do_above_its_size_or_its_age():
    report = CacheReport(total_bytes=30, shared_bytes=10, oldest_s=8 * DAY)
    assert is_due(report, CacheLimits(keep_bytes=19))
    assert not is_due(report, CacheLimits(keep_bytes=20))
    assert is_due(report, CacheLimits(unused_days=7))
    assert not is_due(report, CacheLimits(unused_days=8))
    assert not is_due(report, CacheLimits())


def test_what_would_go_is_the_longest_unused_and_neither_in_use_nor_part_of_an_image():
    records = read_records(TOLD)
    assert would_free(records, CacheLimits(unused_days=7)) == 2_500_000_000
    assert would_free(records, CacheLimits(unused_days=30)) == 0
    assert would_free(records, CacheLimits(keep_bytes=0)) == 2_500_000_000
    assert would_free(records, CacheLimits()) == 0
