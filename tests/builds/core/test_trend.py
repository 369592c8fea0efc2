"""The size of a tag over time: the sentence, and where points stand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builds.core.trend import EDGE, HIGH, POINTS, WIDE, Size, trend_of

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
SINCE = NOW - timedelta(days=30)
MB = 1_000_000


def sizes(*rows: tuple[float, float]) -> list[Size]:
    """(days ago, MB), oldest first."""
    return [Size(NOW - timedelta(days=days), int(mb * MB), 40 + place) for place, (days, mb) in enumerate(rows)]


SENTENCES = [
    ([], ""),
    ([(3, 84.2)], "`latest` is 84.2 MB."),
    ([(40, 84.2), (3, 94.3)], "`latest` grew 12 % in 30 days: from 84.2 MB to 94.3 MB."),
    ([(40, 100), (20, 300), (3, 80)], "`latest` shrank 20 % in 30 days: from 100.0 MB to 80.0 MB."),
    ([(12, 100), (3, 101)], "`latest` grew 1 % in 12 days: from 100.0 MB to 101.0 MB."),
    ([(12, 1000), (3, 1006)], "`latest` grew 1 % in 12 days: by 6.0 MB, to 1.0 GB."),
    ([(12, 1000), (3, 1004)], "`latest` kept its size in 12 days: 1.0 GB."),
    ([(1, 100), (0.5, 120)], "`latest` grew 20 % in a day: from 100.0 MB to 120.0 MB."),
    ([(0.2, 100), (0.1, 120)], "`latest` grew 20 % within a day: from 100.0 MB to 120.0 MB."),
    ([(12, 10), (3, 320)], "`latest` grew to 32.0 times its size in 12 days: from 10.0 MB to 320.0 MB."),
    ([(12, 0), (3, 5)], "`latest` is 5.0 MB."),
]


@pytest.mark.parametrize(("rows", "sentence"), SENTENCES)
def test_9_it_says_how_a_tag_grew(rows, sentence):
    assert trend_of("latest", sizes(*rows), since=SINCE, now=NOW).sentence == sentence


def test_one_point_is_no_trend():
    assert not trend_of("latest", sizes((3, 84)), since=SINCE, now=NOW).is_shown
    assert trend_of("latest", sizes((3, 84), (2, 84)), since=SINCE, now=NOW).is_shown


def test_larger_is_higher_and_later_is_further_right():
    found = trend_of("latest", sizes((30, 10), (15, 30), (0, 20)), since=SINCE, now=NOW)
    assert [dot.x for dot in found.dots] == [EDGE, WIDE / 2, WIDE - EDGE]
    assert [dot.y for dot in found.dots] == [HIGH - EDGE, EDGE, HIGH / 2]
    assert found.line == "6,42 120,42 120,6 234,6 234,24 234,24"


def test_a_tag_that_is_younger_fills_the_picture():
    found = trend_of("latest", sizes((2, 10), (1, 30)), since=SINCE, now=NOW)
    assert [dot.x for dot in found.dots] == [EDGE, WIDE / 2]


def test_what_it_pointed_to_before_stands_at_the_left_edge():
    assert trend_of("latest", sizes((300, 10), (1, 30)), since=SINCE, now=NOW).dots[0].x == EDGE


def test_of_many_moves_the_first_the_last_and_some_between_are_points():
    rows = [(29 - place * 0.1, 100 + place) for place in range(280)]
    found = trend_of("latest", sizes(*rows), since=SINCE, now=NOW)
    assert len(found.dots) <= POINTS
    assert (found.dots[0].size.build, found.dots[-1].size.build) == (40, 40 + 279)


def test_of_moves_before_the_time_it_makes_no_further_point():
    rows = [(40, 1), (35, 2), *((29.9 * (1 - place / 60), 3) for place in range(60)), (0, 4), (0, 5)]
    assert len(trend_of("latest", sizes(*rows), since=SINCE, now=NOW).dots) == POINTS


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 90), st.floats(0, 10**6)), max_size=80))
def test_every_point_stays_in_its_box(rows):
    rows.sort(reverse=True)
    found = trend_of("latest", sizes(*rows), since=SINCE, now=NOW)
    assert len(found.dots) <= POINTS
    for dot in found.dots:
        assert EDGE <= dot.x <= WIDE - EDGE
        assert EDGE <= dot.y <= HIGH - EDGE
