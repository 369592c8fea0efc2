"""When waiting builds will start."""

from __future__ import annotations

import pytest

from builds.core.line import Busy, InLine, start_times

LINES = [
    # a free slot is taken at once, and by one alone
    ([InLine(1, usual_s=60), InLine(2, usual_s=60)], [], 1, [0, 60]),
    ([InLine(1, usual_s=60), InLine(2, usual_s=60)], [], 2, [0, 0]),
    # a slot that is busy is free when its build ends
    ([InLine(1, usual_s=60), InLine(2, usual_s=10)], [Busy(9, 25), Busy(8, 40)], 2, [25, 40]),
    # a repository builds one at a time, and keeps no slot from who stands behind
    ([InLine(9, usual_s=60), InLine(2, usual_s=10)], [Busy(9, 100)], 2, [100, 0]),
    ([InLine(9, usual_s=60), InLine(9, usual_s=60)], [], 4, [0, 60]),
    ([InLine(9, allowed=2, usual_s=60), InLine(9, allowed=2, usual_s=60)], [Busy(9, 30)], 4, [0, 30]),
    # a pause before another attempt
    ([InLine(1, usual_s=60, pause_s=15), InLine(2, usual_s=60)], [], 1, [15, 75]),
    # what runs on a worker that takes nothing new holds its repository up and gives no slot back
    ([InLine(9, usual_s=60), InLine(2, usual_s=60)], [Busy(9, 50, frees_slot=False)], 1, [50, 110]),
    # more runs than there are slots now: a worker came back with fewer
    ([InLine(1, usual_s=60)], [Busy(7, 5), Busy(8, 20)], 1, [20]),
    ([], [], 3, []),
]


@pytest.mark.parametrize(("line", "running", "slots", "starts"), LINES)
def test_it_says_when_each_build_of_the_line_starts(line, running, slots, starts):
    assert start_times(line, running, slots) == starts


def test_it_says_nothing_where_no_slot_is_there():
    assert start_times([InLine(1)], [], 0) is None


def test_it_takes_a_long_line_in_its_stride():
    line = [InLine(number % 50, usual_s=60) for number in range(5_000)]
    starts = start_times(line, [], 32)
    assert starts is not None
    assert starts == sorted(starts)
    assert max(starts) == 60 * (5_000 // 32)
