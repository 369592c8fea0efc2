"""Scopes as clients ask for them, and what is granted of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.grants import ALL, NOTHING, Access, Ceiling, actions_for, decide, wished
from registry.core.scopes import MOST_SCOPES, MOST_TEXT, TooManyScopes, Wanted, parse_scopes


def wanted(text: str) -> list[tuple[str, str, list[str]]]:
    return [(one.type, one.name, sorted(one.actions)) for one in parse_scopes([text])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("repository:acme/web:pull", [("repository", "acme/web", ["pull"])]),
        ("repository:acme/web:push,pull", [("repository", "acme/web", ["pull", "push"])]),
        ("repository(plugin):acme/web:pull", [("repository", "acme/web", ["pull"])]),
        ("registry:catalog:*", [("registry", "catalog", ["*"])]),
        # Field case R04: a name may have a host with a port, or an IPv6 address, in front.
        (
            "repository:registry.local:5000/MyOrg/MyApp:pull",
            [("repository", "registry.local:5000/MyOrg/MyApp", ["pull"])],
        ),
        ("repository:[fc00::1]:5000/app:pull", [("repository", "[fc00::1]:5000/app", ["pull"])]),
        ("repository:a__b/c---d:pull", [("repository", "a__b/c---d", ["pull"])]),
        ("repository:-docker/x:pull", [("repository", "-docker/x", ["pull"])]),
        # Two scopes in one parameter, and one resource named twice.
        (
            "repository:acme/web:pull repository:acme/base:pull repository:acme/web:push",
            [("repository", "acme/web", ["pull", "push"]), ("repository", "acme/base", ["pull"])],
        ),
    ],
)
def test_scopes_are_read_as_distribution_writes_them(text: str, expected: list[tuple[str, str, list[str]]]) -> None:
    assert wanted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "repository",
        "repository:acme/web",
        "repository::pull",
        "repository:acme/web:",
        "repository:acme/web:,",
        "repository:acme/web:PULL",
        "repo sitory:acme",
        ":acme/web:pull",
        "REPOSITORY:acme/web:pull",
        "repository(:acme/web:pull",
        f"repository:{'a' * MOST_TEXT}:pull",
        "repository:acme/web:pull\x00",
    ],
)
def test_broken_scopes_are_left_out(text: str) -> None:
    assert wanted(text) == []


def test_a_huge_list_of_scopes_is_refused_with_a_sentence() -> None:
    many = [f"repository:acme/r{number}:pull" for number in range(MOST_SCOPES)]
    assert len(parse_scopes(many)) == MOST_SCOPES
    with pytest.raises(TooManyScopes, match="More than 100 scopes are asked for at once"):
        parse_scopes([*many, "repository:acme/one-more:pull"])


@given(st.lists(st.text(alphabet="repositygl:/(),*-_. pul\x00é", max_size=60), max_size=8))
def test_whatever_is_asked_never_more_than_that_is_granted(texts: list[str]) -> None:
    asked = parse_scopes(texts)
    for access in decide(asked, lambda _path: ALL, Ceiling(catalog=True)):
        (meant,) = [one for one in asked if (one.type, one.name) == (access.type, access.name)]
        assert set(access.actions) <= wished(meant) | meant.actions


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ((False, False, False), set()),
        ((True, False, False), {"pull"}),
        ((True, True, False), {"pull", "push"}),
        ((True, True, True), {"pull", "push", "delete"}),
        ((False, True, True), set()),
    ],
)
def test_read_pulls_write_pushes_admin_deletes(role: tuple[bool, bool, bool], expected: set[str]) -> None:
    can_see, can_write, can_admin = role
    assert actions_for(can_see=can_see, can_write=can_write, can_admin=can_admin) == expected


def decided(text: str, allowed: frozenset[str], ceiling: Ceiling) -> tuple[Access, ...]:
    return decide(parse_scopes([text]), lambda _path: allowed, ceiling)


def test_the_grant_is_what_wish_role_and_log_in_have_in_common() -> None:
    asks = "repository:acme/web:pull,push,delete"
    assert decided(asks, frozenset({"pull", "push"}), Ceiling()) == (
        Access("repository", "acme/web", ("pull", "push")),
    )
    assert decided(asks, ALL, Ceiling(frozenset({"pull"}))) == (Access("repository", "acme/web", ("pull",)),)
    assert decided("repository:acme/web:pull", ALL, Ceiling()) == (Access("repository", "acme/web", ("pull",)),)
    assert decided(asks, NOTHING, Ceiling()) == ()
    assert decided(asks, ALL, Ceiling(covers=lambda path: path == "acme/other")) == ()
    assert decided("repository:acme/web:*", ALL, Ceiling())[0].actions == ("pull", "push", "delete")


def test_the_catalogue_is_for_administrators_alone() -> None:
    assert decided("registry:catalog:*", ALL, Ceiling(catalog=True)) == (Access("registry", "catalog", ("*",)),)
    assert decided("registry:catalog:*", ALL, Ceiling()) == ()
    assert decided("registry:other:*", ALL, Ceiling(catalog=True)) == ()
    assert decide([Wanted("plugin", "acme/web", ALL)], lambda _path: ALL, Ceiling(catalog=True)) == ()
