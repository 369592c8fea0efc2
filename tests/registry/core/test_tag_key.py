"""Point 4: sorting tags as versions by a key of bytes, also where their names are made to break it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.versions import parse_version
from registry.core.tag_key import BUILD, LONGEST, VERSION, tag_key

# Each is lower than the next.
RISING = [
    "0.0.0-0", "0", "0.9", "v1.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
    "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.0.1", "1.9", "1.10-rc.1", "1.10-rc.1.1", "1.10", "v2", "10",
    "2024.01.15", "20240115", "999999999999999999",
]  # fmt: skip


@pytest.mark.parametrize(("lower", "higher"), list(pairwise(RISING)))
def test_it_sorts_as_versions(lower, higher):
    assert tag_key(lower) < tag_key(higher)


@pytest.mark.parametrize(("one", "other"), [("1.2", "v1.2.0"), ("1", "1.0.0"), ("01.02", "1.2"), ("V3", "3.0")])
def test_what_names_one_version_it_gives_one_key(one, other):
    assert tag_key(one) == tag_key(other)


@pytest.mark.parametrize(
    "name",
    ["", "latest", "main", "1.2.3.4.5", "1..2", "1.x", "release-1.2", "1.2_3", "１.２", "1.2\n", "9" * 19, "9" * 128,
     "v", "-1", "build-", "build-tools", "build-1a", "Build-1", "build-" + "9" * 19, "1.2-", "\x00", "<script>", "1/2"],
)  # fmt: skip
def test_what_is_no_version_it_takes_for_a_word(name):
    assert tag_key(name) == b""


def test_build_tags_it_sorts_by_number_between_words_and_versions():
    keys = [tag_key(name) for name in ("latest", "build-2", "build-9", "build-10", "0.0.0-0")]
    assert keys == sorted(keys)
    assert [key[:1] for key in keys] == [b"", BUILD, BUILD, BUILD, VERSION]


def test_the_longest_name_it_fits_into_the_column():
    for name in ("1-" + "1." * 63, "1-" + "a." * 63, "1.1.1.1-" + "9" * 120):
        assert len(tag_key(name)) < LONGEST


VERSIONS = st.from_regex(r"\A[vV]?[0-9]{1,3}(\.[0-9]{1,3}){0,3}(-[0-9A-Za-z.-]{1,12})?\Z")


@given(VERSIONS, VERSIONS)
def test_any_two_versions_it_sorts_as_their_parts_do(one, other):
    first, second = parse_version(one), parse_version(other)
    assert first is not None
    assert second is not None
    assert (tag_key(one) < tag_key(other), tag_key(one) == tag_key(other)) == (first < second, first == second)
