"""A floating tag never goes back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builds.core.moves import Candidate, Holder, decide_move
from lib.versions import parse_version


def holder(number=43, commit="new", ref="main", ref_type="branch", **fields) -> Holder:
    return Holder(number, commit, ref_type, ref, **fields)


def candidate(number=42, commit="old", ref="main", ref_type="branch", *, forced=False) -> Candidate:
    return Candidate(number, commit, ref_type, ref, forced)


def tagged(number, ref):
    return {"number": number, "commit": ref, "ref": ref, "ref_type": "tag"}


TABLE = [
    # holder, candidate, relation of the candidate's commit, moves, words
    (None, candidate(), "unknown", True, "`latest` is new: build #42 has it."),
    (holder(42), candidate(42), "ancestor", True, "`latest` stays with build #42."),
    (holder(41, "a"), candidate(42, "a"), "same", True, "`latest` moved from build #41 to build #42."),
    (
        holder(43, "a"),
        candidate(42, "a"),
        "unknown",
        False,
        "build #43, a later one of the same commit, already has it.",
    ),
    (holder(), candidate(), "ancestor", False, "`latest` was not moved: build #43, of a newer commit, already has it."),
    (holder(), candidate(), "diverged", False, "build #43, of a later push, already has it."),
    (holder(), candidate(), "unknown", False, "build #43, of a later push, already has it."),
    (holder(), candidate(forced=True), "ancestor", False, "build #43, of a newer commit, already has it."),
    (holder(), candidate(), "descendant", True, "moved from build #43 to build #42."),  # deliveries in the wrong order
    (holder(forced=True), candidate(), "descendant", False, "build #43, of a later forced push, already has it."),
    (holder(forced=True, ref="dev"), candidate(), "descendant", True, "moved"),
    (holder(41), candidate(42), "descendant", True, "moved from build #41 to build #42."),
    (holder(41), candidate(42), "diverged", True, "moved"),
    (holder(41), candidate(42), "unknown", True, "moved"),
    (holder(41), candidate(42), "ancestor", False, "To go back on purpose, roll back to build #42."),
    (holder(41), candidate(42, forced=True), "ancestor", True, "moved"),
    (holder(**tagged(41, "v1.2.3")), candidate(**tagged(42, "v1.2.2")), "descendant", False, "higher version `v1.2.3`"),
    (holder(**tagged(43, "v1.2.2")), candidate(**tagged(42, "v1.2.3")), "ancestor", True, "moved"),
    (holder(**tagged(41, "v1.2.0")), candidate(**tagged(42, "v1.2")), "descendant", True, "moved"),
    (holder(**tagged(41, "v9")), candidate(42), "descendant", True, "moved"),  # a branch has no version
    (holder(**tagged(41, "v9")), candidate(**tagged(42, "nightly")), "descendant", True, "moved"),
    (
        holder(41, "a", "v1.1", "tag"),
        candidate(42, "a", "v1.0", "tag"),
        "same",
        False,
        "build #41, of the higher version `v1.1`, already has it.",
    ),
]


@pytest.mark.parametrize(("held", "offered", "relation", "moves", "words"), TABLE)
def test_a_floating_tag_never_goes_back(held, offered, relation, moves, words):
    """A floating tag never goes back: a build of an older commit (or a lower version) that ends later does not take
    `latest`. It is recorded as "not moved: build #n is newer".
    """
    move = decide_move(held, offered, relation, tag="latest")
    assert move.moves is moves
    assert words in move.sentence
    assert ("was not moved" in move.sentence) is not moves


def test_it_can_speak_of_a_tag_without_its_name():
    assert decide_move(holder(), candidate(), "ancestor").sentence.startswith("The tag was not moved: ")


def linear(position: int, other: int) -> str:
    """How commit `position` of a straight history stands to commit `other`."""
    if position == other:
        return "same"
    return "ancestor" if position < other else "descendant"


def final_holder(order, numbers, commits, relation):
    """The commit that has the tag after the builds ended in this order."""
    held = None
    for index in order:
        offered = candidate(numbers[index], str(commits[index]))
        held_commit = int(held.commit) if held else -1
        if decide_move(held, offered, relation(commits[index], held_commit)).moves:
            held = holder(offered.build_number, offered.commit)
    return int(held.commit)


ORDERS = st.integers(1, 7).flatmap(lambda n: st.permutations(range(n)))


@settings(deadline=None)
@given(ORDERS)
def test_pushes_of_a_straight_history_end_at_the_newest_commit_in_any_order(order):
    count = len(order)
    assert final_holder(order, range(1, count + 1), range(count), linear) == count - 1


@settings(deadline=None)
@given(ORDERS, st.randoms(use_true_random=False))
def test_deliveries_in_the_wrong_order_end_at_the_newest_commit_too(order, random):
    numbers = random.sample(range(1, 100), len(order))
    assert final_holder(order, numbers, range(len(order)), linear) == len(order) - 1


@settings(deadline=None)
@given(ORDERS)
def test_without_git_the_last_push_has_the_tag(order):
    count = len(order)
    assert final_holder(order, range(1, count + 1), range(count), lambda a, b: "unknown") == count - 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from(["", "-rc.1", "-rc.2"])), min_size=1))
def test_the_highest_version_has_the_tag_in_any_order(versions):
    tags = [f"v{major}.{minor}{suffix}" for major, minor, suffix in versions]
    held = None
    for number, tag in enumerate(tags):
        offered = candidate(number, tag, tag, "tag")
        if decide_move(held, offered, "unknown").moves:
            held = holder(number, tag, tag, "tag")
    assert parse_version(held.ref) == max(parse_version(tag) for tag in tags)


RISING = [
    "0", "0.0.1", "v0.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
    "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "V1.2", "1.10", "v2", "2024.01.15", "2024.02.01", "9999.0.0.1",
]  # fmt: skip


def test_versions_rise_as_semver_says():
    assert sorted(RISING, key=parse_version) == RISING
    assert len({parse_version(tag) for tag in RISING}) == len(RISING)


@pytest.mark.parametrize(("a", "b"), [("1.2", "v1.2.0"), ("1.0.0+a", "1.0.0+b"), ("01.2", "1.02")])
def test_some_versions_are_written_in_two_ways(a, b):
    assert parse_version(a) == parse_version(b)


@pytest.mark.parametrize(
    "tag", ["", "v", "latest", "1.2.3rc2", "p1/v1.0.0", "1.2.3.4.5", "1..2", "9" * 5000, "１.２", "1.0\n"]
)
def test_what_is_no_version_is_none(tag):
    assert parse_version(tag) is None
