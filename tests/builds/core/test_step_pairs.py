"""Steps of two builds are paired as a person would pair them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from builds.core.step_pairs import pair_steps


@dataclass(frozen=True)
class Named:
    name: str
    fingerprint: str = ""


def pairs(before: list[str], after: list[str]) -> list[tuple[str | None, str | None, bool]]:
    found = pair_steps([Named(name) for name in before], [Named(name) for name in after])
    return [(p.before and p.before.name, p.after and p.after.name, p.moved) for p in found]


FROM = "[1/3] FROM docker.io/library/debian:12@sha256:" + "a" * 64
CASES = {
    "the same": (["[2/3] RUN a", "[3/3] RUN b"], ["[2/3] RUN a", "[3/3] RUN b"], [(0, 0), (1, 1)]),
    "edited": (["[2/3] RUN make", "[3/3] RUN b"], ["[2/3] RUN make all", "[3/3] RUN b"], [(0, 0), (1, 1)]),
    "edited out of all likeness": (["[2/3] RUN a", "[3/3] RUN b"], ["[2/3] RUN xyz", "[3/3] RUN b"], [(0, 0), (1, 1)]),
    "one more": (["[2/2] RUN b"], ["[2/3] COPY a /", "[3/3] RUN b"], [(None, 0), (0, 1)]),
    "one less": (["[2/3] COPY a /", "[3/3] RUN b"], ["[2/2] RUN b"], [(0, None), (1, 0)]),
    "swapped": (["[2/3] RUN a", "[3/3] RUN b"], ["[2/3] RUN b", "[3/3] RUN a"], [(1, 0), (0, 1)]),
    "a moved base": ([FROM, "[2/3] RUN a"], [FROM.replace("aa", "bb"), "[2/3] RUN a"], [(0, 0), (1, 1)]),
    "another base": (
        ["[1/2] FROM debian:11", "[2/2] RUN a"],
        ["[1/2] FROM debian:12", "[2/2] RUN a"],
        [(0, 0), (1, 1)],
    ),
    "a renamed stage": (
        ["[make 1/3] FROM a", "[make 2/3] RUN a", "[out 1/2] FROM b", "[out 2/2] COPY a /"],
        ["[built 1/3] FROM a", "[built 2/3] RUN a", "[out 1/2] FROM b", "[out 2/2] COPY a /"],
        [(0, 0), (1, 1), (2, 2), (3, 3)],
    ),
    "a stage before it": (
        ["[1/2] FROM b", "[2/2] RUN b"],
        ["[make 1/2] FROM a", "[make 2/2] RUN a", "[stage-1 1/2] FROM b", "[stage-1 2/2] RUN b"],
        [(None, 0), (None, 1), (0, 2), (1, 3)],
    ),
    "the same words in two stages": (
        ["[one 2/2] RUN make", "[two 2/2] RUN make"],
        ["[one 2/2] RUN make", "[two 2/2] RUN make"],
        [(0, 0), (1, 1)],
    ),
    "the same words for two platforms": (
        ["[linux/amd64 2/2] RUN make", "[linux/arm64 2/2] RUN make"],
        ["[linux/arm64 2/2] RUN make", "[linux/amd64 2/2] RUN make"],
        [(1, 0), (0, 1)],
    ),
    "BuildKit's own": (
        ["[internal] load build context", "[2/2] RUN a", "exporting to image"],
        ["[internal] load build context", "[2/2] RUN ab", "exporting to image"],
        [(0, 0), (1, 1), (2, 2)],
    ),
    "nothing before": ([], ["[2/2] RUN a"], [(None, 0)]),
}


@pytest.mark.parametrize(("before", "after", "expected"), CASES.values(), ids=CASES)
def test_steps_are_paired_as_a_person_would(before, after, expected):
    named = [(a if a is None else before[a], b if b is None else after[b]) for a, b in expected]
    assert [(one, other) for one, other, _ in pairs(before, after)] == named


def test_it_says_which_step_stands_in_another_order():
    found = pairs(["[2/3] RUN a", "[3/3] RUN b"], ["[2/3] RUN b", "[3/3] RUN a"])
    assert [moved for _, _, moved in found].count(True) == 1


def test_it_knows_an_operation_whose_words_have_changed():
    before = [Named("[2/3] RUN echo one", "f1"), Named("[3/3] RUN echo two", "f2")]
    after = [Named("[2/3] RUN echo three", "f3"), Named("[3/3] RUN other words", "f1")]
    found = {p.after.name: p.before and p.before.name for p in pair_steps(before, after) if p.after}
    assert found["[3/3] RUN other words"] == "[2/3] RUN echo one"


def test_every_step_of_both_builds_appears_once():
    before, after = [f"[{n}/9] RUN {n}" for n in range(9)], [f"[{n}/9] RUN {n * 7 % 5}" for n in range(9)]
    found = pairs(before, after)
    assert sorted(one for one, _, _ in found if one) == sorted(before)
    assert sorted(other for _, other, _ in found if other) == sorted(after)


def test_a_thousand_steps_are_no_flood():
    names = [f"[{n}/1000] RUN {n}" for n in range(1000)]
    assert all(one == other for one, other, _ in pairs(names, names))


def test_two_edited_steps_without_a_word_in_common_keep_their_places():
    found = pairs(["[2/3] RUN a", "[3/3] RUN b"], ["[2/3] RUN x", "[3/3] RUN y"])
    assert [(one, other) for one, other, _ in found] == [("[2/3] RUN a", "[2/3] RUN x"), ("[3/3] RUN b", "[3/3] RUN y")]


def test_thousands_of_other_steps_are_no_flood():
    before, after = ([f"[{n}/4000] RUN {words} {n}" for n in range(4000)] for words in ("make", "build"))
    after[7] = before[7]
    assert [one for one, other, _ in pairs(before, after) if one and other] == [before[7]]


def test_many_alike_steps_are_no_flood():
    before, after = ([f"[{n}/150] RUN {'a b c ' * 500}{n * times % 7}" for n in range(150)] for times in (3, 5))
    assert len([one for one in pairs(before, after) if one[0] and one[1]]) > 140


def test_what_fetches_an_address_is_not_what_writes_it_though_both_have_one_name():
    fetch, write = (
        Named("[3/4] ADD https://example.com/a /", "fetch"),
        Named("[3/4] ADD https://example.com/a /", "write"),
    )
    base, run, copy = Named("[1/4] FROM a"), Named("[2/4] RUN one"), Named("[4/4] COPY a /")
    found = pair_steps([fetch, base, run, write, copy], [base, run, fetch, write, copy])
    assert all(pair.before == pair.after for pair in found)
