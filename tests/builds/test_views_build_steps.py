"""The list of steps: numbers, bars, folding, and the step that is open at first. No database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from builds.models import Build, Step
from builds.views.build_steps import chosen_step, grouped, step_rows

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def step(index: int, begins_s: float | None = None, lasts_s: float | None = None, **fields) -> Step:
    started = None if begins_s is None else NOW + timedelta(seconds=begins_s)
    finished = started + timedelta(seconds=lasts_s) if started and lasts_s is not None else None
    fields = {"name": f"step {index}", "state": "succeeded", **fields}
    return Step(index=index, started_at=started, finished_at=finished, **fields)


def kinds(steps) -> list[tuple[str, list[int]]]:
    return [(group.kind, [row.step.index for row in group.rows]) for group in grouped(step_rows(steps, NOW))]


def test_it_draws_bars_in_percent_of_the_attempt():
    rows = step_rows([step(0, 0, 10), step(1, 10, 30), step(2)], NOW)
    assert [[(bar.left, bar.width) for bar in row.bars] for row in rows] == [[(0, 25)], [(25, 75)], []]
    assert [row.seconds for row in rows] == [10, 30, None]


def test_it_lets_the_bar_of_a_running_step_grow():
    rows = step_rows([step(0, 0, 10), step(1, 10, state="running")], NOW + timedelta(seconds=40))
    (bar,) = rows[1].bars
    assert (rows[1].seconds, bar.width, bar.grows, bar.begin) == (30, 75, True, 10)


def test_it_adds_up_the_intervals_of_a_step():
    assert step_rows([step(0, 0, 60, duration_s=12.5)], NOW)[0].seconds == 12.5


def test_it_draws_each_interval_of_a_step_and_marks_the_chain_that_decides():
    at = NOW.timestamp()
    steps = [step(0, 0, 40, intervals=[[at, at + 10], [at + 30, at + 40]]), step(1, 0, 5), step(2, 40, 40, inputs=[0])]
    rows = step_rows(steps, NOW)
    assert [(bar.left, bar.width) for bar in rows[0].bars] == [(0, 12.5), (37.5, 12.5)]
    assert [row.is_critical for row in rows] == [True, False, True]


def test_it_folds_cached_steps_where_the_first_stands_and_internal_ones_at_the_end():
    steps = [step(0, internal=True), step(1), step(2, cached=True), step(3), step(4, cached=True)]
    assert kinds(steps) == [("", [1]), ("cached", [2, 4]), ("", [3]), ("internal", [0])]


def test_it_never_folds_what_failed_or_runs():
    steps = [step(0, internal=True, state="failed"), step(1, cached=True), step(2, internal=True, state="running")]
    assert kinds(steps) == [("", [0]), ("", [1]), ("", [2])]


@pytest.mark.parametrize(
    ("steps", "asked", "index"),
    [
        ([step(0), step(1)], "1", 1),
        ([step(0, lines=9), step(1, state="failed"), step(2)], "7", 1),
        ([step(0, state="failed"), step(1, state="failed", name="named")], "", 1),
        ([step(0, lines=9), step(1, state="running"), step(2, state="running", internal=True)], "", 1),
        ([step(0, lines=3), step(1, lines=9), step(2, lines=1)], "", 1),
        ([step(0), step(1)], "", None),
        ([], "0", None),
    ],
)
def test_it_opens_the_step_that_matters(steps, asked, index):
    found = chosen_step(Build(error_step="named"), steps, asked)
    assert (found.index if found else None) == index
