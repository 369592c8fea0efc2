"""lib.humanize: what a person reads in a table cell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lib.humanize import format_ago, format_duration, format_size, plural, short_commit, short_digest

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (-0.2, "0 s"),
        (0, "0 s"),
        (0.04, "0 s"),
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (12.4, "12 s"),
        (59.4, "59 s"),
        (59.6, "1 m 00 s"),
        (64, "1 m 04 s"),
        (3599.7, "1 h 00 m"),
        (7530, "2 h 05 m"),
        (86_400, "1 d 00 h"),
        (3 * 86_400 + 4 * 3600, "3 d 04 h"),
    ],
)
def test_it_says_a_duration(seconds: float | None, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (None, "–"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (84_200_000, "84.2 MB"),
        (1_500_000_000, "1.5 GB"),
        (10**18, "1000.0 PB"),
        (-2048, "-2.0 kB"),
    ],
)
def test_it_says_a_size_in_the_unit_that_fits(size_bytes: int | None, text: str) -> None:
    assert format_size(size_bytes) == text


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=-30), "just now"),
        (timedelta(minutes=-5), "in 5 min"),
        (timedelta(seconds=40), "40 s ago"),
        (timedelta(minutes=5, seconds=59), "5 min ago"),
        (timedelta(hours=2), "2 h ago"),
        (timedelta(hours=47), "47 h ago"),
        (timedelta(days=3), "3 d ago"),
        (timedelta(days=20), "2 weeks ago"),
        (timedelta(days=150), "5 months ago"),
        (timedelta(days=800), "2 years ago"),
    ],
)
def test_it_says_how_long_ago_something_was(ago: timedelta, text: str) -> None:
    assert format_ago(NOW - ago, NOW) == text


def test_it_says_never_where_there_is_no_time() -> None:
    assert format_ago(None, NOW) == "never"


def test_it_cuts_commits_and_digests_but_leaves_other_text_whole() -> None:
    assert short_commit("a1b2c3d4e5f60718293a4b5c6d7e8f9001122334") == "a1b2c3d"
    assert short_commit("refs/heads/main") == "refs/heads/main"
    assert short_digest("sha256:" + "0123456789abcdef" * 4) == "0123456789ab"
    assert short_digest("latest") == "latest"
    assert short_digest("") == ""


@pytest.mark.parametrize(
    ("count", "words", "text"),
    [
        (0, ("build",), "0 builds"),
        (1, ("build",), "1 build"),
        (12_000, ("tag",), "12,000 tags"),
        (2, ("repository", "repositories"), "2 repositories"),
    ],
)
def test_it_counts_with_the_right_noun(count: int, words: tuple[str, ...], text: str) -> None:
    assert plural(count, *words) == text
