"""Where the next page of a tag list is, and which of its names can be tags. Pure text."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import orjson

_LINK = re.compile(r"<([^>]*)>([^<]*)")
_NEXT = re.compile(r""";\s*rel\s*=\s*"?\s*next\b""", re.IGNORECASE)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")


class WrongLink(ValueError):  # noqa: N818 — it names the link, the caller makes the error
    """The registry sends us elsewhere for the next page."""


def next_page(link: str, host: str) -> str | None:
    """Give path and query of the next page (`/v2/…?…`, opaque, to be asked as it is), or None where there is none.

    `link` is the `Link` header (RFC 8288; OCI distribution-spec, "Content Discovery"). Scheme and port of an absolute
    link are not looked at: a registry behind a TLS proxy does not know its own. Raises `WrongLink` for another host.
    """
    target = next((target for target, rest in _LINK.findall(link) if _NEXT.search(rest)), None)
    if not target:
        return None
    try:
        parts = urlsplit(target.strip())
        ours = urlsplit(f"//{host}").hostname
        elsewhere = bool(parts.netloc) and parts.hostname != ours
    except ValueError as error:
        raise WrongLink(target) from error
    if elsewhere or not parts.path.startswith("/v2/") or ".." in parts.path.split("/"):
        raise WrongLink(target)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def parse_tags(body: bytes) -> list[str]:
    """Read one page of `/v2/<name>/tags/list`: `tags` may be null, and what cannot be a tag is left out.

    Raises `ValueError` where the body is not such a page.
    """
    document = orjson.loads(body)
    if not isinstance(document, dict):
        raise ValueError("not a tag list")  # noqa: TRY004 — a wrong document, not a wrong argument
    tags = document.get("tags")
    if tags is None:
        return []
    if not isinstance(tags, list):
        raise ValueError("not a tag list")  # noqa: TRY004
    return [tag for tag in tags if isinstance(tag, str) and _TAG.match(tag)]


def is_tag(text: str) -> bool:
    """Say whether `text` can be a tag (OCI distribution-spec, "Pulling manifests")."""
    return bool(_TAG.match(text))
