"""Rates, usual times, and where bars stand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builds.core.history import COLUMNS, DEEP, LEAST, PITCH, TALL, Past, Rate, count_states, picture, rate_of, usual
from builds.core.states import State

RATES = [
    ({}, None),
    ({"cancelled": 3, "superseded": 2, "queued": 1}, None),
    ({"succeeded": 4}, 100),
    ({"failed": 4}, 0),
    ({"succeeded": 3, "failed": 1, "cancelled": 9}, 75),
    # never "100 %" while something failed, nor "0 %" while something succeeded
    ({"succeeded": 999, "failed": 1}, 99),
    ({"succeeded": 1, "failed": 999}, 1),
]


@pytest.mark.parametrize(("states", "percent"), RATES)
def test_9_the_success_rate_counts_what_ended_by_itself(states, percent):
    assert rate_of(states).percent == percent


def test_it_counts_the_builds_of_a_picture():
    builds = [Past(1, "succeeded", 2, 0), Past(2, "failed", 2, 0), Past(3, "succeeded", 2, 0)]
    assert count_states(builds) == {"succeeded": 2, "failed": 1}
    assert rate_of(count_states(builds)) == Rate(2, 1)


@pytest.mark.parametrize(("spans", "median"), [([], None), ([None], None), ([3.0, None, 1.0], 2.0), ([5.0], 5.0)])
def test_it_says_what_is_usual(spans, median):
    assert usual(spans) == median


def ended(number: int, took: float | None, waited: float = 0.0, state: str = "succeeded") -> Past:
    return Past(number, state, took, waited)


def test_few_builds_stand_at_the_right_edge():
    columns = picture([ended(1, 10), ended(2, 20)]).columns
    assert [column.x for column in columns] == [(COLUMNS - 2) * PITCH + 3, (COLUMNS - 1) * PITCH + 3]


def test_it_shows_the_newest_where_there_are_too_many():
    columns = picture([ended(number, 10) for number in range(1, 41)]).columns
    assert [columns[0].build.number, columns[-1].build.number, len(columns)] == [11, 40, COLUMNS]


def test_bars_are_as_long_as_builds_took_and_waited():
    found = picture([ended(1, 30, 4), ended(2, 60, 8)])
    assert (found.took_s, found.waited_s) == (60, 8)
    assert [(column.took, column.waited) for column in found.columns] == [(TALL / 2, DEEP / 2), (TALL, DEEP)]


def test_one_that_took_far_longer_than_the_others_is_cut_and_does_not_flatten_them():
    found = picture([*(ended(number, 60) for number in range(20)), ended(99, 3600)])
    assert found.took_s == 120
    assert [column.is_cut for column in found.columns][-2:] == [False, True]
    assert found.columns[0].took == TALL / 2


def test_what_still_runs_stretches_no_scale_and_is_cut_at_the_top():
    found = picture([ended(1, 60), ended(2, 600, state="building")])
    assert found.took_s == 60
    assert (found.columns[1].took, found.columns[1].is_cut) == (TALL, True)


def test_a_build_that_did_not_begin_has_the_least_bar():
    [column] = picture([ended(1, None, 5, "queued")]).columns
    assert (column.took, column.waited) == (LEAST, DEEP)


pasts = st.builds(
    Past,
    number=st.integers(1, 10**6),
    state=st.sampled_from([state.value for state in State]),
    took_s=st.none() | st.floats(0, 10**7),
    waited_s=st.floats(0, 10**7),
)


@settings(deadline=None)
@given(st.lists(pasts, max_size=60))
def test_every_bar_stays_in_its_box(builds):
    for column in picture(builds).columns:
        assert LEAST <= column.took <= TALL
        assert 0 <= column.waited <= DEEP
        assert 0 <= column.x <= COLUMNS * PITCH
