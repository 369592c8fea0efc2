from __future__ import annotations

import pytest

from builds.core.cloneurl import over_https, parse_clone_url, resolve_relative, split_credentials
from builds.core.errors import BuildError, ErrorKind

SPLITS = {
    "https://host/x.git": ("https://host/x.git", "", ""),
    "https://user:S3cretPW@host/x.git": ("https://host/x.git", "user", "S3cretPW"),
    "https://ghp_TOKEN@host/x.git": ("https://host/x.git", "", "ghp_TOKEN"),
    "https://ghp_TOKEN:@host/x.git": ("https://host/x.git", "", "ghp_TOKEN"),
    "https://oauth2:glpat-A%2FB@host/x.git": ("https://host/x.git", "oauth2", "glpat-A/B"),
    "https://user:p@ss@host/x.git": ("https://host/x.git", "user", "p@ss"),
    "http://user:a:b@host:3000/x@1.git": ("http://host:3000/x@1.git", "user", "a:b"),
    "https://host/a@b/x.git": ("https://host/a@b/x.git", "", ""),
    "ssh://git@host/x.git": ("ssh://git@host/x.git", "", ""),
    "ssh://git:word@host/x.git": ("ssh://git@host/x.git", "", "word"),
    "git@host:acme/web.git": ("git@host:acme/web.git", "", ""),
}


@pytest.mark.parametrize("url", SPLITS)
def test_g05_it_splits_credentials_off(url):
    split = split_credentials(url)
    assert (split.url, split.username, split.token) == SPLITS[url]


TAKEN = {
    "https://GitHub.com/acme/web.git": ("https", "github.com", 443, "", "acme/web"),
    "https://user:p@ss@host/acme/web": ("https", "host", 443, "", "acme/web"),
    "http://127.0.0.1:3000/acme/web.git": ("http", "127.0.0.1", 3000, "", "acme/web"),
    "https://[::1]:8443/web.git": ("https", "[::1]", 8443, "", "web"),
    "ssh://git@host:2222/acme/web.git": ("ssh", "host", 2222, "git", "acme/web"),
    "git@github.com:acme/web.git": ("ssh", "github.com", 22, "git", "acme/web"),
    "host:web.git": ("ssh", "host", 22, "", "web"),
    "file:///srv/git/web.git": ("file", "", 0, "", "srv/git/web"),
}


@pytest.mark.parametrize("url", TAKEN)
def test_it_takes_the_four_forms(url):
    parsed = parse_clone_url(url)
    assert (parsed.scheme, parsed.host, parsed.port, parsed.user, parsed.name) == TAKEN[url]
    assert "p@ss" not in parsed.text


REFUSED = {
    "": "has no clone URL",
    "ext::sh -c touch% /tmp/x": "holds a space",
    "ext::sh": "is not a clone URL",
    "ext://sh": "does not fetch over `ext://`",
    "fd::17": "is not a clone URL",
    "git://host/x.git": "does not fetch over `git://`",
    "ftp://host/x.git": "does not fetch over `ftp://`",
    "javascript://x": "does not fetch over",
    "-x": "is not a clone URL",
    "--upload-pack=touch": "is not a clone URL",
    "--upload-pack=touch:x": "is not a clone URL",
    "/srv/git/web.git": "is not a clone URL",
    "../web.git": "is not a clone URL",
    "web": "is not a clone URL",
    "https://": "is not a host name",
    "https:///x": "is not a host name",
    "https://-oProxyCommand=id/x": "is not a host name",
    "ssh://-oProxyCommand=id/x": "is not a host name",
    "ssh://-x@host/x": "is not a user name",
    "-oProxyCommand=id:x": "is not a clone URL",
    "git@host:-x": "names no repository",
    "ssh://git@host/-x": "names no repository",
    "https://host": "names no repository",
    "https://host/": "names no repository",
    "https://host:99999/x": "is not a port",
    "https://host:٣/x": "is not a port",
    "https://host/x?y=1": "holds a `\\?`",
    "https://host/x\ny": "a line break",
    "https://host/x%0ahost=evil": "a line break",
    "https://host/a\\b": "a backslash",
    "file://host/x": "names a folder of this server",
    "https://hö st/x": "holds a space",
    "https://höst/x": "is not a host name",
    "https://h/" + "x" * 3000: "longer than 2,048",
}


@pytest.mark.parametrize("url", REFUSED)
def test_it_refuses_everything_else_with_a_sentence(url):
    with pytest.raises(BuildError, match=REFUSED[url]) as refused:
        parse_clone_url(url)
    assert refused.value.kind is ErrorKind.SOURCE


RELATIVE = [
    ("https://host/acme/web.git", "../other.git", "https://host/acme/other.git"),
    ("https://host/acme/web.git/", "../other.git", "https://host/acme/other.git"),
    ("https://host/acme/web", "../../lib/x", "https://host/lib/x"),
    ("https://host/acme/web", "../../../../x", "https://host/x"),
    ("git@host:acme/web.git", "../other.git", "git@host:acme/other.git"),
    ("ssh://git@host:22/acme/web.git", "./sub", "ssh://git@host:22/acme/web.git/sub"),
    ("https://host/acme/web.git", "https://else/x", "https://else/x"),
]


@pytest.mark.parametrize(("base", "relative", "absolute"), RELATIVE)
def test_it_resolves_relative_submodule_addresses(base, relative, absolute):
    assert resolve_relative(parse_clone_url(base), relative) == absolute


def test_it_reads_an_ssh_address_as_https_on_the_same_host_only():
    base = parse_clone_url("https://host:8443/acme/web.git")
    assert over_https(parse_clone_url("git@host:acme/lib.git"), base).text == "https://host:8443/acme/lib.git"
    assert over_https(parse_clone_url("git@else:acme/lib.git"), base).text == "git@else:acme/lib.git"


@pytest.mark.parametrize("other", ["http://host/x", "https://host:444/x", "https://host.evil/x", "ssh://host/x"])
def test_it_gives_credentials_to_the_same_server_only(other):
    assert not parse_clone_url("https://host/x").same_server(parse_clone_url(other))
