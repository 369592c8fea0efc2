"""The Redis Stream of a build: tails of its running steps and what happens to it, in one order. Keeps no log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import orjson
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from builds.core.linetimes import Mark, merged, pack, unpack
from builds.logs.cutter import Position

if TYPE_CHECKING:
    RedisClient = redis.Redis[bytes]
else:
    RedisClient = redis.Redis

# A Redis that does not answer at once is treated as gone: the log is safe without it.
TIMEOUT_S = 1.0
KEEP_S = 24 * 3600  # a stream that nobody writes to any more goes by itself


@dataclass(frozen=True)
class Piece:
    """Raw bytes of a step that follow each other, from `start`. Without data it only says how far the step is."""

    attempt: int
    step: int
    start: Position
    data: bytes
    finishes: bool = False  # nothing follows: a last piece without a line feed is a line
    marks: tuple[Mark, ...] = ()  # when lines in it began


@dataclass(frozen=True)
class Event:
    """Something that happened to the build, for its viewers. Attempt 0 stands for whichever runs."""

    attempt: int
    kind: str
    payload: Mapping[str, Any] = field(default_factory=dict)


Entry = Piece | Event


def stream_key(build_id: int) -> str:
    """The name of the build's stream."""
    return f"imageyard:build:{build_id}:live"


def connect(url: str) -> RedisClient:
    """A client that fails fast instead of trying again: its callers have a better plan than waiting."""
    options: dict[str, Any] = {
        "socket_timeout": TIMEOUT_S,
        "socket_connect_timeout": TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,  # one shape of answers
    }
    return cast("RedisClient", redis.Redis.from_url(url, **options))


@lru_cache(maxsize=4)
def shared_client(url: str) -> RedisClient:
    """The client of this process for short calls; its pool gives each thread a connection."""
    return connect(url)


def encode_entry(entry: Entry) -> dict[bytes, bytes]:
    """The fields of a stream entry."""
    if isinstance(entry, Event):
        return {b"a": b"%d" % entry.attempt, b"e": entry.kind.encode(), b"p": orjson.dumps(entry.payload, default=str)}
    start = entry.start
    where = b"%d %d %d %d %d" % (entry.step, start.offset, start.line, start.midline, entry.finishes)
    fields = {b"a": b"%d" % entry.attempt, b"w": where, b"d": entry.data}
    return {**fields, b"t": pack(entry.marks, 0)} if entry.marks else fields


def decode_entry(fields: Mapping[bytes, bytes]) -> Entry | None:
    """The entry in `fields`; nothing when it is not one of ours (another version wrote it)."""
    try:
        attempt = int(fields[b"a"])
        if b"e" in fields:
            return Event(attempt, fields[b"e"].decode(), orjson.loads(fields[b"p"]))
        step, offset, line, midline, finishes = map(int, fields[b"w"].split())
    except (KeyError, ValueError):
        return None
    marks = unpack(fields.get(b"t", b""), 0)
    return Piece(attempt, step, Position(offset, line, bool(midline)), fields[b"d"], bool(finishes), marks)


def publish(
    client: RedisClient, build_id: int, entries: Sequence[Entry], *, trim_below: bytes | None = None
) -> list[bytes]:
    """Append `entries` and drop what is older than `trim_below`; returns the new ids. Raises `redis.RedisError`.

    A second call after a failure may append the same again: readers know pieces by their place, events by content.
    """
    key = stream_key(build_id)
    pipe = client.pipeline(transaction=False)
    for entry in entries:
        pipe.xadd(key, cast("Any", encode_entry(entry)))
    if trim_below is not None:
        pipe.xtrim(key, minid=cast("Any", trim_below), approximate=False)
    pipe.expire(key, KEEP_S)
    return cast("list[bytes]", pipe.execute()[: len(entries)])


def forget(client: RedisClient, build_id: int) -> None:
    """Drop what an earlier build of this number left, as after a database was set up anew beside its Redis."""
    with suppress(redis.RedisError):
        client.delete(stream_key(build_id))


def read_pieces(client: RedisClient, build_id: int, attempt: int, step: int | None = None) -> list[Piece]:
    """The pieces of one attempt that Redis still holds, oldest first. Raises `redis.RedisError`."""
    rows = cast("list[tuple[bytes, dict[bytes, bytes]]]", client.xrange(stream_key(build_id)))
    entries = (decode_entry(fields) for _, fields in rows)
    return [
        entry
        for entry in entries
        if isinstance(entry, Piece) and entry.attempt == attempt and step in (None, entry.step)
    ]


def join_pieces(pieces: Sequence[Piece], stored: Mapping[int, Position]) -> dict[int, Piece]:
    """For each step what follows without a gap on what is stored, as one piece.

    `stored` says where each step's stored bytes end; pieces may overlap with them and with each other.
    """
    joined: dict[int, bytearray] = {}
    ends: dict[int, Position] = {}
    finished: set[int] = set()
    marks: dict[int, tuple[Mark, ...]] = {}
    for piece in pieces:
        end = ends.get(piece.step, stored.get(piece.step, Position()))
        known = end.offset - piece.start.offset
        if known < 0:
            continue  # a gap: what lies between is only in the writer, and will be stored
        fresh = piece.data[known:]
        joined.setdefault(piece.step, bytearray()).extend(fresh)
        ends[piece.step] = end.after(fresh)
        marks[piece.step] = merged((marks.get(piece.step, ()), piece.marks))
        if piece.finishes:
            finished.add(piece.step)
    attempt = pieces[0].attempt if pieces else 0
    return {
        step: Piece(attempt, step, stored.get(step, Position()), bytes(data), step in finished, marks[step])
        for step, data in joined.items()
    }
