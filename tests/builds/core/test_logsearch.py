"""What a search finds in lines as a page shows them, and which lines look like an error."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds.core.ansi import plain_line
from builds.core.logerrors import error_lines
from builds.core.logsearch import MOST_SPANS, QueryRefused, read_query
from builds.core.logtext import shown_block

PLAIN = ["a", "Error", "é", "\t", "\n", "\r", "\b", "\x00", "\x9b", "\x7f", "\u2028", "🙂", "31m"]
ESCAPES = [
    "\x1b[31m",
    "\x1b[0m",
    "\x1b[K",
    "\x1b[",
    "\x1b",
    "\x1b]0;",
    "\x1b[2D",
    "\x1b[3C",
    "\x1b[1K",
    "\x1b[2K",
    "\x1b[5G",
    "\x1b(B",
]
PIECES = st.sampled_from([*PLAIN, *ESCAPES, "\x1b]8;;https://example.com\x07"])


@given(st.lists(PIECES, max_size=30))
def test_it_searches_exactly_what_the_page_shows(pieces):
    text = "".join(pieces)
    assert shown_block(text.encode()).decode() == "\n".join(plain_line(line) for line in text.split("\n"))


def test_it_shows_every_case_of_the_table_as_the_page_does(data):
    for case in json.loads((data / "ansi-lines.json").read_text()):
        raw = "\n".join(case["lines"]).encode("utf-8", "surrogateescape")
        assert shown_block(raw).decode().split("\n") == case["text"], case["name"]


def test_it_takes_any_number_of_colours_away():
    raw = "".join(f"\x1b[38;5;{n}mword{n}\x1b[0m\n" for n in range(256)).encode()
    assert shown_block(raw) == "".join(f"word{n}\n" for n in range(256)).encode()


@given(st.binary(max_size=60))
def test_it_takes_any_bytes(raw):
    lines = raw.decode("utf-8", "replace").split("\n")
    assert shown_block(raw).decode() == "\n".join(map(plain_line, lines))


def test_it_reads_bytes_that_are_not_utf_8_as_the_page_shows_them():
    assert shown_block(b"caf\xe9\nna\xc3\xafve\xff") == "caf\ufffd\nnaïve\ufffd".encode()


def found(lines, text, **options):
    shown = shown_block("\n".join(lines).encode())
    return dict(read_query(text, **options).matches(shown))


@pytest.mark.parametrize(
    ("lines", "text", "options", "wanted"),
    [
        (["one", "two", "One two"], "one", {}, {0: ((0, 3),), 2: ((0, 3),)}),
        (["one", "One"], "One", {"case": True}, {1: ((0, 3),)}),
        (["a.c", "abc"], "a.c", {}, {0: ((0, 3),)}),
        (["a.c", "abc"], "a.c", {"regex": True}, {0: ((0, 3),), 1: ((0, 3),)}),
        (["ab ab", ""], "ab", {}, {0: ((0, 2), (3, 5))}),
        (["\x1b[31mer\x1b[1mror\x1b[0m: x"], "error", {}, {0: ((0, 5),)}),
        ([" 10%\r 50%\r100%"], "100%", {}, {0: ((0, 4),)}),
        ([" 10%\r 50%\r100%"], "50%", {}, {}),
        (["warning\rok"], "okrning", {}, {0: ((0, 7),)}),
        (["done\r", "x"], "done$", {"regex": True}, {0: ((0, 4),)}),
        (["a\x00b"], "ab", {}, {0: ((0, 2),)}),
        (["größe", "GRÖSSE"], "GRÖ", {}, {0: ((0, 3),), 1: ((0, 3),)}),
        (["🙂 smile"], "smile", {}, {0: ((2, 7),)}),
        (["x", "", "y"], "^$", {"regex": True}, {1: ()}),
        (["a", "b"], "a[^z]b", {"regex": True}, {}),
        (["a", "b"], r"a\sb", {"regex": True}, {}),
        (["ab", "b"], r"\Ab", {"regex": True}, {1: ((0, 1),)}),
        (["ab", "ba"], r"a\z", {"regex": True}, {1: ((1, 2),)}),
        (["ab", "ba"], "(?-m)^b", {"regex": True}, {1: ((0, 1),)}),
        (["x1", "y22"], r"\d+", {"regex": True}, {0: ((1, 2),), 1: ((1, 3),)}),
        (["a", "b"], "q*", {"regex": True}, {0: (), 1: ()}),
        (["last"], "last", {}, {0: ((0, 4),)}),
    ],
)
def test_it_finds_lines_and_places(lines, text, options, wanted):
    assert found(lines, text, **options) == wanted


def test_it_tells_of_so_many_places_of_a_line():
    assert len(found(["x" * 500], "x")[0]) == MOST_SPANS


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("", {}, "Type what to search for"),
        ("x" * 501, {}, "500 is the most"),
        ("a\nb", {}, "within one line"),
        ("(a", {"regex": True}, "a closing parenthesis is missing"),
        ("a**", {"regex": True}, "a repetition is repeated in `**`"),
        ("(?=a)", {"regex": True}, "no look-around"),
        (r"(a)\1", {"regex": True}, "no back references"),
        ("(((a{1,99}){1,9}){1,99}){1,9}", {"regex": True}, "repetition"),
        ("(.{0,100}){8}z", {"regex": True}, "too large"),
    ],
)
def test_it_says_why_it_does_not_search(text, options, says):
    with pytest.raises(QueryRefused, match=re.escape(says)):
        read_query(text, **options)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)*b", "(.*)*x", "^(a?){50}a{50}$"])
def test_a_hostile_regex_costs_no_more_than_another(pattern):
    """RE2 is linear: with a backtracking engine this test would not end."""
    assert found(["a" * 30_000 + "!"], pattern, regex=True) == {}


@pytest.mark.parametrize(
    ("line", "looks"),
    [
        ("npm error Test failed.", True),
        ("\x1b[31mERROR\x1b[0m: no such table", True),
        ("main.c:3:5: error: expected ';'", True),
        ("panic: runtime error", True),
        ("Traceback (most recent call last):", True),
        ("ValueError: bad", True),
        ("npm ERR! code E404", True),
        ("sh: foo: command not found", True),
        ("0 errors, 0 warnings", False),
        ("no errors found", False),
        ("errors: 0", False),
        ("compiling src/error.rs", False),
        ("installing error-prone", False),
        ("terror", False),
        ("all good", False),
    ],
)
def test_it_knows_what_looks_like_an_error(line, looks):
    assert list(error_lines(shown_block(f"first\n{line}\nlast".encode()))) == ([1] if looks else [])
