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
        ("https://forgejo.example.com/a/b", "gitea"),
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


PAGES = {
    "gitlab": (
        "git@gitlab.example.com:group/sub/web.git",
        "https://gitlab.example.com/group/sub/web/-/hooks",
        "https://gitlab.example.com/group/sub/web/-/settings/repository#js-deploy-keys-settings",
        "https://gitlab.example.com/group/sub/web/-/commit/a1b2c3d",
        "https://gitlab.example.com/group/sub/web/-/blob/main/",
    ),
    "gitea": (
        "http://gitea.example.com:3000/acme/web.git",
        "http://gitea.example.com:3000/acme/web/settings/hooks/gitea/new",
        "http://gitea.example.com:3000/acme/web/settings/keys",
        "http://gitea.example.com:3000/acme/web/commit/a1b2c3d",
        "http://gitea.example.com:3000/acme/web/src/branch/main/",
    ),
    "bitbucket": (
        "ssh://git@altssh.bitbucket.org:443/acme/web.git",
        "https://bitbucket.org/acme/web/admin/webhooks",
        "https://bitbucket.org/acme/web/admin/access-keys/",
        "https://bitbucket.org/acme/web/commits/a1b2c3d",
        "https://bitbucket.org/acme/web/src/main/",
    ),
}


@pytest.mark.parametrize("forge", PAGES)
def test_it_knows_the_pages_of_every_forge(forge):
    url, hooks, keys, commit, files = PAGES[forge]
    assert (hooks_page(forge, url), keys_page(forge, url)) == (hooks, keys)
    assert (commit_page(forge, url, "a1b2c3d"), files_page(forge, url, "main")) == (commit, files)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://git.example.com/scm/acme/web.git", "projects/ACME/repos/web"),
        ("ssh://git@git.example.com:7999/acme/web.git", "projects/ACME/repos/web"),
        ("https://git.example.com/scm/~alice/web.git", "users/alice/repos/web"),
    ],
)
def test_it_knows_the_pages_of_bitbucket_data_center(url, place):
    home = "https://git.example.com"
    assert hooks_page("bitbucket", url) == f"{home}/plugins/servlet/webhooks/{place}"
    assert keys_page("bitbucket", url) == f"{home}/plugins/servlet/ssh/{place}/keys"
    assert commit_page("bitbucket", url, "a1b2c3d") == f"{home}/{place}/commits/a1b2c3d"
    assert files_page("bitbucket", url, "main") == f"{home}/{place}/browse/"
    assert commit_page("bitbucket", url, "") == files_page("bitbucket", url, "") == ""


def test_it_keeps_quiet_about_a_bitbucket_below_a_path():
    assert hooks_page("bitbucket", "https://example.com/bitbucket/scm/acme/web.git") == ""


def test_it_keeps_quiet_about_forges_it_does_not_know():
    assert hooks_page("generic", "https://git.example.com/a/b") == ""
