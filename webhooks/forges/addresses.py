"""Where a forge's API is, told from what people know: the address in their browser. Asks nobody."""

from __future__ import annotations

from urllib.parse import urlsplit

# Forge → the server that everybody means where no other is named, and its API.
_WELL_KNOWN = {
    "github": ("github.com", "https://api.github.com"),
    "gitlab": ("gitlab.com", "https://gitlab.com/api/v4"),
    "gitea": ("", ""),
    "bitbucket": ("bitbucket.org", "https://api.bitbucket.org/2.0"),
}
_PATHS = {"github": "/api/v3", "gitlab": "/api/v4", "gitea": "/api/v1"}


def default_server(forge: str) -> str:
    """The server that most people mean, as a browser shows it; "" where everybody has their own."""
    host = _WELL_KNOWN[forge][0]
    return f"https://{host}" if host else ""


def server_problem(forge: str, server: str) -> str | None:
    """What is wrong with the address of a server, as a sentence; None where nothing is."""
    try:
        parts = urlsplit(server)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not close, or a port that is no number
        parts, is_good = urlsplit(""), False
    if not is_good:
        return "The address of the forge begins with `https://` and names a host: `https://git.example.com`."
    if parts.username or parts.password or parts.query or parts.fragment:
        return "The address of the forge is without user name, query and `#`; the token has a field of its own."
    if forge == "bitbucket" and parts.hostname not in ("bitbucket.org", "api.bitbucket.org"):
        return "Connections are for Bitbucket Cloud. Bitbucket Data Center has another API: add its webhook by hand."
    return None


def api_url(forge: str, server: str) -> str:
    """`https://github.com` → `https://api.github.com`; `https://git.acme.test` → `https://git.acme.test/api/v3`.

    GitHub Enterprise Cloud with data residency has its API at `api.<name>.ghe.com`.
    """
    text = server.strip().rstrip("/")
    host = (urlsplit(text).hostname or "").lower()
    known, api = _WELL_KNOWN[forge]
    if not text or host in (known, f"www.{known}", urlsplit(api).hostname):
        return api
    if forge == "github" and host.endswith(".ghe.com"):
        return f"https://{host if host.startswith('api.') else f'api.{host}'}"
    path = _PATHS.get(forge, "")
    return text if text.endswith(path) else text + path
