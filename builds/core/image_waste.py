"""What an image carries in vain: files that a later layer writes again or removes. Files in, sentences out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from builds.core.failure_evidence import code
from builds.core.layer_files import LayerFile, LayerFiles
from lib.humanize import format_size

How = Literal["again", "removed"]
MOST_ITEMS = 200
_WORTH_SAYING = 100_000
_MOST_SENTENCES = 5


@dataclass(frozen=True, slots=True)
class WastedFile:
    """`size_bytes` of `path` that the layer `layer` stores and the layer `by` writes again or removes.

    Layers are counted from 0, lowest first.
    """

    path: str
    size_bytes: int
    layer: int
    by: int
    how: How


@dataclass(frozen=True, slots=True)
class Waste:
    """`files` are the largest; `pairs` has all bytes by (layer, by, how); `unpacked_bytes` is all layers' sum."""

    files: tuple[WastedFile, ...]
    pairs: dict[tuple[int, int, How], int]
    unpacked_bytes: int

    @property
    def size_bytes(self) -> int:
        return sum(self.pairs.values())

    @property
    def document(self) -> dict[str, Any]:
        return {
            "bytes": self.size_bytes,
            "unpacked_bytes": self.unpacked_bytes,
            "files": [[file.path, file.size_bytes, file.layer, file.by, file.how] for file in self.files],
            "pairs": [[layer, by, how, size] for (layer, by, how), size in self.pairs.items()],
        }


@dataclass(slots=True)
class _Place:
    """A path of the image as it stands after some layers: who wrote it, and what is below it."""

    size_bytes: int = 0
    layer: int = 0
    below: dict[str, _Place] = field(default_factory=dict)


@dataclass(slots=True)
class _Count:
    found: list[WastedFile] = field(default_factory=list)
    pairs: dict[tuple[int, int, How], int] = field(default_factory=dict)

    def add(self, path: str, place: _Place, by: int, how: How) -> None:
        """What is written twice in one layer is stored once."""
        if place.size_bytes and place.layer != by:
            self.found.append(WastedFile(path, place.size_bytes, place.layer, by, how))
            pair = (place.layer, by, how)
            self.pairs[pair] = self.pairs.get(pair, 0) + place.size_bytes
        place.size_bytes = 0

    def add_all(self, path: str, place: _Place, by: int, how: How) -> None:
        rest = [(path, place)]
        while rest:
            where, one = rest.pop()
            self.add(where, one, by, how)
            rest += [(f"{where}/{name}" if where else name, inner) for name, inner in one.below.items()]


def waste_of(layers: Sequence[LayerFiles]) -> Waste:
    """Lay the layers of an image over each other, lowest first."""
    root, count = _Place(), _Count()
    for index, layer in enumerate(layers):
        # What a layer removes is of the layers below it: removals come first, whatever their order in the archive.
        for file in layer.files:
            if file.kind in ("removed", "emptied"):
                _remove(root, file, index, count)
        for file in layer.files:
            if file.kind not in ("removed", "emptied"):
                _put(root, file, index, count)
    largest = sorted(count.found, key=lambda file: (-file.size_bytes, file.path))[:MOST_ITEMS]
    return Waste(tuple(largest), count.pairs, sum(layer.size_bytes for layer in layers))


def _remove(root: _Place, file: LayerFile, by: int, count: _Count) -> None:
    names = file.path.split("/") if file.path else []
    here: _Place | None = root
    for name in names[:-1] if file.kind == "removed" else names:
        here = here.below.get(name) if here else None
    if here is None:
        return
    if file.kind == "emptied":
        for name, inner in here.below.items():
            count.add_all(f"{file.path}/{name}" if file.path else name, inner, by, "removed")
        here.below.clear()
    elif gone := here.below.pop(names[-1], None):
        count.add_all(file.path, gone, by, "removed")


def _put(root: _Place, file: LayerFile, by: int, count: _Count) -> None:
    here = root
    for name in file.path.split("/"):
        here = here.below.setdefault(name, _Place(layer=by))
    if file.kind == "dir":
        return  # a folder that is named again keeps what is in it
    count.add_all(file.path, here, by, "again")
    here.below.clear()
    here.size_bytes, here.layer = file.size_bytes, by


def waste_summary(document: dict[str, Any]) -> str:
    """How much of the image is in vain, in one sentence."""
    wasted, unpacked = document["bytes"], document["unpacked_bytes"]
    if not wasted:
        return "Nothing is in vain: no layer writes again or removes what a layer below it stores."
    share = f" ({wasted / unpacked * 100:.0f} %)" if unpacked else ""
    return (
        f"{format_size(wasted)}{share} of the {format_size(unpacked)} unpacked are in vain: later layers write these "
        "files again or remove them, and everybody who pulls the image transfers them all the same."
    )


def waste_sentences(document: dict[str, Any], made_by: Sequence[str], base_layers: int = 0) -> Iterator[str]:
    """What to do about it, the most worthwhile first.

    `made_by` are the layers' instructions, "" where unknown; the lowest `base_layers` came with the base image.
    """
    for layer, by, how, size in sorted(document["pairs"], key=lambda pair: -pair[3])[:_MOST_SENTENCES]:
        if size < _WORTH_SAYING or by < base_layers:
            continue
        first, second = (_name(made_by, place) for place in (layer, by))
        verb = "writes again" if how == "again" else "removes"
        advice = ""
        if layer < base_layers:
            advice = " It came with the base image: only another base would save it."
        elif first.startswith("`RUN") and second.startswith("`RUN"):
            advice = " Doing both in one `RUN` would save it."
        yield f"{second} {verb} {format_size(size)} that {first} put there.{advice}"


def _name(made_by: Sequence[str], place: int) -> str:
    words = made_by[place] if place < len(made_by) else ""
    return code(words) if words else f"layer {place + 1}"
