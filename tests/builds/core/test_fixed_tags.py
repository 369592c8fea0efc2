"""Tags that never move, and how a person's moves are told."""

from __future__ import annotations

import pytest

from builds.core.fixed_tags import MOST, fixed_problems, read_fixed_tags
from builds.core.moves import Candidate, Holder, Kept, decide_move
from builds.core.tag_words import fixed_words, image_words, moved_words, overtaken_words

HELD = Kept("build #41", by="wendy", since="25 Nov 2026, 10:58 (UTC)")
FIXED = Kept("build #41", pattern=r"/^\d/")


@pytest.mark.parametrize(
    ("patterns", "tag", "expected"),
    [
        ("1.0", "1.0", "1.0"),
        ("1.0", "1.0.1", ""),
        (r"/^\d+\.\d+\.\d+$/", "1.2.3", r"/^\d+\.\d+\.\d+$/"),
        (r"/^\d+\.\d+\.\d+$/", "1.2", ""),
        ("stable\n/rc/", "2.0-rc1", "/rc/"),
        ("Stable", "stable", ""),  # case counts
        ("", "latest", ""),
        ("/(/", "latest", ""),  # cannot be read: covers nothing
    ],
)
def test_the_first_pattern_that_covers_a_tag_is_named(patterns, tag, expected):
    assert read_fixed_tags(patterns).pattern_of(tag) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/(/", "`/(/`: The pattern does not compile: missing closing parenthesis at character 2."),
        ("//", "`//`: The regex between the slashes is empty and would match everything."),
        ("feature/x", "`feature/x` cannot be a tag: a tag holds only letters, digits, `_`, `.` and `-`."),
        ("v*", "`v*` cannot be a tag: a tag holds only letters, digits, `_`, `.` and `-`. A regex stands between"),
        ("build-7", "`build-7` never moves anyway: it is the tag of a build."),
        ("\n".join(f"v{n}" for n in range(MOST + 1)), "These are 31 lines; 30 is the most."),
    ],
)
def test_what_cannot_be_a_pattern_is_said_before_it_is_saved(text, words):
    [problem] = fixed_problems(read_fixed_tags(text))
    assert problem.startswith(words)


def test_empty_lines_and_doubles_go_and_the_rest_is_fine():
    fixed = read_fixed_tags("  1.0 \n\n1.0\r\n/^v/\n")
    assert ([one.text for one in fixed.patterns], fixed_problems(fixed)) == (["1.0", "/^v/"], [])


def test_which_present_tags_a_pattern_covers_leaves_those_of_builds_out():
    covered = read_fixed_tags(r"/\d/").covered(["1.0", "build-1", "latest", "v2"])
    assert covered == [(r"/\d/", ["1.0", "v2"])]


@pytest.mark.parametrize(
    ("holder", "kept", "moves", "sentence"),
    [
        (41, HELD, False, "`t` was not moved: it is held at build #41 by wendy since 25 Nov 2026, 10:58 (UTC)."),
        (41, FIXED, False, r"`t` was not moved: tags that match `/^\d/` never move in this repository."),
        (41, Kept("build #41", pattern="t"), False, "`t` was not moved: it never moves in this repository."),
        (None, HELD, False, "`t` was not moved: it is held at build #41"),  # pushed by hand, and held
        (42, FIXED, True, "`t` stays with build #42."),  # a publication that is carried out again
        (41, None, True, "`t` moved from build #41 to build #42."),
    ],
)
def test_a_build_leaves_a_tag_alone_that_is_held_or_fixed(holder, kept, moves, sentence):
    has = Holder(holder, "old", "branch", "main") if holder else None
    move = decide_move(has, Candidate(42, "new", "branch", "main"), "descendant", tag="t", kept=kept)
    assert (move.moves, move.sentence[: len(sentence)]) == (moves, sentence)


def test_a_move_is_told_with_who_did_it():
    told = moved_words("latest", "build #43", "build #41", "wendy", is_rollback=True, hold=True)
    assert told == "`latest` was rolled back from build #43 to build #41 by wendy. It is held there."
    told = moved_words("stable", "build #43", "build #44", "wendy", is_rollback=False, hold=False)
    assert told == "`stable` was moved from build #43 to build #44 by wendy."
    assert (
        moved_words("new", "", "build #4", "wendy", is_rollback=False, hold=None)
        == "`new` was put on build #4 by wendy."
    )


def test_refusals_say_where_the_tag_is_and_what_to_do():
    assert image_words(None, "sha256:" + "ab" * 32) == "`sha256:abababababab`"
    said = "`1.0` was not moved: it never moves in this repository, and this one is there and points to build #7."
    assert fixed_words("1.0", "1.0", "build #7") == f"{said} Choose another tag."
    said = "`t` was not moved: it points to build #9 meanwhile. Ask again if you still want it at build #7."
    assert overtaken_words("t", "build #9", "build #7") == said
