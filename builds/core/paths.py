"""Paths that a rule names within the source: Dockerfile and context. Text only: links are judged in the work tree."""

from __future__ import annotations

import re
from typing import Literal

PathKind = Literal["dockerfile", "context"]

MAX_PATH = 500
_MAX_PART_BYTES = 255  # what Linux file systems take

_WHAT: dict[PathKind, str] = {"dockerfile": "the Dockerfile", "context": "the build context"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
# What `docker build` would fetch instead of reading the folder (docs: "build context", Git repositories and URLs).
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:|github\.com/", re.IGNORECASE)


class BadPathError(ValueError):
    """A path that no rule may have; the message is a sentence."""


def clean_path(text: str, kind: PathKind) -> str:
    """The path relative to the repository root, without `.` or doubled slashes. Raises BadPathError.

    `/` and `/app` mean the repository's root, as on Docker Hub. Empty is the root for a context and `Dockerfile` for a
    Dockerfile; a Dockerfile path that ends in `/` is the file named Dockerfile in that folder. The result never begins
    with `/` or `-` and has no `..`; a link in the work tree may still lead outside, which the checkout looks for.
    """
    path = text.strip(" ")
    _refuse(path, kind)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if kind == "dockerfile" and (not parts or path.endswith(("/", "/."))):
        parts.append("Dockerfile")
    if parts and parts[0].startswith("-"):
        raise BadPathError(f"`{_short(path)}` begins with `-`, which reads as an option: {_WHAT[kind]} needs a path.")
    if ".." in parts:
        raise BadPathError(f"`{_short(path)}` uses `..`: write {_WHAT[kind]} from the root of the repository.")
    if parts and parts[0].lower() == ".git":
        raise BadPathError(f"`{_short(path)}` is Git's own folder: {_WHAT[kind]} is a part of the source.")
    if any(len(part.encode()) > _MAX_PART_BYTES for part in parts):
        raise BadPathError(
            f"A part of `{_short(path)}` is longer than {_MAX_PART_BYTES} bytes: no file has such a name."
        )
    clean = "/".join(parts) or "."
    if len(clean) > MAX_PATH:  # `docker/` names `docker/Dockerfile`, which is longer
        raise BadPathError(f"The path of {_WHAT[kind]} has {len(clean)} characters; {MAX_PATH} is the most.")
    return clean


def path_problem(text: str, kind: PathKind) -> str | None:
    """What `clean_path` would refuse `text` for, as a sentence; None if it takes it."""
    try:
        clean_path(text, kind)
    except BadPathError as problem:
        return str(problem)
    return None


def _refuse(path: str, kind: PathKind) -> None:
    if _CONTROL.search(path):
        raise BadPathError(
            f"The path of {_WHAT[kind]} holds a character that no path here may have, such as a line break."
        )
    if len(path) > MAX_PATH:
        raise BadPathError(f"The path of {_WHAT[kind]} has {len(path)} characters; {MAX_PATH} is the most.")
    if _ADDRESS.match(path):
        raise BadPathError(f"`{_short(path)}` is an address: {_WHAT[kind]} is a path within the linked repository.")
    if "\\" in path:
        raise BadPathError(f"`{_short(path)}` holds a backslash: folders are parted by `/`.")


def _short(path: str) -> str:
    return path if len(path) <= 100 else f"{path[:99]}…"  # noqa: PLR2004 — as long as a reader's patience
