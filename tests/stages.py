"""What a stage need not do: read files that hold none of its tests, and set up for each test what the test never uses.

A stage takes some of nine thousand tests by their marks, and making the others only to deselect them took up to a half
of its start. Which marks a file's tests may have is guessed by its words. A guess that is wrong is an error wherever
the file is read after all; the fast part reads all files that are guessed to need nothing.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import product
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
REAL = frozenset({"engine", "redis", "git_server", "browser", "slow", "random_input"})
# All tests in these folders have the mark, by what they ask for.
FOLDERS = {"functional": "engine", "browser": "browser"}
# What a file with such a mark has in it: the mark, or a fixture that brings it along.
WORDS = {
    frozenset({"database"}): re.compile(
        r"\b(?:django_db|db)\b|^ *(?:async )?def test_[^)]*\b(?:follow|repository|site|source)\b", re.MULTILINE
    ),
    REAL: re.compile(
        r"\b(?:pytest\.mark\.(?:engine|redis|git_server|browser|slow)|hypothesis|own_redis|git_root|redis_url"
        r"|registry_host|docker_host|base_image|postgres_url|chromium)\b"
        r"|^ *(?:async )?def test_[^)]*\b(?:git_ssh|page|place|real|session|site|write|yard)\b",
        re.MULTILINE,
    ),
    frozenset({"compose"}): re.compile(r"\bpytest\.mark\.compose\b"),
}
MARKS = frozenset().union(*WORDS)
# What pytest-django does around every test, by the mark that makes it do anything ("": nothing that a test here has).
IDLE = {
    "_django_db_marker": "django_db",
    "_django_isolate_apps": "django_isolate_apps",
    "_django_set_urlconf": "urls",
    "_template_string_if_invalid_marker": "ignore_template_errors",
    "_dj_autoclear_mailbox": "",
    "_django_clear_site_cache": "",
}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    wanted = config.getoption("markexpr", "")
    if not wanted or collection_path.suffix != ".py" or not collection_path.name.startswith("test_"):
        return None
    return None if can_hold(wanted, *guess(collection_path)) else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks are set by now. What the stage does not take goes before Hypothesis sees it and reads all our modules."""
    wanted = config.getoption("markexpr", "")
    marks = [check(item) for item in items]
    taken = [not wanted or can_hold(wanted, has, has) for has in marks]
    config.hook.pytest_deselected(items=[item for item, is_taken in zip(items, taken, strict=True) if not is_taken])
    items[:] = [item for item, is_taken in zip(items, taken, strict=True) if is_taken]
    for item in items:
        if isinstance(item, pytest.Function) and item.cls is None:
            item.fixturenames = needed(item)


@cache
def guess(path: Path) -> tuple[frozenset[str], frozenset[str]]:
    """The marks that a test of this file may have, and those that all have."""
    text = path.read_text(encoding="utf-8")
    may = {mark for marks, words in WORDS.items() if words.search(text) for mark in marks}
    said = {mark for line in re.findall(r"^pytestmark = .*$", text, re.MULTILINE) for mark in _marks_in(line)}
    folder = FOLDERS.get(path.relative_to(TESTS).parts[0]) if path.is_relative_to(TESTS) else None
    have = said | ({folder} if folder else set())
    # What a folder's own fixtures bring along stands in none of its files.
    return frozenset(MARKS if folder else may | have), frozenset(have)


def _marks_in(line: str) -> set[str]:
    marks = {"database" if mark == "django_db" else mark for mark in re.findall(r"\bpytest\.mark\.(\w+)", line)}
    return marks & MARKS


@cache
def can_hold(wanted: str, may: frozenset[str], have: frozenset[str]) -> bool:
    """Whether a test with some of these marks and all of those is one that `-m` asks for."""
    names = set(re.findall(r"[\w.]+", wanted)) - {"and", "or", "not"}
    if not all(name.isidentifier() for name in names) or not re.fullmatch(r"[\w\s()]*", wanted):
        return True
    # Of a mark that nothing is known about, anything can be.
    open_ = sorted((names - MARKS) | (names & may - have))
    fixed = {name: name in have for name in names & MARKS}
    return any(
        eval(wanted, {}, {**fixed, **dict(zip(open_, values, strict=True))})
        for values in product((False, True), repeat=len(open_))
    )


def check(item: pytest.Item) -> frozenset[str]:
    """The marks of a test. Stops where its file was not guessed to have them: a stage would leave it out unseen."""
    may, have = guess(item.path)
    marks = frozenset(mark.name for mark in item.iter_markers()) & MARKS
    if marks - may or have - marks:
        wrong = ", ".join(sorted((marks - may) | (have - marks)))
        raise pytest.UsageError(f"{item.nodeid}: tests/stages.py guesses its marks wrong ({wrong}); teach it by WORDS")
    return marks


def needed(item: pytest.Function) -> list[str]:
    """The fixtures of a test without those that would do nothing: eight of them around each of thousands."""
    idle = {name for name, mark in IDLE.items() if not mark or not item.get_closest_marker(mark)}
    idle.add("_django_setup_unittest")
    if "live_server" not in item.fixturenames:
        idle.add("_live_server_helper")
    if "monkeypatch" not in item._fixtureinfo.argnames:
        # Whatever else wants it asks for it.
        idle.add("monkeypatch")
    return [name for name in item.fixturenames if name not in idle]
