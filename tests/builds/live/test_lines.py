"""Lines as viewers see them: whole, cut where they are huge, never guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds.live.lines import LINE_BYTES, StepLines
from builds.logs.cutter import Position


@given(st.lists(st.sampled_from([b"a", b"\n", b"bc\n", b"caf\xc3", b"\xa9", b"\r", b"x" * 9]), max_size=30))
def test_it_gives_every_line_once_however_the_bytes_come(pieces):
    lines, told = StepLines(), {}
    for piece in pieces:
        for first, chunk, _ in lines.feed(piece):
            told.update(enumerate(chunk, first))
    for first, chunk, _ in lines.feed(b"", finishes=True):
        told.update(enumerate(chunk, first))
    content = b"".join(pieces).decode("utf-8", "replace")
    expected = content.split("\n") if not content.endswith("\n") else content.split("\n")[:-1]
    assert told == dict(enumerate(expected if content else []))
    assert lines.known.line == len(told)


@pytest.mark.parametrize(
    ("partial", "shown"),
    [(b"10%\r20%\r", "20%"), (b"10%\r20", "20"), (b"Password: ", "Password: "), (b"\r\r", ""), (b"caf\xc3", "caf")],
)
def test_it_shows_an_unfinished_line_as_a_terminal_would(partial, shown):
    lines = StepLines()
    lines.feed(partial)
    assert lines.partial_text == shown


def test_it_cuts_a_huge_line_and_says_so():
    lines = StepLines()
    assert lines.feed(b"a\n" + b"x" * 50_000) == [(0, ["a"], False)]
    assert lines.feed(b"y" * 50_000) == []
    chunks = lines.feed(b"z\nb\n")
    assert [(first, is_cut) for first, _, is_cut in chunks] == [(1, True), (2, False)]
    assert len(chunks[0][1][0]) == LINE_BYTES
    assert [is_cut for _, _, is_cut in StepLines().feed(b"a\n" + b"x" * (LINE_BYTES + 1) + b"\nb\n")] == [
        False,
        True,
        False,
    ]


def test_it_leaves_out_a_line_whose_beginning_it_does_not_know():
    lines = StepLines()
    lines.restart(Position(1000, 10, midline=True), b"")
    assert lines.feed(b"end of line 10\nline 11\n") == [(11, ["line 11"], False)]
    assert lines.partial_text == ""


@pytest.mark.parametrize(
    ("end", "data", "tail", "partial"),
    [
        (Position(8, 2, midline=True), b"a\nb\nhalf", ["a", "b"], "half"),
        (Position(9, 2, midline=False), b"a\nb\nwhole", ["a", "b", "whole"], ""),
        (Position(99, 7, midline=True), b"cut off\nb\nhalf", ["b"], "half"),
        (Position(99, 7, midline=True), b"inside", [], ""),
        (Position(99, 7, midline=False), b"cut off\nb\n", ["b"], ""),
    ],
)
def test_it_goes_on_from_the_stored_log(end, data, tail, partial):
    lines = StepLines()
    lines.restart(end, data)
    assert (lines.tail()["lines"], lines.partial_text, lines.known) == (tail, partial, end)
    assert lines.tail()["first_line"] == end.line - len(tail)


def test_it_keeps_the_last_200_lines_and_no_more_than_a_page_can_take():
    lines = StepLines()
    lines.feed(b"".join(b"%d\n" % number for number in range(1000)))
    assert lines.tail() == {"first_line": 800, "lines": [str(number) for number in range(800, 1000)]}
    for _ in range(20):
        lines.feed(b"x" * 50_000 + b"\n")
    assert sum(map(len, lines.tail()["lines"])) <= 256 * 1024
