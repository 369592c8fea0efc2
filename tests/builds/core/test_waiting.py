"""The sentence of every waiting build."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builds.core.waiting import Waiting, waiting_sentence

SENTENCES = [
    (
        Waiting(ahead=2, same_repository_running=41, eta_s=170),
        "2 builds are ahead; this repository builds one at a time. About 3 min.",
    ),
    (Waiting(ahead=2, eta_s=180), "2 builds are ahead. About 3 min."),
    (Waiting(ahead=1), "1 build is ahead."),
    (Waiting(ahead=1, same_repository_waits=True), "1 build is ahead; this repository builds one at a time."),
    (Waiting(ahead=1, eta_s=20), "1 build is ahead. Less than a minute."),
    (Waiting(ahead=9, eta_s=7000), "9 builds are ahead. About 117 min."),
    (Waiting(ahead=9, eta_s=7201), "9 builds are ahead. About 3 h."),
    (
        Waiting(same_repository_running=41, free_slots=1),
        "Build #41 of this repository still runs; it builds one at a time, and this one is next.",
    ),
    (Waiting(eta_s=60), "The worker is busy; this build is next. About 1 min."),
    (Waiting(workers=3), "All 3 workers are busy; this build is next."),
    (Waiting(free_slots=1), "A worker is free; it starts within seconds."),
    (
        Waiting(workers=0, ahead=3),
        "No worker is connected: start one with `make up`, or ask the administrator.",
    ),
    (
        Waiting(retry_in_s=39.6, attempt=2, max_attempts=3),
        "It starts again by itself in 40 s (attempt 2 of 3).",
    ),
    (Waiting(retry_in_s=0, free_slots=1), "A worker is free; it starts within seconds."),
    (
        Waiting(paused="Paused by admin since 12:04: disk exchange.", workers=0),
        "Paused by admin since 12:04: disk exchange. It starts when the pause ends.",
    ),
]


@pytest.mark.parametrize(("waiting", "sentence"), SENTENCES)
def test_it_says_why_a_build_waits(waiting, sentence):
    assert waiting_sentence(waiting) == sentence


@settings(deadline=None)
@given(st.builds(Waiting))
def test_every_waiting_build_has_a_sentence(waiting):
    assert waiting_sentence(waiting).endswith((".", ")."))
