"""registry.core.paging: where the next page of tags is."""

from __future__ import annotations

import pytest

from registry.core.paging import WrongLink, next_page, parse_tags


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("", None),
        ('</v2/app/tags/list?next_page=gAAA%3D%3D&n=50>; rel="next"', "/v2/app/tags/list?next_page=gAAA%3D%3D&n=50"),
        ("</v2/app/tags/list?last=a>; rel=next", "/v2/app/tags/list?last=a"),
        ('<https://registry.example.com/v2/app/tags/list?last=a>; rel="next"', "/v2/app/tags/list?last=a"),
        ('<http://registry.example.com:5000/v2/app/tags/list?last=a>; rel="next"', "/v2/app/tags/list?last=a"),
        ('</v2/a/tags/list?p=0>; rel="prev", </v2/a/tags/list?p=2>; rel="next"', "/v2/a/tags/list?p=2"),
        ('</v2/app/tags/list?last=a>; rel="prev"', None),
        ("nonsense", None),
    ],
)
def test_x01_it_follows_the_link_as_it_is_given(link: str, path: str | None) -> None:
    """Field case X01: relative or absolute, opaque, http behind https."""
    assert next_page(link, "registry.example.com:443") == path


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/v2/app/tags/list",
        "//evil.example/v2/app/tags/list",
        "https://registry.example.com@evil.example/v2/x",
        "https://registry.example.com/admin/delete",
        "/v2/../admin",
        "http://[::1/v2/",
        "file:///etc/passwd",
    ],
)
def test_x01_it_goes_nowhere_else(target: str) -> None:
    with pytest.raises(WrongLink):
        next_page(f'<{target}>; rel="next"', "registry.example.com")


@pytest.mark.parametrize(
    ("body", "tags"),
    [
        (b'{"name":"app","tags":null}', []),
        (b'{"name":"app"}', []),
        (b'{"tags":["v1","",7,"a b","<script>","-x","latest"]}', ["v1", "latest"]),
    ],
)
def test_x01_it_reads_tags_that_can_be_tags(body: bytes, tags: list[str]) -> None:
    assert parse_tags(body) == tags


@pytest.mark.parametrize("body", [b"", b"[]", b'{"tags":{}}', b"<html>"])
def test_it_refuses_what_is_no_page(body: bytes) -> None:
    with pytest.raises(ValueError):
        parse_tags(body)
