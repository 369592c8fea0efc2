"""One tail for each build that somebody watches: reads Redis and the database, and tells all viewers. Sends nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar, cast

import structlog
from channels.db import database_sync_to_async
from redis.exceptions import RedisError

from builds.core.linetimes import merged as marks_merged
from builds.live.redis_tail import RedisTail
from builds.live.state import BuildFacts, LiveState, Message
from builds.live.viewer import Viewer
from builds.logs.cutter import Position
from builds.logs.frames import StoreUnavailable
from builds.logs.reader import LogReader
from builds.logs.stream import Entry, Piece

log = structlog.get_logger(__name__)

POLL_S = 1.0  # while Redis is away
REFRESH_S = 5.0  # the waiting sentence changes without news
LOOK_AGAIN_S = 15.0  # for bytes that no news told of
LINGER_S = 30.0  # after the last viewer, so that one that comes back can go on where it was
GAP_BYTES = 256 * 1024  # a smaller gap is read and told; for a larger one viewers read what they show
TAIL_BYTES = 64 * 1024
HEARTBEAT_S = 20.0  # proxies cut a connection that is silent for a minute
# After a message to many viewers the feed rests for a part of the time that sending it took: the more viewers, the
# fewer and larger the messages, and other builds get their turn.
REST = 0.25
MAX_REST_S = 0.2

T = TypeVar("T")


class Feed:
    """The live view of one build in this process, shared by its viewers.

    `load` asks the database for the facts (nothing when the build is gone), `reader` gives the log of an attempt; both
    are called in threads. The database is the truth and Redis only makes it quick: while Redis is away the feed polls.
    """

    def __init__(
        self,
        build_id: int,
        *,
        load: Callable[[int], BuildFacts | None],
        reader: Callable[[int, int], LogReader],
        tail: RedisTail,
    ) -> None:
        self.build_id = build_id
        self.state = LiveState(build_id)
        self.is_over = False
        self._load, self._open_reader, self._tail = load, reader, tail
        self._viewers: set[Viewer] = set()
        self._waiting: list[tuple[Viewer, str]] = []
        self._has_begun = False
        self._empty_since = self._told_at = time.monotonic()
        self._refresh_at = self._look_at = 0.0
        self._task = asyncio.create_task(self._run(), name=f"feed-{build_id}")

    # Viewers ----------------------------------------------------------------------------------------------------

    def join(self, cursor: str = "", *, deaf: Collection[str] = ()) -> Viewer:
        """A new viewer, who gets what follows `cursor` or a snapshot, and then everything that happens.

        But for messages of the kinds that it is deaf to: who draws steps needs no lines.
        """
        viewer = Viewer(self.state.more, deaf=deaf)
        if self._has_begun:
            self._welcome(viewer, cursor)
        else:
            self._waiting.append((viewer, cursor))
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """The viewer went; a second call does nothing."""
        self._viewers.discard(viewer)
        self._waiting = [pair for pair in self._waiting if pair[0] is not viewer]
        self._empty_since = time.monotonic()

    def _welcome(self, viewer: Viewer, cursor: str) -> None:
        missed = self.state.since(cursor) if cursor else None
        viewer.replace(self.state.snapshot() if missed is None else missed)
        self._viewers.add(viewer)

    def _tell(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._told_at = time.monotonic()
            for viewer in self._viewers:
                viewer.offer(message)

    # The task ---------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while not self.is_over and not self._is_deserted():
                _stop_if_cancelled()
                self._speak_in_silence()
                try:
                    await self._turn()
                except StoreUnavailable as error:
                    log.warning("live view waits for the database", build=self.build_id, error=str(error))
                    await asyncio.sleep(POLL_S)
        except Exception:
            log.exception("live view failed", build=self.build_id)
        finally:
            self.is_over = True
            await self._tail.close()
            for viewer in [*self._viewers, *(viewer for viewer, _ in self._waiting)]:
                viewer.close()

    def _speak_in_silence(self) -> None:
        if time.monotonic() - self._told_at >= HEARTBEAT_S:
            self._tell([self.state.ping()])

    def _is_deserted(self) -> bool:
        is_empty = not self._viewers and not self._waiting
        return is_empty and time.monotonic() - self._empty_since > LINGER_S

    async def _turn(self) -> None:
        if not self._has_begun:
            await self._begin()
            return
        try:
            entries = await self._tail.read()
        except (RedisError, OSError):
            await self._refresh(look=True)
            await asyncio.sleep(POLL_S)
            return
        now = time.monotonic()
        is_news = await self._take(entries)
        if is_news or now >= self._refresh_at:
            await self._refresh(look=now >= self._look_at)
        if entries:
            await self._rest(since=now)

    async def _rest(self, since: float) -> None:
        for _ in range(3):  # every viewer that was woken has sent by then
            await asyncio.sleep(0)
        await asyncio.sleep(min((time.monotonic() - since) * REST, MAX_REST_S))

    async def _begin(self) -> None:
        """Start from the database; what Redis had before is in what the reader finds."""
        try:
            await self._tail.skip_to_end()
        except (RedisError, OSError):
            log.warning("live view without Redis: looking at the database", build=self.build_id)
        facts = await self._in_thread(lambda: self._load(self.build_id))
        if facts is None:
            self.is_over = True
            return
        self.state.begin(facts)
        await self._look()
        self._has_begun = True
        self._tell_all_anew()
        self._schedule()
        if facts.is_final:
            self._end()

    def _tell_all_anew(self) -> None:
        for viewer in self._viewers:
            viewer.replace(self.state.snapshot())
        waiting, self._waiting = self._waiting, []
        for viewer, cursor in waiting:
            self._welcome(viewer, cursor)

    def _schedule(self, *, looked: bool = True) -> None:
        now = time.monotonic()
        self._refresh_at = now + REFRESH_S
        if looked:
            self._look_at = now + LOOK_AGAIN_S

    def _end(self) -> None:
        self._tell(self.state.end())
        self.is_over = True

    async def _refresh(self, *, look: bool) -> None:
        """See what the database says; with `look` also whether there are bytes that no news told of."""
        facts = await self._in_thread(lambda: self._load(self.build_id))
        if facts is None:
            self.is_over = True
            return
        if facts.attempt != self.state.attempt:
            await self._begin()
            return
        if look or facts.is_final:
            self._tell(await self._look())
        self._tell(self.state.facts(facts))
        self._schedule(looked=look)
        if facts.is_final:
            self._end()

    async def _look(self) -> list[Message]:
        """Catch up with the stored log and its tail."""
        reader = self._open_reader(self.build_id, self.state.attempt)
        messages: list[Message] = []
        for step, total in (await self._in_thread(reader.totals)).items():
            known = self.state.known(step)
            if total.size_bytes > known.offset or total.lines > known.line:
                messages += await self._catch_up(reader, step, Position(total.size_bytes, total.lines))
        return messages

    async def _catch_up(self, reader: LogReader, step: int, end: Position) -> list[Message]:
        known = self.state.known(step)
        missing = end.offset - known.offset
        if self._has_begun and 0 < missing <= GAP_BYTES:
            data, marks = await self._in_thread(lambda: reader.span(step, known.offset, end.offset))
            finishes = known.after(data).line < end.line
            return self.state.log(Piece(self.state.attempt, step, known, data, finishes, marks))
        if self._has_begun and not missing:
            return self.state.log(Piece(self.state.attempt, step, known, b"", finishes=True))
        if step not in self.state.running_steps():
            return self.state.restart(step, end, b"")
        position, data, marks = await self._in_thread(lambda: reader.ending(step, TAIL_BYTES))
        return self.state.restart(step, position, data, marks)

    async def _take(self, entries: Sequence[Entry]) -> bool:
        """Tell what came through Redis. True when the database has to be asked what happened."""
        is_news = False
        for entry in merged(entries):
            if entry.attempt not in (0, self.state.attempt):
                is_news = is_news or entry.attempt > self.state.attempt
            elif isinstance(entry, Piece):
                await self._fill_gap(entry)
                self._tell(self.state.log(entry))
            elif entry.kind == "step" and "index" in entry.payload:
                self._tell(self.state.step(entry.payload))
            elif entry.kind == "progress":
                self._tell(self.state.progress(entry.payload))
            else:
                is_news = True
        return is_news

    async def _fill_gap(self, piece: Piece) -> None:
        """Read what was stored and left out of the stream, when it is little enough to be told."""
        known = self.state.known(piece.step)
        missing = piece.start.offset - known.offset
        if 0 < missing <= GAP_BYTES:
            reader = self._open_reader(self.build_id, piece.attempt)
            data, marks = await self._in_thread(lambda: reader.span(piece.step, known.offset, piece.start.offset))
            self._tell(self.state.log(Piece(piece.attempt, piece.step, known, data, marks=marks)))

    @staticmethod
    async def _in_thread(call: Callable[[], T]) -> T:
        answer = await database_sync_to_async(call, thread_sensitive=False)()
        _stop_if_cancelled()
        return cast("T", answer)


def _stop_if_cancelled() -> None:
    """Threads (in asgiref) and blocking reads (in redis-py) can swallow a cancellation; a server must end at once."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def merged(entries: Sequence[Entry]) -> list[Entry]:
    """`entries` with pieces that follow each other made one, so that a batch becomes one message for each step."""
    merged: list[Entry] = []
    for entry in entries:
        last = merged[-1] if merged else None
        if (
            isinstance(entry, Piece)
            and isinstance(last, Piece)
            and (entry.step, entry.attempt) == (last.step, last.attempt)
            and entry.start.offset == last.start.offset + len(last.data)
            and not last.finishes
            and len(last.data) < GAP_BYTES
        ):
            marks = marks_merged((last.marks, entry.marks))
            merged[-1] = Piece(last.attempt, last.step, last.start, last.data + entry.data, entry.finishes, marks)
        else:
            merged.append(entry)
    return merged
