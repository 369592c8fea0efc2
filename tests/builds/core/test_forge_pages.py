"""Addresses on forges, told from clone URLs."""

from __future__ import annotations

import pytest

from builds.core.forge_pages import commit_page, files_page, guess_forge, hooks_page, keys_page, web_page


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/web.git",
        "https://token@github.com/acme/web",
        "ssh://git@github.com:22/acme/web.git",
        "git@github.com:acme/web.git",
        "https://GitHub.com/acme/web/",
    ],
)
def test_it_finds_the_page_of_a_repository_however_it_is_cloned(url):
    assert web_page(url) == "https://github.com/acme/web"


@pytest.mark.parametrize("url", ["", "file:///srv/x", "ext::sh -c id", "javascript:alert(1)", "/srv/git/x"])
def test_it_gives_no_link_for_what_is_no_forge(url):
    assert not web_page(url).startswith("javascript")
    assert guess_forge(url) == ""


@pytest.mark.parametrize(
    ("url", "forge"),
    [
        ("https://github.com/a/b", "github"),
        ("https://gitlab.example.com/a/b", "gitlab"),
        ("git@bitbucket.org:a/b.git", "bitbucket"),
        ("https://codeberg.org/a/b", "gitea"),
        ("https://git.example.com/a/github", ""),
    ],
)
def test_it_tells_the_forge_from_the_host_alone(url, forge):
    assert guess_forge(url) == forge


def test_it_knows_where_to_click():
    url = "https://github.com/acme/web.git"
    assert hooks_page("github", url) == "https://github.com/acme/web/settings/hooks/new"
    assert keys_page("github", url) == "https://github.com/acme/web/settings/keys/new"
    assert commit_page("github", url, "a1b2c3d") == "https://github.com/acme/web/commit/a1b2c3d"
    assert files_page("gitlab", "https://gitlab.com/a/b", "main") == "https://gitlab.com/a/b/-/blob/main/"


def test_it_keeps_quiet_about_forges_it_does_not_know():
    assert hooks_page("generic", "https://git.example.com/a/b") == ""
