"""What viewers were not told yet: pieces of log and events, in order, merged while they wait. No Redis, no threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from builds.core.linetimes import Mark, TimeMarks
from builds.logs.cutter import Position
from builds.logs.stream import Entry, Event, Piece

# More than this between two publications is a flood: nobody reads it as it flies by, and what is stored already is
# left out. Viewers then learn where the end is and read what they show from the store.
FLOOD_BYTES = 256 * 1024
MAX_EVENTS = 2000  # while Redis is away; the database holds the truth of each


class _Growing:
    __slots__ = ("data", "finishes", "start", "step", "times")

    def __init__(self, step: int, start: Position) -> None:
        self.step = step
        self.start = start
        self.data = bytearray()
        self.finishes = False
        self.times = TimeMarks()


class Outbox:
    """Entries for the stream of one attempt, until `take` hands them over."""

    def __init__(self, attempt: int) -> None:
        self._attempt = attempt
        self._items: list[_Growing | Event] = []
        self._events: dict[object, int] = {}  # place in _items of the latest event that may be overwritten
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self._items)

    @property
    def is_flood(self) -> bool:
        """More waits than anybody reads."""
        return self._bytes > FLOOD_BYTES

    def add_bytes(
        self, step: int, start: Position, data: bytes, marks: Sequence[Mark] = (), *, finishes: bool = False
    ) -> None:
        """Append bytes of `step`, and when lines in them began; they grow the last entry when it is of this step."""
        last = self._items[-1] if self._items else None
        if not isinstance(last, _Growing) or last.step != step or last.finishes:
            last = _Growing(step, start)
            self._items.append(last)
        last.data += data
        for mark in marks:
            last.times.note(*mark)
        last.finishes = finishes
        self._bytes += len(data)

    def add_event(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Append an event. Progress of the same thing replaces what was not published yet."""
        event = Event(self._attempt, kind, payload)
        if kind == "progress":
            key = (payload.get("step"), payload.get("id"))
            place = self._events.get(key)
            if place is not None:
                self._items[place] = event
                return
            self._events[key] = len(self._items)
        self._items.append(event)

    def drop_bytes(self) -> None:
        """Forget the pieces and keep the latest events, when they cannot be published."""
        events = [item for item in self._items if isinstance(item, Event)]
        self._items = [*events[-MAX_EVENTS:]]
        self._events.clear()
        self._bytes = 0

    def put_back_events(self, entries: Sequence[Entry]) -> None:
        """Keep the events of what could not be published, ahead of what came since."""
        kept: list[_Growing | Event] = [entry for entry in entries if isinstance(entry, Event)]
        self._items = kept + self._items
        self.drop_bytes()

    def take(self, stored: Mapping[int, Position]) -> list[Entry]:
        """All entries, oldest first; in a flood without the bytes before `stored`, which says what is safe by step."""
        flood = self.is_flood
        entries = [
            item if isinstance(item, Event) else self._piece(item, stored.get(item.step) if flood else None)
            for item in self._items
        ]
        self._items, self._events, self._bytes = [], {}, 0
        return entries

    def _piece(self, item: _Growing, stored: Position | None) -> Piece:
        start, data = item.start, bytes(item.data)
        if stored is not None and start.offset < stored.offset:
            end = start.offset + len(data)
            # A piece that is stored whole becomes a mark of where it ended, unless a later one says more.
            start, data = stored, data[stored.offset - start.offset :] if stored.offset < end else b""
        return Piece(self._attempt, item.step, start, data, item.finishes, item.times.pending)
