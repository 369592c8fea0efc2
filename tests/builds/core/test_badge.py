"""Badges as pictures: what they say, in which colour, and that nothing in them is markup."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds.core.badge import MOST_LABEL, draw, size_words, state_words


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("succeeded", ("passing", "good")),
        ("failed", ("failing", "bad")),
        (None, ("unknown", "unknown")),
    ],
)
def test_it_says_how_the_newest_build_ended(state, words):
    assert state_words(state) == words


def test_it_says_how_much_a_pull_transfers():
    assert size_words(84_200_000) == ("84.2 MB", "plain")
    assert size_words(None) == ("unknown", "unknown")


def test_it_can_be_read_aloud():
    picture = ET.fromstring(draw("build", "passing", "good"))
    assert picture.get("role") == "img"
    assert picture.get("aria-label") == "build: passing"


@given(st.text(max_size=100), st.text(max_size=100))
def test_whatever_a_label_holds_is_text_in_a_picture_of_bounded_size(label, value):
    picture = ET.fromstring(draw(label, value, "plain"))
    texts = picture.findall(".//{http://www.w3.org/2000/svg}text")
    assert len(texts) == 2
    assert all(len(text.text or "") <= MOST_LABEL for text in texts)
    assert int(picture.get("width")) <= 2 * (MOST_LABEL * 11 + 12)
