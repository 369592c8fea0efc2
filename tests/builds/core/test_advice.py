"""Whose move it is after a failure."""

from __future__ import annotations

import pytest

from builds.core.advice import advice_for
from builds.core.errors import ErrorKind


@pytest.mark.parametrize("kind", list(ErrorKind))
def test_it_has_advice_for_every_kind_of_fault(kind):
    advice = advice_for(kind.value, "Something ended.")
    assert advice is not None
    assert advice.whose.endswith(" move")
    assert advice.what.endswith(".")
    assert "!" not in advice.what


@pytest.mark.parametrize("kind", ["", "of another version"])
def test_it_has_none_where_there_is_no_fault(kind):
    assert advice_for(kind, "") is None


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ("Step 2 (`RUN nosuchtool`) ended with exit code 127.", "a command was not found in the image"),
        ("Step 2 (`RUN make`) ended with exit code 137.", "too much memory"),
        ("Step 2 (`COPY a b`): `a` was not found: no such file or directory.", "the rule's build context"),
        ("Step 2 ended: write /var/lib/x: no space left on device.", "The disk of the builder is full"),
        ("Step 2 (`RUN false`) ended with exit code 1.", "The last lines of the step"),
    ],
)
def test_b07_it_takes_the_hint_of_an_exit_code(message, what):
    advice = advice_for("user", message)
    assert advice is not None
    assert what in advice.what


def test_b07_it_blames_no_commit_for_a_broken_builder():
    advice = advice_for("builder", "The builder went away.")
    assert advice is not None
    assert advice.whose == "The administrator's move"
    assert "the commit is not to blame" in advice.what
