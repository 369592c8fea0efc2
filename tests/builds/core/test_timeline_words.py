"""What is said of a timeline in sentences."""

from __future__ import annotations

import pytest

from builds.core.timeline import Part, lay_out
from builds.core.timeline_words import (
    bytes_words,
    layers_words,
    left_sentence,
    parallel_sentence,
    parts_words,
    path_sentence,
)
from tests.builds.core.timed import recorded_timeline, timed


def test_it_says_which_step_to_make_faster():
    steps = [
        timed(0, (0, 2)),
        timed(1, (2, 30), inputs=[0], name="[web 2/3] RUN npm ci"),
        timed(2, (30, 32), inputs=[1]),
    ]
    assert path_sentence(lay_out(steps)) == (
        "The chain of 3 steps that decides how long it takes lasted 32 s of 32 s. Most of it is `RUN npm ci`, 28 s: "
        "start there to make the build faster."
    )


def test_it_gives_no_advice_on_speed_for_a_build_that_failed():
    said = path_sentence(lay_out([timed(0, (0, 30), name="[1/1] RUN npm ci", state="failed")]), is_failed=True)
    assert said == "`RUN npm ci` took 30 s of 30 s."


def test_it_says_how_far_steps_ran_side_by_side():
    steps = [timed(0, (0, 10)), timed(1, (0, 5))]
    assert parallel_sentence(lay_out(steps)) == (
        "Steps ran side by side for 50 % of the time, 2 at once at most; one after the other they would take 15 s."
    )
    assert parallel_sentence(lay_out(steps[:1])) == "Its steps ran one after the other."


@pytest.mark.parametrize(
    ("name", "parts", "said"),
    [
        ("[internal] load build context", [Part("transferring context:", 24_100_000, 0)], "24.1 MB sent"),
        (
            "[1/2] FROM x",
            [Part("sha256:1", 5_000_000, 9_000_000), Part("sha256:2", 0, 1_000_000)],
            "5.0 MB of 10.0 MB pulled",
        ),
        ("exporting to image", [Part("pushing layer 1", 9, 3)], "9 B pushed"),
        ("exporting to image", [Part("pushing layers", 0, 0)], ""),
    ],
)
def test_it_says_how_many_bytes_a_step_has_moved(name: str, parts: list[Part], said: str):
    internal = name.startswith("[internal]")
    (row,) = lay_out([timed(0, (0, 1), name=name, internal=internal, transfers=tuple(parts))]).rows
    assert bytes_words(row) == said


def test_it_says_what_a_recorded_export_spent_its_time_on():
    (export,) = [row for row in recorded_timeline("metadata/push").rows if row.step.name == "exporting to image"]
    assert parts_words(export) == "exporting layers 0.1 s, pushing layers 0.1 s"


def test_it_says_how_much_there_is_to_push():
    steps = [timed(0, (0, 1), name="[1/2] FROM x", layer_bytes=80_000_000), timed(1, (1, 2), layer_bytes=4_100_000)]
    assert layers_words(lay_out(steps), None) == "4.1 MB in layers of its own"
    running = [timed(0, (0, None), name="exporting to image")]
    assert layers_words(lay_out(running, now=5), 84_200_000) == "84.2 MB last time"
    assert layers_words(lay_out(running, ended=5), 84_200_000) == ""


USUAL = "usually it takes 1 m 14 s"
MEDIAN = "the median of its rule's last 8 successful builds"


@pytest.mark.parametrize(
    ("samples", "is_late", "said"),
    [
        (8, False, f"About 30 s are left: {USUAL} ({MEDIAN})."),
        (1, False, f"About 30 s are left: {USUAL} (the last successful build)."),
        (8, True, f"It takes longer than usual, which is 1 m 14 s ({MEDIAN}). About 30 s are left."),
    ],
)
def test_it_says_how_long_a_build_still_takes_and_how_it_knows(samples: int, is_late: bool, said: str):
    assert left_sentence(74, samples, 30, is_late=is_late) == said
