"""Stores what Redis still holds of a log whose writer died. Nothing here decides that a writer is dead."""

from __future__ import annotations

import structlog
from redis import RedisError

from builds.logs.cutter import Position, StepCutter
from builds.logs.frames import Frame, FrameStore, Totals, decompress, ends_midline
from builds.logs.stream import RedisClient, join_pieces, read_pieces

log = structlog.get_logger(__name__)


def salvage(build_id: int, attempt: int, *, store: FrameStore, redis: RedisClient) -> dict[int, Totals]:
    """Finish the log of a dead attempt: store the tails behind its frames, and end last pieces as lines.

    Call it when the lease is lost, so that the dead writer cannot store any more. Returns the totals by step. Without
    Redis only the frames remain, which lack at most the last two seconds. A second call finds nothing left to do.
    Raises `StoreUnavailable`.
    """
    listing = store.listing(build_id, attempt)
    if store.archive(build_id, attempt) is not None:
        return {}
    cutters = _cutters_behind(listing, store, build_id, attempt)
    try:
        pieces = read_pieces(redis, build_id, attempt)
    except RedisError as error:
        log.warning("only stored frames are salvaged: Redis does not answer", build=build_id, error=str(error))
        pieces = []
    cuts = []
    for step, piece in join_pieces(pieces, {step: cutter.start for step, cutter in cutters.items()}).items():
        cutter = cutters.setdefault(step, StepCutter(step))
        cutter.note(piece.marks)
        cuts += cutter.feed(piece.data)
    for cutter in cutters.values():
        cuts += cutter.finish()
    if cuts:
        store.insert(build_id, attempt, [cut.frame() for cut in cuts])
    return {step: Totals(cutter.start.line, cutter.start.offset) for step, cutter in cutters.items()}


def _cutters_behind(listing: list[Frame], store: FrameStore, build_id: int, attempt: int) -> dict[int, StepCutter]:
    """A cutter for every step that continues where its frames end."""
    last = {frame.step: frame for frame in listing}
    data = store.data(build_id, attempt, last.values()) or []
    return {
        frame.step: StepCutter(frame.step, _end(frame, decompress(compressed)), frame.seq + 1)
        for frame, compressed in zip(last.values(), data, strict=False)
    }


def _end(frame: Frame, content: bytes) -> Position:
    offset, line = frame.byte_offset + frame.size_bytes, frame.first_line + frame.lines
    return Position(offset, line, ends_midline(frame.lines, content))
