"""registry.core.publication: the order of steps, the way back, and how the outcome is told."""

from __future__ import annotations

import pytest

from registry.core.errors import RegistryError, RegistryErrorKind
from registry.core.publication import Publication, TagStep, plan_publication

NEW, OLD, BEFORE = "sha256:new", "sha256:old", "sha256:before"
ERROR = RegistryError("The registry refused.", kind=RegistryErrorKind.DENIED)


@pytest.mark.parametrize(
    ("found", "previous", "back_to"),
    [
        ({"latest": OLD}, {"latest": OLD}, OLD),
        ({"latest": OLD}, {"latest": BEFORE}, OLD),  # somebody pushed by hand
        ({"latest": None}, {"latest": BEFORE}, None),  # somebody deleted it
        ({"latest": None}, {}, None),
        ({"latest": NEW}, {"latest": OLD}, OLD),  # a publication died half-way
        ({"latest": NEW}, {"latest": None}, None),
        ({"latest": NEW}, {"latest": NEW}, NEW),  # it was complete
    ],
)
def test_it_knows_the_way_back(found: dict, previous: dict, back_to: str | None) -> None:
    assert plan_publication(NEW, ["latest"], found, previous) == (TagStep("latest", back_to),)


def test_it_puts_new_tags_last_and_each_tag_once() -> None:
    found = {"1.2": None, "latest": OLD, "1": OLD}
    steps = plan_publication(NEW, ["1.2", "latest", "1", "latest"], found, {})
    assert [step.tag for step in steps] == ["latest", "1", "1.2"]


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (Publication(NEW), "No tag was to move."),
        (Publication(NEW, tags=("latest",)), "`latest` points to the new image."),
        (Publication(NEW, tags=("1", "1.2", "latest")), "`1`, `1.2` and `latest` point to the new image."),
        (Publication(NEW, error=ERROR), "The registry refused. No tag was moved."),
        (Publication(NEW, taken_back=("1",), error=ERROR), "The registry refused. No tag was moved."),
        (
            Publication(NEW, taken_back=("1", "2"), stuck=("latest",), error=ERROR),
            (
                "The registry refused. `latest` could not be taken back and may point to the new image. "
                "`1` and `2` point to the old image again. Retry the build to move the rest, or move the tags by hand."
            ),
        ),
    ],
)
def test_it_says_what_is_true_in_the_registry(outcome: Publication, sentence: str) -> None:
    assert outcome.sentence == sentence
