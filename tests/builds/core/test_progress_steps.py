"""The list of steps that a build's events amount to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from builds.core.progress import (
    StepAnnounced,
    StepBook,
    StepFinished,
    StepLog,
    StepProgress,
    StepStarted,
    StepState,
    Transfer,
)
from builds.core.progress_steps import MOST_INTERVALS, MOST_TRANSFERS
from tests.builds.core.rawjson import SAMPLES, book_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def book(*events) -> StepBook:
    made = StepBook()
    for event in (StepAnnounced("v", "[1/1] RUN x"), *events):
        made.apply(event)
    return made


def test_it_lists_the_steps_in_the_order_people_read():
    names = [step.name for step in book_of("ok-multistage").steps if not step.internal]
    assert names == [
        "[base 1/2] FROM docker.io/library/busybox:local",
        '[base 2/2] RUN echo "hello world"; echo to-stderr >&2',
        "[mid 1/2] COPY a.txt /a",
        "[mid 2/2] RUN cat /a",
        "[stage-2 1/1] RUN ls -l /a",
        "exporting to image",
    ]


def test_it_says_which_steps_came_from_the_cache():
    cached = [step.label.instruction for step in book_of("ok-cached").steps if step.state is StepState.CACHED]
    assert cached == [
        'RUN echo "hello world"; echo to-stderr >&2',
        "COPY a.txt /a",
        "RUN cat /a",
        "RUN ls -l /a",
    ]


def test_it_leaves_a_step_pending_that_was_never_reached():
    states = {step.label.instruction: step.state for step in book_of("fail-exit-42").steps if step.label.number}
    assert states == {
        "FROM docker.io/library/busybox:local": StepState.CACHED,
        "RUN echo before; echo why it failed >&2; exit 42": StepState.FAILED,
        "RUN echo never": StepState.PENDING,
    }


@pytest.mark.parametrize("name", ["cancel-sigint", "cancel-sigterm", "cancel-sigkill"])
def test_b06_it_calls_the_step_that_was_stopped_cancelled_and_not_failed(name):
    states = {step.state for step in book_of(name).steps if step.label.instruction.startswith("RUN ")}
    assert states == {StepState.CANCELLED}


def test_b06_it_calls_a_step_cancelled_whose_stream_just_stops():
    cut = book(StepStarted("v", "", NOON))
    assert cut.steps[0].state is StepState.RUNNING
    assert cut.close() == [0]
    assert cut.steps[0].state is StepState.CANCELLED
    assert cut.close() == []


@pytest.mark.parametrize("name", [name for name, facts in SAMPLES.items() if facts["rc"] == 0])
def test_it_finds_no_fault_in_a_build_that_succeeded(name):
    states = {step.state for step in book_of(name).steps}
    assert states <= {StepState.SUCCEEDED, StepState.CACHED}


def test_it_adds_up_the_intervals_of_a_step():
    made = book(
        StepStarted("v", "", NOON),
        StepFinished("v", NOON, after(1), cached=False, error=""),
        StepStarted("v", "", after(60)),
        StepFinished("v", after(60), after(62.5), cached=False, error=""),
    )
    assert made.steps[0].duration_s == 3.5
    assert (made.steps[0].started_at, made.steps[0].finished_at) == (NOON, after(62.5))


def test_it_counts_an_interval_once_that_is_told_twice():
    finished = StepFinished("v", NOON, after(1), cached=False, error="")
    assert book(StepStarted("v", "", NOON), finished, finished).steps[0].duration_s == 1


def test_it_is_running_again_when_a_second_interval_starts():
    made = book(StepFinished("v", NOON, after(1), cached=False, error=""), StepStarted("v", "", after(2)))
    assert (made.steps[0].state, made.steps[0].finished_at) == (StepState.RUNNING, None)


def test_b05_it_measures_a_silent_step_by_its_times():
    step = next(step for step in book_of("silent-20s").steps if step.log_bytes)
    assert 20 < step.duration_s < 21


def test_it_finishes_a_step_without_a_start():
    step = book(StepFinished("v", None, NOON, cached=False, error="boom")).steps[0]
    assert (step.state, step.started_at, step.finished_at, step.duration_s) == (StepState.FAILED, None, NOON, 0)


def test_it_keeps_the_last_bytes_of_a_step_and_counts_all():
    made = book(*(StepLog("v", 1, b"%07d\n" % i) for i in range(1000)))
    assert made.steps[0].log_bytes == 8000
    assert made.steps[0].log_tail.endswith(b"0000999\n")
    assert len(made.steps[0].log_tail) == 2048


def test_it_gives_bytes_of_an_unknown_vertex_a_step_of_their_own():
    made = book(StepLog("other", 1, b"x"))
    assert made.index_of("other") == 1
    assert made.index_of("nobody") is None


def test_it_keeps_what_each_step_takes_by_index():
    by_name = {step.label.instruction: step for step in book_of("interleaved").steps}
    assert by_name["COPY --from=a /bin/busybox /a"].inputs == (3, 4)
    assert by_name["COPY --from=b /bin/busybox /b"].inputs == (5, 6)


def test_it_keeps_each_interval_and_the_last_word_of_each_transfer():
    made = book(
        StepStarted("v", "x", after(0)),
        StepProgress("v", "layer", 5, 10, completed=False),
        StepFinished("v", after(0), after(1), cached=False, error=""),
        StepStarted("v", "x", after(3)),
        StepProgress("v", "layer", 9, 10, completed=False, started_at=after(3)),
    )
    begin = NOON.timestamp()
    (step,) = made.steps
    assert step.intervals == ((begin, begin + 1), (begin + 3, None))
    assert step.transfers == (Transfer("layer", 9, 10, begin + 3, None),)


def test_no_frontend_makes_a_step_endless():
    progress = [StepProgress("v", f"part {n}", n, 0, completed=False) for n in range(3 * MOST_TRANSFERS)]
    starts = [StepStarted("v", "x", after(n)) for n in range(3 * MOST_INTERVALS)]
    (step,) = book(*progress, *starts).steps
    assert (len(step.transfers), len(step.intervals)) == (MOST_TRANSFERS, MOST_INTERVALS)
    assert step.intervals[-1][0] == after(3 * MOST_INTERVALS - 1).timestamp()
