"""The recorded builds of `tests/data/rawjson` and how tests read them."""

from __future__ import annotations

import json
from pathlib import Path

from builds.core.progress import Event, ProgressParser, StepBook

RAWJSON = Path(__file__).parents[2] / "data" / "rawjson"
SAMPLES = {sample["name"]: sample for sample in json.loads((RAWJSON / "INDEX.json").read_text())["samples"]}


def recorded(name: str) -> bytes:
    """What buildx wrote on stderr."""
    return (RAWJSON / f"{name}.jsonl").read_bytes()


def read(stream: bytes, size: int = 0) -> tuple[list[Event], ProgressParser]:
    """The events of a stream that is fed in chunks of `size` bytes, or whole."""
    parser = ProgressParser()
    size = size or len(stream) or 1
    events = [event for at in range(0, len(stream), size) for event in parser.feed(stream[at : at + size])]
    return events + parser.close(), parser


def book_of(name: str) -> StepBook:
    """The steps of a recorded build at its end."""
    book = StepBook()
    for event in read(recorded(name))[0]:
        book.apply(event)
    book.close()
    return book
