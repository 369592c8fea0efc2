"""Where an upload goes on, and whether the bytes that pass are the right ones. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from urllib.parse import quote, urljoin, urlsplit

from lib.humanize import format_size
from registry.core.paging import WrongLink


class WrongContent(ValueError):  # noqa: N818 — a clause for the caller's error
    """What comes is not what was named; the text is a clause. `retryable`: it may have been cut on the way."""

    def __init__(self, clause: str, *, retryable: bool = False) -> None:
        super().__init__(clause)
        self.retryable = retryable


def upload_path(location: str, host: str, asked: str) -> str:
    """Give path and query that an upload goes on at, out of a `Location`. Raises `WrongLink` for another host.

    `asked` is the path that was asked. Scheme and port of an absolute address are not looked at: a registry behind a
    TLS proxy does not know its own.
    """
    try:
        parts = urlsplit(urljoin(f"//{host}{asked}", location.strip()))
        ours = urlsplit(f"//{host}").hostname
    except ValueError as error:
        raise WrongLink(location) from error
    if not location.strip() or parts.hostname != ours or not parts.path.startswith("/"):
        raise WrongLink(location)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def with_digest(path: str, digest: str) -> str:
    """The path that ends an upload (OCI distribution-spec, "POST then PUT"); its query is opaque and stays."""
    return f"{path}{'&' if '?' in path else '?'}digest={quote(digest, safe='')}"


def verified(chunks: Iterable[bytes], digest: str, size_bytes: int) -> Iterator[bytes]:
    """Pass `chunks` on, the last one only when all of them are what `digest` names. Raises `WrongContent`."""
    found, seen, held = hashlib.new(digest.partition(":")[0]), 0, b""
    for chunk in chunks:
        seen += len(chunk)
        if seen > size_bytes:
            raise WrongContent(f"more comes than the {format_size(size_bytes)} that its manifest says")
        found.update(chunk)
        if held:
            yield held
        held = chunk
    if seen < size_bytes:
        said = f"it ended after {format_size(seen)} of the {format_size(size_bytes)} that its manifest says"
        raise WrongContent(said, retryable=True)
    if found.hexdigest() != digest.partition(":")[2]:
        raise WrongContent("its content does not have the digest that it is stored under")
    if held:
        yield held
