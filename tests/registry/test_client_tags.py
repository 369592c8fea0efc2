"""RegistryClient.tags: every way of paging that registries have, on one host, without end and without a heap."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from registry.client import RegistryClient, RegistryError
from tests.fake_registry import FakeRegistry

Connect = Callable[..., RegistryClient]
PATH = "/v2/app/tags/list?next_page=opaque%3D%3D1&n=50"


@pytest.mark.parametrize(
    "link",
    [f'<{PATH}>; rel="next"', f'<http://{{host}}{PATH}>; rel="next"', f"<https://{{host}}{PATH}>; rel=next"],
    ids=["relative", "absolute", "other-scheme"],
)
def test_x01_it_finds_the_tags_of_all_pages(fake: FakeRegistry, connect: Connect, link: str) -> None:
    """Field case X01: an opaque Link, relative or absolute, followed as it is given."""
    fake.state.pages["app"] = [(["v1", "v2"], link), (["v3"], "")]
    assert list(connect(fake.host).tags("app")) == ["v1", "v2", "v3"]
    assert fake.state.asked[-1] == ("GET", PATH)


@pytest.mark.parametrize(("tags", "expected"), [(None, []), ([], []), (["b", "a"], ["b", "a"])])
def test_x01_it_takes_what_one_page_has(
    fake: FakeRegistry, connect: Connect, tags: list[str] | None, expected: list[str]
) -> None:
    """Field case X01: tags:null, and a registry that ignores n and has no Link."""
    fake.state.pages["app"] = [(tags, "")]
    assert list(connect(fake.host).tags("app")) == expected


def test_x01_it_shows_nothing_pushed_as_an_empty_list(fake: FakeRegistry, connect: Connect) -> None:
    """Field case X01: 404 NAME_UNKNOWN."""
    assert list(connect(fake.host).tags("never/pushed")) == []


def test_x01_it_ends_where_pages_run_in_a_circle(fake: FakeRegistry, connect: Connect) -> None:
    """Field case X01: a Link that loops."""
    back = '</v2/app/tags/list?next_page=0>; rel="next"'
    fake.state.pages["app"] = [(["v1"], f'<{PATH}>; rel="next"'), (["v2"], back)]
    assert set(connect(fake.host).tags("app")) == {"v1", "v2"}
    assert fake.state.count("GET") <= 4


def test_x01_it_asks_no_other_host(fake: FakeRegistry, connect: Connect) -> None:
    """Field case X01: same host only, and the list is not passed off as whole."""
    fake.state.pages["app"] = [(["v1"], f'<http://evil.example{PATH}>; rel="next"')]
    with pytest.raises(RegistryError) as caught:
        list(connect(fake.host).tags("app"))
    assert caught.value.message == (
        f"The tag list of app at {fake.host} did not work: it names another host for the next page of tags."
    )


def test_x01_it_lists_twelve_thousand_tags_a_thousand_at_a_time_in_little_memory(
    fake: FakeRegistry, connect: Connect
) -> None:
    """Field case X01: 12,000 tags, no manifest request: what takes the time is how often the registry is asked."""
    names = [f"v0.0.{number}" for number in range(12_000)]
    pages = [names[start : start + 1000] for start in range(0, 12_000, 1000)]
    fake.state.pages["app"] = [
        (page, f'</v2/app/tags/list?next_page={number + 1}>; rel="next"' if number < 11 else "")
        for number, page in enumerate(pages)
    ]
    client = connect(fake.host)
    tracemalloc.start()
    count = sum(1 for _ in client.tags("app"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 12_000
    assert peak < 2_000_000
    assert fake.state.count("GET", "/tags/list") == 12
    assert fake.state.count("GET", "/manifests/") == 0


def test_it_says_that_a_tag_list_is_none(fake: FakeRegistry, connect: Connect) -> None:
    fake.state.pages["app"] = [({"a": 1}, "")]  # type: ignore[list-item]
    with pytest.raises(RegistryError, match="its answer is not a list of tags"):
        list(connect(fake.host).tags("app"))


def test_it_reads_the_next_page_only_when_it_is_wanted(fake: FakeRegistry, connect: Connect) -> None:
    fake.state.pages["app"] = [(["v1"], f'<{PATH}>; rel="next"'), (["v2"], "")]
    assert next(connect(fake.host).tags("app")) == "v1"
    assert fake.state.count("GET") == 1
