"""The moves between the states of a build."""

from __future__ import annotations

import itertools

import pytest

from builds.core.states import ACTIVE, FINAL, RUNNING, State, can_cancel, can_move, can_retry

WAY = [State.QUEUED, State.PREPARING, State.BUILDING, State.TESTING, State.PUBLISHING, State.SUCCEEDED]


@pytest.mark.parametrize(("a", "b"), [*itertools.pairwise(WAY), (State.BUILDING, State.PUBLISHING)])
def test_it_lets_a_build_go_its_way(a, b):
    assert can_move(a, b)


@pytest.mark.parametrize("state", sorted(RUNNING))
def test_it_lets_a_running_build_be_handed_back(state):
    assert can_move(state, State.QUEUED)


@pytest.mark.parametrize("end", [State.CANCELLED, State.SUPERSEDED, State.FAILED])
@pytest.mark.parametrize("state", sorted(ACTIVE))
def test_it_lets_any_build_that_is_not_final_end_early(state, end):
    assert can_move(state, end)


@pytest.mark.parametrize("a", sorted(FINAL))
@pytest.mark.parametrize("b", sorted(State))
def test_it_lets_nothing_leave_a_final_state(a, b):
    assert not can_move(a, b)


@pytest.mark.parametrize("state", sorted(ACTIVE - {State.PUBLISHING}))
def test_it_lets_only_a_publishing_build_succeed(state):
    assert not can_move(state, State.SUCCEEDED)


@pytest.mark.parametrize("state", sorted(State))
def test_it_lets_no_build_stay_where_it_is_or_skip_the_checkout(state):
    assert not can_move(state, state)
    assert can_move(state, State.BUILDING) is (state is State.PREPARING)


def test_its_sets_part_the_states():
    assert frozenset(State) == FINAL | ACTIVE
    assert {State.QUEUED} == ACTIVE - RUNNING


def test_a_person_may_cancel_what_is_active_and_retry_what_did_not_succeed():
    assert {state for state in State if can_cancel(state)} == ACTIVE
    assert {state for state in State if can_retry(state)} == FINAL - {State.SUCCEEDED}
