"""How long a running build still takes: the clock at first, the steps the more of them are done."""

from __future__ import annotations

import pytest

from builds.core.eta import left_seconds, share_done


@pytest.mark.parametrize(
    ("usual", "elapsed", "done", "left"),
    [
        (100, 0, None, 100),
        (100, 60, None, 40),
        (100, 99, None, 10),  # late: a tenth of the usual time, for nobody believes 1 s
        (100, 300, None, 10),
        (100, 50, 0.0, 50),  # nothing done: the clock alone
        (100, 50, 0.5, 50),
        (100, 20, 0.9, 17),  # most of it came from the cache: soon over
        (100, 90, 0.5, 30),  # slower than usual: the steps know
        (100, 90, 1.0, 0),
        (100, 90, 7.0, 0),
    ],
)
def test_it_weighs_the_clock_and_the_steps(usual: float, elapsed: float, done: float | None, left: float):
    assert left_seconds(usual, elapsed, done) == pytest.approx(left)


def test_it_counts_done_steps_by_the_seconds_they_had_before():
    before = {"RUN npm ci": 30.0, "RUN build": 60.0, "COPY": 10.0}
    assert share_done([("COPY", True, 0.1), ("RUN npm ci", True, 2.0)], before) == pytest.approx(0.4)
    assert share_done([("RUN build", False, 15.0)], before) == pytest.approx(0.15)
    assert share_done([("RUN build", False, 500.0)], before) == pytest.approx(0.6)
    assert share_done([("RUN other", True, 9.0)], before) == 0


def test_a_build_before_that_was_all_cached_tells_nothing():
    assert share_done([("RUN npm ci", True, 2.0)], {"RUN npm ci": 0.1}) is None
