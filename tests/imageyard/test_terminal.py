"""Which lines of a server's log a person sees."""

from __future__ import annotations

import pytest

from imageyard.supervisor.terminal import LoudLines

LOG = """\
2026-01-02 03:04:05,678 INFO    builds: build 41 started
INFO:     Uvicorn running on http://127.0.0.1:8000
2026-01-02 03:04:05,678 WARNING builds: the registry was slow
2026-01-02 03:04:05,678 ERROR   builds: build 42
Traceback (most recent call last):
  File "x.py", line 1, in <module>
ValueError: no
2026-01-02 03:04:06,000 INFO    builds: WARNING is only a word here
[2026-01-02 03:04:05,678: WARNING/MainProcess] celery says
[2026-01-02 03:04:05,678: INFO/MainProcess] celery whispers
[config]
Traceback (most recent call last):
ERROR:    Exception in ASGI application
2026-01-02 03:04:05 [info     ] a build started
\x1b[2m2026-01-02 03:04:05\x1b[0m [\x1b[33mwarning  \x1b[0m] a lease was lost
2026-01-02 03:04:05,678 WARNING django.request: Not Found: /favicon.ico
2026-01-02T03:04:05Z [error    ] a build was lost
"""
SHOWN = [2, 3, 4, 5, 6, 8, 11, 12, 14, 16]


@pytest.mark.parametrize("number", range(len(LOG.splitlines())))
def test_it_shows_warnings_and_what_belongs_to_them(number: int) -> None:
    loud = LoudLines()
    picked = [loud.pick(line) for line in LOG.splitlines()]
    assert picked[number] == (number in SHOWN)
