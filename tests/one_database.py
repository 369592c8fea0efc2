"""Tests of what a page says may run on SQLite alone, where all that they ask is asked on PostgreSQL by another test.

They are marked `one_database`, and the stage `sqlite` fails where one of them asks what no other test asks: then
nobody would see that PostgreSQL takes that statement. What a database orders, compares or refuses in its own way is no
matter of pages: a test of that has no such mark, or, in a file that has it as a whole, the mark `both_databases`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

# Statements that differ by nothing that a database sees: how many values there are, and names made up by the way.
VALUES = re.compile(r"%s(?:, %s)+")
ROWS = re.compile(r"\(%s\)(?:, \(%s\))+")
MADE_UP = re.compile(r'"s\d+_x\d+"')


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--one-database",
        action="store_true",
        help="fail where a test that is marked one_database makes a statement that no other test makes",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--one-database"):
        config.pluginmanager.register(Statements(config), "statements")


class Statements:
    """The statements of tests, and where they were seen. xdist's workers hand theirs to the process that began it."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.is_worker = hasattr(config, "workerinput")
        self.of_both: set[str] = set()
        self.of_one: dict[str, str] = {}
        self.item: pytest.Item | None = None
        self.lost: dict[str, str] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        from django.db import connection

        if self._seen not in connection.execute_wrappers:
            connection.execute_wrappers.append(self._seen)
        self.item = item
        return (yield)

    def _seen(self, execute: Callable[..., Any], sql: str, *more: Any) -> Any:
        if self.item is not None and is_of_one(self.item):
            self.of_one.setdefault(sql, self.item.nodeid)
        elif "own_clock" not in getattr(self.item, "fixturenames", ()):  # with it, PostgreSQL skips the test
            self.of_both.add(sql)
        return execute(sql, *more)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.is_worker:
            self.config.workeroutput["statements"] = (sorted(self.of_both), self.of_one)  # type: ignore[attr-defined]
            return
        known = {like(sql) for sql in self.of_both}
        self.lost = {like(sql): test for sql, test in self.of_one.items() if like(sql) not in known}
        if self.lost and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        of_both, of_one = getattr(node, "workeroutput", {}).get("statements", ((), {}))
        self.of_both.update(of_both)
        self.of_one.update(of_one)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for sql, test in self.lost.items():
            terminalreporter.write_line(f"FAILED {test}: marked one_database, but no other test asks {sql}")


@cache
def is_of_one(item: pytest.Item) -> bool:
    marks = {mark.name for mark in item.iter_markers()}
    return "one_database" in marks and "both_databases" not in marks


def like(sql: str) -> str:
    return MADE_UP.sub('"savepoint"', ROWS.sub("(%s)", VALUES.sub("%s", sql)))
