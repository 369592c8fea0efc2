"""The files of one layer out of its tar stream: sizes, what it removes, and what is odd about it, in sentences.

Nothing is unpacked anywhere. A layer is a stranger's: every name, count and size is bounded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from builds.core.inflate import LayerError, inflated
from builds.core.tarstream import Entry, entries
from lib.humanize import format_size, plural

Kind = Literal["file", "dir", "link", "hardlink", "device", "fifo", "other", "removed", "emptied"]

MOST_ENTRIES = 200_000
MOST_NAME_BYTES = 32 * 1024 * 1024
"""Of all names of one layer together."""
MOST_UNPACKED_BYTES = 16 * 10**9
# OCI image-spec, layer.md, "Whiteouts".
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_SHOWN_NAME = 80
# Control characters, and those that make text run backwards: names are shown to people.
_UNSHOWABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class LayerFile:
    """One path, without a slash before it. `removed`: the layer takes it away; `emptied`: all that was below it."""

    path: str
    kind: Kind
    size_bytes: int = 0
    target: str = ""


@dataclass(frozen=True, slots=True)
class LayerFiles:
    """`files` by path. `size_bytes` is the sum of the files; `notes` are sentences about what is odd.

    `is_whole` is False where reading stopped before the end; the last note says why.
    """

    files: tuple[LayerFile, ...]
    size_bytes: int
    notes: tuple[str, ...] = ()
    is_whole: bool = True

    @property
    def document(self) -> dict[str, Any]:
        rows = [[file.path, file.kind, file.size_bytes, file.target] for file in self.files]
        return {"files": rows, "size_bytes": self.size_bytes, "notes": list(self.notes), "is_whole": self.is_whole}


def files_of(document: dict[str, Any]) -> LayerFiles:
    """What `LayerFiles.document` was made of."""
    files = tuple(LayerFile(*row) for row in document["files"])
    return LayerFiles(files, document["size_bytes"], tuple(document["notes"]), document["is_whole"])


@dataclass(slots=True)
class _Reading:
    """What was read so far."""

    files: dict[str, LayerFile] = field(default_factory=dict)
    odd: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    name_bytes: int = 0
    entries: int = 0
    unpacked_bytes: int = 0
    stopped: str = ""

    def note(self, what: str, example: str) -> None:
        self.odd[what] += 1
        self.examples.setdefault(what, example[:_SHOWN_NAME])


def read_layer(chunks: Iterator[bytes], *, is_time_over: Callable[[], bool] = lambda: False) -> LayerFiles:
    """Read a layer as the registry stores it, packed or not, until its end or until one of the bounds.

    Raises `LayerError` where nothing of it can be read; where it breaks later, a note says so.
    """
    reading = _Reading()
    try:
        for entry in entries(_bounded(inflated(chunks), reading, is_time_over)):
            if not _take(reading, entry):
                break
    except LayerError as error:
        if not reading.files:
            raise
        reading.stopped = reading.stopped or f"Reading ended early: {error}."
    size = sum(file.size_bytes for file in reading.files.values())
    files = tuple(reading.files[path] for path in sorted(reading.files))
    return LayerFiles(files, size, tuple(_notes(reading)), not reading.stopped)


def _bounded(pieces: Iterator[bytes], reading: _Reading, is_time_over: Callable[[], bool]) -> Iterator[bytes]:
    for piece in pieces:
        reading.unpacked_bytes += len(piece)
        if reading.unpacked_bytes > MOST_UNPACKED_BYTES:
            most = format_size(MOST_UNPACKED_BYTES)
            reading.stopped = f"Reading ended early: unpacked the layer is larger than {most}, the most that is read."
        elif is_time_over():
            read = format_size(reading.unpacked_bytes)
            reading.stopped = f"Reading ended early: the layer is large, and its time was over after {read}."
        if reading.stopped:
            return
        yield piece


def _take(reading: _Reading, entry: Entry) -> bool:
    """Keep one entry; False where there are more than are kept."""
    reading.entries += 1
    reading.name_bytes += len(entry.name) + len(entry.target)
    if reading.entries > MOST_ENTRIES or reading.name_bytes > MOST_NAME_BYTES:
        reading.stopped = f"Reading ended early: only the first {reading.entries - 1:,} entries are shown."
        return False
    path = _path(reading, entry)
    name = path.rpartition("/")[2]
    if name == _OPAQUE:
        folder = path.rpartition("/")[0]
        reading.files.setdefault(f"{folder}/", LayerFile(folder, "emptied"))
    elif name.startswith(_WHITEOUT + _WHITEOUT):
        pass  # AUFS kept its own books in such files
    elif name.startswith(_WHITEOUT):
        _keep(reading, LayerFile(path[: -len(name)] + name.removeprefix(_WHITEOUT), "removed"))
    elif path:
        _keep(reading, _file(reading, entry, path))
    return True


def _file(reading: _Reading, entry: Entry, path: str) -> LayerFile:
    if entry.kind == "device":
        reading.note("device", path)
    if entry.kind == "other":
        reading.note("unknown", path)
    if entry.sparse:
        reading.note("sparse", path)
    if entry.cut:
        reading.note("cut", path)
    size = entry.size_bytes if entry.kind == "file" else 0
    if entry.sparse:
        size = min(size, entry.stored_bytes)
    return LayerFile(path, entry.kind, size, shown_name(entry.target))  # type: ignore[arg-type]


def _keep(reading: _Reading, file: LayerFile) -> None:
    """A removal is of what lower layers have: what the layer itself has at that path stays, a folder begins empty."""
    old = reading.files.get(file.path)
    pair = {old.kind, file.kind} if old else set()
    if "removed" in pair and old is not None:
        file = old if file.kind == "removed" else file
        if file.kind == "dir":
            reading.files.setdefault(f"{file.path}/", LayerFile(file.path, "emptied"))
    elif old is not None and pair != {"dir"}:
        reading.note("twice", file.path)
    reading.files[file.path] = file


def _path(reading: _Reading, entry: Entry) -> str:
    """The path below the root of the image, as an engine would take it."""
    name = shown_name(entry.name)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") and parts:
        reading.note("absolute", name)
    if ".." in parts:
        reading.note("outside", name)
        parts = [part for part in parts if part != ".."]
    return "/".join(parts)


def shown_name(raw: bytes) -> str:
    """A name for people: what is not UTF-8, steers a terminal or turns the text around becomes U+FFFD."""
    return _UNSHOWABLE.sub("\ufffd", raw.decode("utf-8", "replace"))


_ODD = {
    "outside": (
        "entry leads out of the image by `..`",
        "entries lead out of the image by `..`",
        "Engines refuse to unpack such a layer.",
    ),
    "absolute": ("entry has an absolute name", "entries have absolute names", "It counts from the image's root."),
    "device": ("device is made", "devices are made", "An image needs none: the engine brings its own."),
    "sparse": ("file has holes", "files have holes", "Here it counts with what is stored of it."),
    "twice": ("path stands there more than once", "paths stand there more than once", "The last one counts."),
    "cut": ("name is longer than any file system takes", "names are longer than any file system takes", "Here cut."),
    "unknown": ("entry is of an unknown kind", "entries are of unknown kinds", "Engines pass over it or refuse it."),
}  # fmt: skip


def _notes(reading: _Reading) -> Iterator[str]:
    for what, (one, many, meaning) in _ODD.items():
        if count := reading.odd[what]:
            example = reading.examples[what].replace("`", "'")
            yield f"{plural(count, one, many)}: `{example}`{' and others' if count > 1 else ''}. {meaning}"
    if reading.stopped:
        yield reading.stopped
