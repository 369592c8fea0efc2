"""Addresses on a forge's own pages, told from a clone URL, so that people need not look for the right settings page."""

from __future__ import annotations

import re

# https://host/path.git, ssh://git@host:port/path.git, git@host:path.git → host, path
_HTTPS = re.compile(r"https?://(?:[^/@]*@)?(?P<host>[^/]+)/(?P<path>[^?#]+)")
_SSH = re.compile(r"ssh://(?:[^/@]*@)?(?P<host>[^/:]+)(?::\d+)?/(?P<path>[^?#]+)")
_SCP = re.compile(r"(?:[^/@]*@)?(?P<host>[^/:@]+):(?P<path>[^:?#]+)")

_HOOKS = {"github": "settings/hooks/new", "gitlab": "-/hooks", "gitea": "settings/hooks/gitea/new"}
_KEYS = {"github": "settings/keys/new", "gitlab": "-/settings/repository", "gitea": "settings/keys"}
_FILES = {"github": "blob/", "gitlab": "-/blob/", "gitea": "src/branch/", "bitbucket": "src/"}
_COMMITS = {"github": "commit/", "gitlab": "-/commit/", "gitea": "commit/", "bitbucket": "commits/"}


def guess_forge(clone_url: str) -> str:
    """The forge that a well-known host runs, or "" where the address does not tell."""
    host, _ = _split(clone_url)
    for forge in ("github", "gitlab", "bitbucket", "gitea"):
        if forge in host:
            return forge
    return "gitea" if host in ("codeberg.org", "gitea.com") else ""


def web_page(clone_url: str) -> str:
    """The page of the repository on its forge, `https://github.com/acme/web`; "" where there is none to guess."""
    host, path = _split(clone_url)
    return f"https://{host}/{path}" if host and path else ""


def hooks_page(forge: str, clone_url: str) -> str:
    """Where a webhook is added."""
    return _page(_HOOKS, forge, clone_url)


def keys_page(forge: str, clone_url: str) -> str:
    """Where a deploy key is added."""
    return _page(_KEYS, forge, clone_url)


def commit_page(forge: str, clone_url: str, commit: str) -> str:
    """Where the forge shows a commit."""
    page = _page(_COMMITS, forge, clone_url)
    return f"{page}{commit}" if page and commit else ""


def files_page(forge: str, clone_url: str, branch: str) -> str:
    """Below which the forge shows files of a branch, with a slash at its end."""
    page = _page(_FILES, forge, clone_url)
    return f"{page}{branch}/" if page and branch else ""


def _page(pages: dict[str, str], forge: str, clone_url: str) -> str:
    home = web_page(clone_url)
    return f"{home}/{pages[forge]}" if home and forge in pages else ""


def _split(clone_url: str) -> tuple[str, str]:
    text = clone_url.strip()
    found = _HTTPS.fullmatch(text) or _SSH.fullmatch(text) or (None if "://" in text else _SCP.fullmatch(text))
    if not found:
        return "", ""
    return found["host"].lower(), found["path"].strip("/").removesuffix(".git")
