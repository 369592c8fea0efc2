"""Names of base images, and the order in which what stands on them is built anew."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds.core.bases import layered, moved_sentence, newest_tag, upstream_of, waits_for, watchable

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("written", "full", "shown"),
    [
        ("debian:12", "docker.io/library/debian:12", "debian:12"),
        ("debian", "docker.io/library/debian:latest", "debian:latest"),
        ("docker.io/library/debian:12", "docker.io/library/debian:12", "debian:12"),
        ("acme/base:1", "docker.io/acme/base:1", "acme/base:1"),
        ("registry.example.com/base:1", "registry.example.com/base:1", "registry.example.com/base:1"),
        ("127.0.0.1:5000/library/busybox:1", "127.0.0.1:5000/library/busybox:1", "127.0.0.1:5000/library/busybox:1"),
    ],
)
def test_it_knows_a_base_by_one_spelling_and_shows_the_usual_one(written, full, shown):
    name = watchable(written)
    assert name is not None
    assert (name.full, name.shown) == (full, shown)


@pytest.mark.parametrize("written", [f"debian@{DIGEST}", f"debian:12@{DIGEST}", "", "Debian:12", "a b", "x" * 2000])
def test_it_watches_neither_a_digest_nor_what_is_no_name(written):
    assert watchable(written) is None


def test_it_says_what_moved_in_seven_characters_each():
    assert moved_sentence("debian:12", DIGEST, "sha256:" + "b" * 64) == "base debian:12 moved aaaaaaa → bbbbbbb"


def test_it_builds_a_middle_image_before_what_stands_on_it_and_on_the_base():
    sources = {"app": {"middle", "base"}, "middle": {"base"}, "other": {"base"}}
    assert waits_for(["app", "middle", "other"], sources) == {"app": {"middle"}, "middle": set(), "other": set()}


def test_it_breaks_a_circle_by_waiting_for_nobody_in_it():
    assert waits_for(["a", "b"], {"a": {"b"}, "b": {"a"}}) == {"a": set(), "b": set()}
    assert upstream_of("a", {"a": {"b"}, "b": {"a"}}) == {"a", "b"}


graphs = st.dictionaries(st.integers(0, 9), st.sets(st.integers(0, 9), max_size=4), max_size=10)


@given(graphs)
def test_it_never_lets_two_wait_for_each_other(sources):
    before = waits_for(range(10), sources)
    assert not any(node in upstream_of(node, before) for node in before)


@given(graphs)
def test_it_places_every_image_once_and_right_of_what_it_stands_on(sources):
    columns = layered(range(10), sources)
    place = {node: depth for depth, column in enumerate(columns) for node in column}
    assert sorted(node for column in columns for node in column) == list(range(10))
    for node, others in sources.items():
        for other in others:
            if node not in upstream_of(other, sources) and other != node:
                assert place[other] < place[node]


def test_it_builds_only_the_highest_version_of_many_tags_anew():
    assert newest_tag(["v1.10.0", "v1.9.9", "v2.0.0-rc.1"]) == "v1.10.0"
    assert newest_tag(["nightly-1", "nightly-2"]) == "nightly-2"
    assert newest_tag([]) is None
