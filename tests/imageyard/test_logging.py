"""Log lines tell what happened and give no secret away."""

from __future__ import annotations

import logging

import pytest
import structlog

from imageyard.logging import logging_settings


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO)
    return lambda: "\n".join(record.getMessage() for record in caplog.records)


def test_it_writes_an_event_with_its_fields(lines):
    structlog.get_logger("builds.test").info("the lease could not be renewed", build=7)
    assert "the lease could not be renewed" in lines()
    assert "build=7" in lines()


def test_g05_a_traceback_shows_no_local_variable(lines):
    token = "hunter2-in-a-local"
    try:
        int(f"{len(token)}?")
    except ValueError:
        structlog.get_logger("builds.test").exception("it broke")
    assert "ValueError" in lines()
    assert "hunter2-in-a-local" not in lines()


def test_g05_a_url_loses_its_credentials(lines):
    structlog.get_logger("builds.test").warning("fetch failed", error="https://user:hunter2@git.example.com/x.git")
    assert "git.example.com/x.git" in lines()
    assert "hunter2" not in lines()


@pytest.mark.parametrize(("handlers", "expected"), [([], []), ([logging.NullHandler()], ["stderr"])])
def test_requests_are_logged_in_our_form_and_only_where_uvicorn_is_to_log_them(monkeypatch, handlers, expected):
    monkeypatch.setattr(logging.getLogger("uvicorn.access"), "handlers", handlers)
    assert logging_settings(debug=False)["loggers"]["uvicorn.access"]["handlers"] == expected
