"""Addresses on a forge's own pages, told from a clone URL, so that people need not look for the right settings page."""

from __future__ import annotations

import re

# https://host/path.git, ssh://git@host:port/path.git, git@host:path.git → host, path
_HTTPS = re.compile(r"(?P<scheme>https?)://(?:[^/@]*@)?(?P<host>[^/]+)/(?P<path>[^?#]+)")
_SSH = re.compile(r"ssh://(?:[^/@]*@)?(?P<host>[^/:]+)(?::\d+)?/(?P<path>[^?#]+)")
_SCP = re.compile(r"(?:[^/@]*@)?(?P<host>[^/:@]+):(?P<path>[^:?#]+)")

_HOOKS = {
    "github": "settings/hooks/new",
    "gitlab": "-/hooks",
    "gitea": "settings/hooks/gitea/new",
    "bitbucket": "admin/webhooks",
}
_KEYS = {
    "github": "settings/keys/new",
    "gitlab": "-/settings/repository#js-deploy-keys-settings",
    "gitea": "settings/keys",
    "bitbucket": "admin/access-keys/",
}
_FILES = {"github": "blob/", "gitlab": "-/blob/", "gitea": "src/branch/", "bitbucket": "src/"}
_COMMITS = {"github": "commit/", "gitlab": "-/commit/", "gitea": "commit/", "bitbucket": "commits/"}
_COMPARED = {
    "github": "compare/",
    "gitlab": "-/compare/",
    "gitea": "compare/",
    "bitbucket": "branches/compare/",
}
# Bitbucket Data Center, told from Cloud by its host, has other pages, two of them not below the repository's.
_CLOUD = "bitbucket.org"
_SERVER_HOOKS, _SERVER_KEYS = "plugins/servlet/webhooks/", "plugins/servlet/ssh/"
_SSH_HOSTS = {"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com", "altssh.bitbucket.org": _CLOUD}
# A part of the host → the forge; the first that fits.
_KNOWN = {
    "github": "github",
    "gitlab": "gitlab",
    "bitbucket": "bitbucket",
    "gitea": "gitea",
    "forgejo": "gitea",
    "gogs": "gitea",
    "codeberg.org": "gitea",
}


def guess_forge(clone_url: str) -> str:
    """The forge that a well-known host runs, or "" where the address does not tell."""
    host, _ = _split(clone_url)
    return next((forge for part, forge in _KNOWN.items() if part in host), "")


def web_page(clone_url: str) -> str:
    """The page of the repository on its forge, `https://github.com/acme/web`; "" where there is none to guess."""
    host, path = _split(clone_url)
    return f"{_scheme(clone_url)}://{host}/{path}" if host and path else ""


def hooks_page(forge: str, clone_url: str) -> str:
    """Where a webhook is added."""
    if server := _server(forge, clone_url):
        return f"{server[0]}{_SERVER_HOOKS}{server[1]}"
    return _page(_HOOKS, forge, clone_url)


def keys_page(forge: str, clone_url: str) -> str:
    """Where a deploy key is added."""
    if server := _server(forge, clone_url):
        return f"{server[0]}{_SERVER_KEYS}{server[1]}/keys"
    return _page(_KEYS, forge, clone_url)


def commit_page(forge: str, clone_url: str, commit: str) -> str:
    """Where the forge shows a commit."""
    if server := _server(forge, clone_url):
        return f"{server[0]}{server[1]}/commits/{commit}" if commit else ""
    page = _page(_COMMITS, forge, clone_url)
    return f"{page}{commit}" if page and commit else ""


def compare_page(forge: str, clone_url: str, before: str, after: str) -> str:
    """Where the forge shows what differs between two commits; "" where it has no such page or one is not known."""
    if not before or not after:
        return ""
    if server := _server(forge, clone_url):
        return f"{server[0]}{server[1]}/compare/diff?sourceBranch={after}&targetBranch={before}"
    page = _page(_COMPARED, forge, clone_url)
    # Bitbucket names the newer one first, and sets them apart by a line break.
    pair = f"{after}%0D{before}" if forge == "bitbucket" else f"{before}...{after}"
    return f"{page}{pair}" if page else ""


def files_page(forge: str, clone_url: str, branch: str) -> str:
    """Below which the forge shows files of a branch, with a slash at its end.

    Bitbucket Data Center names a branch behind the file, so there it is the default branch, whichever is asked for.
    """
    if server := _server(forge, clone_url):
        return f"{server[0]}{server[1]}/browse/" if branch else ""
    page = _page(_FILES, forge, clone_url)
    return f"{page}{branch}/" if page and branch else ""


def _page(pages: dict[str, str], forge: str, clone_url: str) -> str:
    home = web_page(clone_url)
    is_elsewhere = forge == "bitbucket" and _split(clone_url)[0] != _CLOUD
    return f"{home}/{pages[forge]}" if home and forge in pages and not is_elsewhere else ""


def _server(forge: str, clone_url: str) -> tuple[str, str] | None:
    """Of Bitbucket Data Center: the address that all pages begin with, and the repository's place below it."""
    host, path = _split(clone_url)
    if forge != "bitbucket" or host in ("", _CLOUD):
        return None
    project, _, slug = path.removeprefix("scm/").partition("/")
    if not project or not slug or "/" in slug:
        return None
    place = f"users/{project[1:]}" if project.startswith("~") else f"projects/{project.upper()}"
    return f"{_scheme(clone_url)}://{host}/", f"{place}/repos/{slug}"


def _scheme(clone_url: str) -> str:
    found = _HTTPS.fullmatch(clone_url.strip())
    return found["scheme"] if found else "https"


def _split(clone_url: str) -> tuple[str, str]:
    text = clone_url.strip()
    found = _HTTPS.fullmatch(text) or _SSH.fullmatch(text) or (None if "://" in text else _SCP.fullmatch(text))
    if not found:
        return "", ""
    host = found["host"].lower()
    return _SSH_HOSTS.get(host, host), found["path"].strip("/").removesuffix(".git")
