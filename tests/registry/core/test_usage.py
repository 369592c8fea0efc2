"""What images take up by what is known of tags, how it grew, and how much of a quota that is."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from registry.core.quota import QuotaUse, first_over
from registry.core.usage import days_until, estimate, growth_of

TODAY = date(2026, 11, 29)
GB = 10**9


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def test_8_an_estimate_counts_each_digest_once_and_says_that_it_is_one():
    found = estimate([(1, "sha256:a", 10), (1, "sha256:a", 10), (1, "sha256:b", None), (2, "sha256:a", 10)])
    assert (found[1].total_bytes, found[1].images, found[1].tags, found[1].is_estimate) == (10, 2, 3, True)
    assert (found[2].total_bytes, found[2].images, found[2].tags) == (10, 1, 1)
    assert estimate([]) == {}


def test_8_growth_tells_how_much_in_how_long_and_how_fast():
    growth = growth_of([(ago(200), GB), (ago(10), 2 * GB), (ago(2), 4 * GB)], days=30, today=TODAY)
    assert growth is not None
    assert growth.sentence == "It grew by 3.0 GB in 30 days, to 4.0 GB, 700.0 MB a week."
    assert (growth.least, growth.most, growth.first) == (GB, 4 * GB, ago(30))
    assert growth.line.split(" ")[0] == "6,87"
    assert growth.line.split(" ")[-1] == "594,6", "it ends today, at the top"


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        ([(TODAY, GB)], "It takes up 1.0 GB; it is measured since today."),
        ([(ago(1), GB), (TODAY, GB)], "It kept its size for a day: 1.0 GB."),
        ([(ago(9), 3 * GB), (TODAY, GB)], "It shrank by 2.0 GB in 9 days, to 1.0 GB."),
        ([(ago(2), GB), (TODAY, 2 * GB)], "It grew by 1.0 GB in 2 days, to 2.0 GB."),
    ],
)
def test_growth_says_no_more_than_is_known(points, sentence):
    growth = growth_of(points, days=30, today=TODAY)
    assert growth is not None
    assert growth.sentence == sentence


def test_nothing_measured_is_no_picture():
    assert growth_of([], days=30, today=TODAY) is None


def test_at_its_pace_a_disk_is_full_after_so_many_days():
    points = [(ago(10), GB), (TODAY, 2 * GB)]
    assert days_until(5 * GB, points, TODAY) == 50
    assert days_until(5 * GB, [(ago(10), GB), (TODAY, GB)], TODAY) is None
    assert days_until(5 * GB, [(ago(2), GB), (TODAY, 2 * GB)], TODAY) is None
    assert days_until(5 * GB, points[:1], TODAY) is None


@pytest.mark.parametrize(
    ("used", "level"),
    [(0, "ok"), (79, "ok"), (80, "warn"), (95, "nearly"), (99, "nearly"), (100, "over"), (150, "over")],
)
def test_8_pages_warn_at_80_and_95_percent(used, level):
    assert QuotaUse("acme", used, 100).level == level


def test_8_the_sentences_name_quota_use_and_what_to_do():
    assert QuotaUse("acme", 5 * GB, None).sentence == "acme takes up 5.0 GB; it has no quota."
    assert QuotaUse("acme", 5 * GB, 10 * GB).sentence == "acme takes up 5.0 GB of its quota of 10.0 GB (50 %)."
    assert "(96 %). When it is full nothing more can be pushed. Remove tags" in QuotaUse("acme", 96, 100).sentence
    assert QuotaUse("acme/web", 11 * GB, 10 * GB).refusal == (
        "acme/web takes up 11.0 GB, and its quota is 10.0 GB: nothing more can be pushed to it. Remove tags that "
        "nobody needs, or set a retention policy, then clean up; or have the quota raised."
    )


def test_a_quota_of_nothing_is_used_up_and_none_never_is():
    assert QuotaUse("acme", 0, 0).is_over
    assert not QuotaUse("acme", 10**18, None).is_over
    over = QuotaUse("acme", 2, 1)
    assert first_over(QuotaUse("acme/web", 1, 2), over) is over
    assert first_over() is None
