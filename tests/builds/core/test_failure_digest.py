"""The digest of every recorded failure, and which failures are alike."""

# ruff: noqa: E501 -- a table of whole sentences

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds.core.advice import advise
from builds.core.failure import explain_failure
from builds.core.failure_alike import Ended, First, failure_key, find_alike, normalised, telling_line
from builds.core.failure_digest import FAULTS, LAST_LINES, FailureDigest, last_lines, read_digest
from tests.builds.core.rawjson import RAWJSON, book_of, read, recorded

FAILED = [
    name
    for name in sorted(str(path.relative_to(RAWJSON).with_suffix("")) for path in RAWJSON.rglob("*.jsonl"))
    if read(recorded(name))[1].tail and any("ERROR" in line for line in read(recorded(name))[1].tail)
]


def digest_of(name: str) -> FailureDigest:
    book, tail = book_of(name), read(recorded(name))[1].tail
    error = explain_failure(book, tail, 1)
    step = next((step for step in book.steps if step.name == error.step), None)
    printed = step.log_tail.decode("utf-8", "replace").splitlines() if step and step.log_tail else tail
    return FailureDigest(
        error.kind.value,
        error.message,
        error.step or "",
        step.index if step else None,
        error.dockerfile_line,
        log_index=step.index if step and step.log_tail else None,
        lines=last_lines(printed, 0),
        lines_total=len(printed),
    )


@pytest.mark.parametrize("name", FAILED)
def test_05_every_recorded_failure_says_what_failed_whose_fault_and_what_to_try(name):
    """Point 5: what failed, whose fault, the last lines, what to try; for each failure that was ever recorded."""
    digest = digest_of(name)
    advice = advise(digest)
    assert digest.message.endswith(".")
    assert digest.fault in FAULTS.values()
    assert 0 < len(digest.lines) <= LAST_LINES
    assert digest.lines[-1].plain.strip()
    assert advice is not None
    assert advice.what.endswith(".")
    assert "!" not in advice.what.replace("(`#!`)", "")
    assert len(digest.key) == 64
    assert read_digest(json.loads(json.dumps(digest.as_json()))) == digest


def test_it_was_asked_of_more_than_sixty_recorded_failures():
    assert len(FAILED) > 60


def test_it_keeps_twenty_lines_and_their_numbers_without_blank_ones_at_the_end():
    kept = last_lines([f"\x1b[31mline {n}\x1b[0m" for n in range(30)] + ["", "\x1b[0m", "  "], 970)
    assert [kept[0].number, kept[-1].number, len(kept)] == [981, 1000, 20]
    assert kept[-1].plain == "line 29"


def test_it_cuts_a_long_line():
    (line,) = last_lines(["\x1b[31m" + "x" * 9000], 0)
    assert (len(line.text), line.text[-1]) == (400, "…")


def test_it_keeps_nothing_that_a_database_refuses():
    (line,) = last_lines(["a\0b\ud800"], 0)
    assert line.text == "a\ufffdb\ufffd"


@pytest.mark.parametrize("document", [None, {}, [], {"kind": 3}, {"message": "x"}])
def test_it_reads_no_digest_out_of_an_empty_record(document):
    assert read_digest(document) is None


def test_it_survives_a_record_of_another_version():
    digest = read_digest({"kind": "user", "lines": ["x", {"number": "y"}], "silent_s": "z", "step_index": True})
    assert digest is not None
    assert (digest.step_index, digest.silent_s, [line.number for line in digest.lines]) == (None, None, [0, 0])


SAME = [
    ("Step 4 of 7 (`RUN x`, Dockerfile line 9) timed out after 12.3 s.", "Step 5 of 8 (`RUN x`, Dockerfile line 11) timed out after 64 s."),
    ("Commit a1b2c3d is no longer in the repository.", "Commit 9f8e7d6 is no longer in the repository."),
    ("was killed for using 7.9 GB of 8.0 GB", "was killed for using 812.4 MB of 1.0 GB"),
    ("read /tmp/pip-abcde/x: gone", "read /tmp/pip-zyxwv/x: gone"),
    ("took 1 m 04 s", "took 59 s"),
    ("at 2026-01-02T10:11:12.123Z it broke", "at 2026-11-30T00:00:00+01:00 it broke"),
    ("hub.example answered 502. It was tried 3 times.", "hub.example answered 502."),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_05_failures_are_alike_whatever_numbers_hashes_times_and_temporary_files_they_name(one, other):
    """Point 5: failures alike grouped, by kind, step and message without what changes from run to run."""
    assert normalised(one) == normalised(other)
    assert failure_key("user", "[2/3] RUN x", one) == failure_key("user", "[3/9] RUN x", other)


OTHER = [
    (("user", "RUN x", "ended with exit code 1.", ""), ("user", "RUN x", "ended with exit code 137.", "")),
    (("user", "RUN x", "ended with exit code 1.", ""), ("user", "RUN y", "ended with exit code 1.", "")),
    (("user", "RUN x", "broke.", ""), ("builder", "RUN x", "broke.", "")),
    (("user", "RUN x", "ended with exit code 1.", "✗ logs in"), ("user", "RUN x", "ended with exit code 1.", "✗ logs out")),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_05_failures_of_another_kind_step_exit_code_or_test_are_not_alike(one, other):
    assert failure_key(*one) != failure_key(*other)


def test_it_goes_by_the_output_only_where_the_message_says_no_more_than_an_exit_code():
    message = "hub.example refused the push of acme/web: denied. Nothing was tagged."
    assert failure_key("registry", "pushing x", message, "a") == failure_key("registry", "pushing x", message, "b")
    assert failure_key("", "", "", "") == ""


@pytest.mark.parametrize(
    ("lines", "telling"),
    [
        (["ok", "✗ login refuses a wrong password", "expected 401, got 500", "npm error Test failed."], "npm error Test failed."),
        (["npm error code ENOTFOUND", "npm error network getaddrinfo failed", "npm error A complete log of this run"], "npm error network getaddrinfo failed"),
        (["main.c:3: error: x", "make: *** [all] Error 1"], "main.c:3: error: x"),
        (["compiling", "linking", ""], "linking"),
        ([], ""),
    ],
)  # fmt: skip
def test_it_finds_the_line_that_tells_why(lines, telling):
    assert telling_line(lines) == telling


ROWS = [Ended(31, ""), Ended(37, "k"), Ended(38, ""), Ended(39, "k"), Ended(40, "k"), Ended(41, "x"), Ended(42, "k")]


def test_05_it_says_how_often_the_same_failure_came_and_first_with_whom():
    found = find_alike(42, "k", ROWS, First(37, "a1b2c3d4e5f6", "A. Author"))
    assert found.sentence == (
        "The same failure ended 4 of the last 6 builds, first #37 (commit a1b2c3d, by A. Author)."
    )
    assert found.others == (40, 39, 37)


def test_it_counts_no_build_after_the_one_that_is_looked_at():
    assert find_alike(39, "k", ROWS, First(37)).sentence == "The same failure ended 2 of the last 3 builds, first #37."


def test_it_says_that_a_failure_is_new():
    assert find_alike(41, "x", ROWS, First(41)).sentence == "No build before it failed like this."
    assert find_alike(1, "x", [Ended(1, "x")], First(1)).sentence == ""


def test_it_remembers_a_failure_of_long_ago():
    rows = [Ended(number, "") for number in range(81, 100)] + [Ended(100, "k")]
    said = find_alike(100, "k", rows, First(3, "", "Bo")).sentence
    assert said == "The same failure ended build #3 (by Bo) before, and none of the 19 builds between."


@given(st.text(max_size=300), st.text(max_size=300))
def test_it_takes_any_words(message, said):
    key = failure_key("user", message, f"{message} ended with exit code 1", said)
    assert key == failure_key("user", message, f"{message} ended with exit code 1", said)
    assert telling_line(said.splitlines()) in ("", *(line.strip() for line in said.splitlines()))
