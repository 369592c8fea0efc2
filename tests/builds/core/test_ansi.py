"""What log lines look like when the server draws them (field case B02)."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from builds.core.ansi import SHOWN_CHARACTERS, html_line, html_lines, plain_line

CASES = json.loads((Path(__file__).parents[2] / "data" / "ansi-lines.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_b02_it_shows_what_a_terminal_would(case):
    assert [plain_line(line) for line in case["lines"]] == case["text"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_b02_it_writes_no_tag_but_its_own(case):
    for drawn, text in zip(html_lines(case["lines"]), case["text"], strict=True):
        bare = re.sub(r'</?(span|a)( [a-z]+="[^"<>]*")*>', "", drawn)
        assert html.unescape(bare) == text


def test_b02_it_links_to_http_and_nothing_else():
    assert 'href="https://x/"' in html_line("\x1b]8;;https://x/\x07text\x1b]8;;\x07")[0]
    assert "href" not in html_line("\x1b]8;;javascript:alert(1)\x07text\x1b]8;;\x07")[0]


def test_it_carries_a_colour_into_the_next_line():
    first, second = html_lines(["\x1b[31mone", "two"])
    assert first == '<span class="ansi-red-fg">one</span>'
    assert second == '<span class="ansi-red-fg">two</span>'


def test_it_says_how_much_of_a_long_line_it_left_out():
    assert "1,234 more characters; the raw log has them" in html_line("x" * (SHOWN_CHARACTERS + 1234))[0]


def test_b02_it_shows_the_end_of_a_progress_bar_of_megabytes():
    bar = "".join(f"\r{i:8} of 500000" for i in range(500_000))
    assert plain_line(bar) == "  499999 of 500000"


# The published renderings keep a whole screen; these are the recordings that never move the cursor to another line.
SAME_SCREEN = ["control.sh", "curl.sh", "homer.sh", "pikachu.sh", "rustfmt.sh"]


@pytest.mark.parametrize("name", SAME_SCREEN)
def test_b02_it_agrees_with_published_renderings(name, corpora):
    folder = corpora / "ansi" / "terminal-to-html"
    raw = (folder / f"{name}.raw").read_bytes().decode(errors="replace")
    published = html.unescape(re.sub(r"<[^>]+>", "", (folder / f"{name}.rendered").read_text()))
    ours = [plain_line(line).rstrip() for line in raw.split("\n")]
    theirs = [line.replace("\xa0", " ").rstrip() for line in published.split("\n")]
    assert [line for line in ours if line] == [line for line in theirs if line]
