"""Git LFS as data: pointer files, endpoint addresses, the Batch API's bodies. Asks no server and opens no file.

Formats: https://github.com/git-lfs/git-lfs/tree/main/docs, `spec.md` (pointers), `api/server-discovery.md` and
`api/batch.md` (transfer `basic`). Everything read here was written by a repository or a server: taken for hostile.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from builds.core.json_values import dicts, number, table, text

POINTER_SIZES = range(40, 1024)
"""Sizes in bytes that a pointer file may have."""
MEDIA_TYPE = "application/vnd.git-lfs+json"
_SIGNS = (b"version https://git-lfs.github.com/spec/v1", b"version https://hawser.github.com/spec/v1")
SIGN_BYTES = max(map(len, _SIGNS)) + 1
_POINTER = re.compile(
    rb"version \S+\r?\n(?P<extensions>(?:ext-\d-\S+ \S+\r?\n)*)"
    rb"oid sha256:(?P<oid>[0-9a-f]{64})\r?\nsize (?P<size>\d{1,18})\s*"
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]{0,16384}")
# What frames a request is ours to say; so is the host, which stands in the address.
_OUR_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "trailer"})
_MAX_HEADERS = 50


@dataclass(frozen=True, slots=True, order=True)
class Pointer:
    """Which object stands behind a file: the SHA-256 of its content in hexadecimal, and its size in bytes."""

    oid: str
    size: int


class BadPointer(ValueError):  # noqa: N818 — the caller knows the file's name and says it
    """It begins as a pointer and is none that can be followed; the text is a clause."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An LFS server: the URL in front of `/objects/batch`, and headers that it wants with every request to it."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Download:
    """Where one object is, with the headers for that address. `authenticated`: it needs no credential of ours."""

    href: str
    headers: tuple[tuple[str, str], ...] = ()
    authenticated: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server does not give one object: an HTTP status and the server's own words ("" for none)."""

    status: int
    message: str


class BadAnswer(ValueError):  # noqa: N818 — the caller knows the server's name and says it
    """The server's answer is not of the Batch API; the text is a clause."""


def is_pointer(head: bytes) -> bool:
    """Whether a file that starts with `head` was meant as a pointer."""
    return any(head.startswith(sign) and head[len(sign) : len(sign) + 1] in {b"\r", b"\n"} for sign in _SIGNS)


def parse_pointer(data: bytes) -> Pointer:
    """A pointer file. Raises `BadPointer`, also for extensions: undoing them would run programs."""
    match = _POINTER.fullmatch(data)
    if match is None:
        raise BadPointer("is damaged")
    if match["extensions"]:
        raise BadPointer("needs an LFS extension, a program that Imageyard does not run")
    return Pointer(match["oid"].decode(), int(match["size"]))


def endpoint_url(clone_url: str) -> str:
    """Where the LFS server of an http(s) clone URL is, if nobody says otherwise."""
    url = clone_url.rstrip("/")
    return f"{url}/info/lfs" if url.endswith(".git") else f"{url}.git/info/lfs"


def batch_request(pointers: Collection[Pointer]) -> bytes:
    objects = [{"oid": pointer.oid, "size": pointer.size} for pointer in pointers]
    request = {"operation": "download", "transfers": ["basic"], "objects": objects, "hash_algo": "sha256"}
    return json.dumps(request).encode()


def read_batch(body: bytes, asked: Collection[Pointer]) -> dict[Pointer, Download | Refusal]:
    """What the server answered for each object that was asked for; what it leaves out it does not have."""
    answer = table(_json(body))
    if text(answer.get("transfer")) not in {"", "basic"}:
        raise BadAnswer("it offers another transfer than `basic`, the only one that was asked for")
    if not isinstance(answer.get("objects"), list):
        raise BadAnswer("its answer lists no objects")
    given = {text(entry.get("oid")): entry for entry in dicts(answer["objects"])}
    return {pointer: _read_object(given.get(pointer.oid, {})) for pointer in asked}


def read_authentication(body: bytes, default_url: str) -> Endpoint:
    """What `git-lfs-authenticate` printed over SSH: an address and headers that hold a token for it."""
    answer = table(_json(body))
    return Endpoint(text(answer.get("href")).rstrip("/") or default_url, _headers(answer.get("header")))


def server_message(body: bytes) -> str:
    """The sentence in an error's body, "" for none; short, and without anything that does not print."""
    try:
        message = text(table(_json(body)).get("message"))
    except BadAnswer:
        return ""
    return "".join(character if character.isprintable() else " " for character in message[:300]).strip()


def place_of_url(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an http(s) URL. Raises `BadAnswer` for whatever else stands there."""
    if any(ord(character) <= 0x20 or ord(character) >= 0x7F for character in url) or "\\" in url:  # noqa: PLR2004
        raise BadAnswer("it gives an address that is no URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadAnswer("it gives an address that is no URL") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise BadAnswer("it gives an address that is not plain http:// or https://")
    return parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80)


def _read_object(entry: dict[str, Any]) -> Download | Refusal:
    error = table(entry.get("error"))
    if error:
        return Refusal(number(error.get("code")), server_message(json.dumps(error).encode()))
    action = table(table(entry.get("actions")).get("download"))
    href = text(action.get("href"))
    if not href:
        return Refusal(404, "")
    return Download(href, _headers(action.get("header")), authenticated=entry.get("authenticated") is True)


def _headers(value: Any) -> tuple[tuple[str, str], ...]:
    pairs = [(name, text(content)) for name, content in table(value).items()][:_MAX_HEADERS]
    return tuple(
        (name, content)
        for name, content in pairs
        if _HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(content) and name.lower() not in _OUR_HEADERS
    )


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadAnswer("its answer is not JSON") from error
