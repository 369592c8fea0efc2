"""The last line that each running build printed, for the cards on the home page. Without Redis there is none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

import structlog
from django.conf import settings
from redis.exceptions import RedisError

from builds.logs.stream import Piece, decode_entry, shared_client, stream_key
from builds.models import Build

log = structlog.get_logger(__name__)

LOOK_BACK = 8
LONGEST = 200
# Escape sequences (ECMA-48 CSI and OSC) and the control characters that are left: a card shows plain text.
_ESCAPES = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)


def last_lines(builds: Sequence[Build]) -> dict[int, str]:
    """By build id, plain text of at most 200 characters. One round trip; {} where Redis does not answer."""
    if not builds:
        return {}
    pipe = shared_client(settings.REDIS_URL).pipeline(transaction=False)
    for build in builds:
        pipe.xrevrange(stream_key(build.pk), count=LOOK_BACK)
    try:
        answers = cast("list[list[tuple[bytes, dict[bytes, bytes]]]]", pipe.execute())
    except RedisError as error:
        log.info("cards without their last lines", error=str(error))
        return {}
    return {build.pk: _last_line(rows) for build, rows in zip(builds, answers, strict=True)}


def _last_line(rows: Sequence[tuple[bytes, dict[bytes, Any]]]) -> str:
    for _, fields in rows:
        entry = decode_entry(fields)
        if isinstance(entry, Piece) and (line := _text(entry.data)):
            return line
    return ""


def _text(data: bytes) -> str:
    """The last line of `data` that is not blank; of a line with carriage returns what stands last."""
    for line in reversed(data.splitlines()):
        if text := _ESCAPES.sub(b"", line).strip():
            return text[: 4 * LONGEST].decode(errors="replace")[:LONGEST]
    return ""
