"""A Dockerfile with what the build made of its lines, held against recorded builds."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds.core.annotate import Annotated, Finding, StepFacts, annotate
from builds.core.dockerfile_words import find_lines
from builds.core.metadata import read_metadata
from builds.core.progress import StepState
from tests.builds.core.rawjson import RAWJSON, SAMPLES, book_of

OUTCOMES = {
    StepState.CACHED: "cached",
    StepState.SUCCEEDED: "ran",
    StepState.FAILED: "failed",
    StepState.PENDING: "not reached",
}


def recorded(name: str, platform: str = "") -> Annotated:
    """A recorded build with its metadata file."""
    facts = read_metadata(json.loads((RAWJSON / "metadata" / f"{name}.json").read_text()))
    told = facts.step_facts
    steps = [
        StepFacts(
            step.index,
            step.name,
            OUTCOMES[step.state],
            None if step.cached else step.duration_s,
            told[step.vertex].size_bytes or None if step.vertex in told else None,
            told[step.vertex].lines if step.vertex in told else (),
        )
        for step in book_of(f"metadata/{name}").steps
    ]
    return annotate(facts.platforms[0].dockerfile, steps, platform=platform)


def shape(told: Annotated) -> list[tuple[int, str, str]]:
    """(line, place in its block, outcome) of the lines that made a step."""
    return [(line.number, line.place, line.block.outcome) for line in told.lines if line.block]


def step(index: int, name: str, lines: tuple[int, ...] = (), **fields) -> StepFacts:
    return StepFacts(index, name, **{"outcome": "ran", "seconds": 1.0, "lines": lines, **fields})


def test_02_every_line_of_a_recorded_build_has_its_time_cache_and_layer():
    """Point 2: each line with its time, cached or not, and the layer size it made, from provenance."""
    told = recorded("push")
    assert shape(told) == [
        (1, "only", "ran"),
        (3, "only", "ran"),
        (6, "only", "ran"),
        (7, "first", "ran"),
        (8, "last", "ran"),
        (12, "only", "ran"),
        (13, "only", "ran"),
    ]
    assert [line.block.layer_bytes for line in told.lines if line.block and line.is_first] == [
        1_080_173,
        166,
        98,
        101,
        109,
        29,
    ]
    assert (told.placed, told.steps, told.unplaced) == (6, 6, ())


def test_02_the_sums_are_by_stage_and_leave_from_out_of_the_hit_rate():
    """Point 2: totals at the top, time and size by stage."""
    told = recorded("platforms")
    assert [(stage.name, stage.steps, stage.cached) for stage in told.stages] == [
        ("base", 2, 2),
        ("mid", 4, 4),
        ("last", 4, 4),
    ]
    assert told.layer_bytes == sum(stage.layer_bytes or 0 for stage in told.stages)


def test_02_several_platforms_are_summed_or_chosen():
    """Point 2: times of several platforms summed, or by the platform that is chosen."""
    both, one = recorded("platforms"), recorded("platforms", "linux/arm64")
    assert (both.platforms, both.platform, one.platform) == (("linux/amd64", "linux/arm64"), "", "linux/arm64")
    assert [len(told.lines[2].block.steps) for told in (both, one)] == [2, 1]
    assert (both.lines[2].block.layer_bytes, one.lines[2].block.layer_bytes) == (333, 167)
    assert recorded("platforms", "linux/riscv64").platform == ""


def test_it_tells_a_base_image_that_two_lines_name_once_and_marks_the_other_line():
    told = recorded("two-bases")
    blocks = {line.number: line.block for line in told.lines if line.block}
    assert [name for name, block in blocks.items() if block.is_again] == []
    # Line 14 copies from that base: the copy is what it made.
    assert blocks[14].main.name.startswith("[stage-1 4/5] COPY")
    assert [blocks[4].first, blocks[4].last] == [4, 7]


def test_it_shows_the_lines_of_a_step_that_stands_on_two_places():
    told = annotate("FROM a\nRUN x\nFROM a\n", [step(0, "FROM a", (1, 3), layer_bytes=7)])
    assert [(line.number, line.block.is_again) for line in told.lines if line.block] == [(1, False), (3, True)]
    assert (told.lines[2].block.seconds, told.lines[2].block.layer_bytes) == (None, None)
    assert told.seconds == 1.0


WARNINGS = {1: [Finding("FromAsCasing: x", "https://r.example/x")], None: [Finding("general")], 99: [Finding("beyond")]}


def test_02_warnings_stand_at_their_line_and_those_without_one_beside():
    """Point 2: BuildKit's warnings at their line with the rule's link."""
    told = annotate("FROM a\nRUN x\n", [], findings=WARNINGS)
    assert [line.findings for line in told.lines] == [tuple(WARNINGS[1]), ()]
    assert [finding.message for finding in told.elsewhere] == ["general", "beyond"]


def test_02_the_failing_line_of_a_build_without_provenance_is_marked():
    """Point 2: the failing line from the recorded error location, all lines of its instruction with it."""
    name = "[2/3] RUN a && b"
    steps = [step(1, name, outcome="failed"), step(2, "[3/3] RUN c", outcome="not reached", seconds=None)]
    told = annotate("FROM a\nRUN a \\\n && b\nRUN c\n", steps, guilty_line=2, guilty_step=name)
    assert [(line.number, line.is_guilty, line.tells_fault) for line in told.lines][1:3] == [
        (2, True, True),
        (3, False, False),
    ]
    assert told.lines[1].block.outcome == "failed"
    placed = [step(1, name, (2, 3), outcome="failed")]
    told = annotate("FROM a\nRUN a \\\n && b\nRUN c\n", placed, guilty_line=2, guilty_step=name)
    assert [line.number for line in told.lines if line.is_guilty] == [2, 3]
    assert [line.number for line in told.lines if line.tells_fault] == [3]


def test_it_marks_the_line_of_an_error_that_no_step_made():
    told = annotate("FROM a\nRUNN x\n", [], guilty_line=2)
    assert [line.number for line in told.lines if line.tells_fault] == [2]
    assert not any(line.is_guilty for line in annotate("FROM a\n", []).lines)


@pytest.mark.parametrize(
    ("outcomes", "word"),
    [
        (("cached", "cached"), "cached"),
        (("cached", "ran"), "partly cached"),
        (("ran", "failed"), "failed"),
        (("cached", "running"), "running"),
        (("ran", "cut off"), "cut off"),
        (("not reached", "not reached"), "not reached"),
        (("ran", "not reached"), "ran"),
        (("not yet", "not yet"), "not yet"),
    ],
)
def test_it_has_one_word_for_the_steps_of_all_platforms(outcomes, word):
    steps = [step(n, f"[linux/p{n} 1/1] RUN x", (1,), outcome=outcome) for n, outcome in enumerate(outcomes)]
    assert annotate("RUN x", steps).lines[0].block.outcome == word


def test_it_leads_to_the_step_that_failed_or_printed_most():
    steps = [step(0, "[1/1] RUN x", (1,), log_lines=9), step(1, "[1/1] RUN x", (1,), outcome="failed")]
    assert annotate("RUN x", steps).lines[0].block.main.index == 1


@pytest.mark.parametrize("name", sorted(name for name, sample in SAMPLES.items() if sample.get("dockerfile")))
def test_02_steps_stand_where_their_words_do_in_every_recorded_dockerfile(name):
    """Point 2: for a build without provenance what can be known is known, and never a wrong line."""
    text = SAMPLES[name]["dockerfile"]
    instructions = [found.label.instruction for found in book_of(name).steps if found.label.role == "step"]
    rows = text.splitlines()
    for instruction, lines in find_lines(text, instructions).items():
        said = " ".join(" ".join(rows[line - 1].rstrip("\\") for line in lines).split())
        if instruction.startswith("FROM "):
            assert said.split()[1] in instruction
        else:
            assert said.upper() == " ".join(instruction.split()).upper()


WORDS = "FROM a\ncopy . /x\nRUN one \\\n  && two\nRUN same\nRUN same\n# RUN quiet\nRUN one\n"


@pytest.mark.parametrize(
    ("instruction", "lines"),
    [
        ("COPY . /x", (2,)),
        ("RUN one     && two", (3, 4)),
        ("RUN one", (8,)),
        ("RUN same", None),
        ("RUN quiet", None),
        ("RUN absent", None),
        ("FROM docker.io/library/a@sha256:5f1c", (1,)),
        ("FROM registry.example/a:1", None),
        ("", None),
    ],
)
def test_it_finds_a_step_where_its_words_stand_once(instruction, lines):
    assert find_lines(WORDS, [instruction]).get(instruction) == lines


@pytest.mark.parametrize(
    "line", ["FROM node:20", "from --platform=$X docker.io/library/node:20 as b", "FROM library/node:20 AS b"]
)
def test_it_finds_a_base_image_however_it_is_spelled(line):
    step = "FROM docker.io/library/node:20@sha256:5f1c"
    assert find_lines(f"# x\n{line}\nRUN a\n", [step]) == {step: (2,)}
    assert find_lines(f"{line}\nRUN a\nFROM node:20\n", [step]) == {}


@given(st.text(max_size=300), st.lists(st.text(max_size=30), max_size=5))
def test_it_takes_any_text(text, names):
    steps = [
        step(n, f"[1/2] {name}", lines)
        for n, (name, lines) in enumerate(zip(names, find_all(text, names), strict=True))
    ]
    told = annotate(text, steps, guilty_line=3, guilty_step=names[0] if names else "")
    assert [line.number for line in told.lines] == list(range(1, len(text.splitlines()) + 1))


def find_all(text: str, names: list[str]) -> list[tuple[int, ...]]:
    found = find_lines(text, names)
    return [found.get(name, (1, 2, 5)) for name in names]
