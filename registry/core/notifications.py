"""What a registry tells of pushes, pulls and deletions: its envelopes, read as a stranger's. No rows, no clock.

Format: CNCF Distribution, `notifications/event.go`, 2.8 (`events.v1+json`) and 3 (`events.v2+json`). Each event comes
at least once and in any order; 2.8 and 3 send one in each envelope, the format allows many.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from registry.core.manifest import INDEXES, MANIFESTS, is_digest
from registry.core.paging import is_tag

MOST_EVENTS = 10_000
"""Of one envelope; what is behind them is left out, and the comparison finds what it was about."""
MOST_PATH = 255

IMAGEYARD = "imageyard"
BUILD = "build:"
_ACTIONS = ("push", "pull", "delete")
_PATH = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
# Go's zero time and the like tell nothing.
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
# Programs that ask with HEAD what they are about to run, then read by digest what they do not have yet.
_ENGINES = ("docker/", "containerd/", "buildkit/")
# The `docker` command itself reads manifests only to show them (`docker manifest inspect`).
_ONLOOKERS = ("docker-client/",)

Action = Literal["push", "pull", "delete"]
Counted = Literal["pull", "use", ""]


@dataclass(frozen=True, slots=True)
class Told:
    """One event about a manifest or a tag. What it does not say, or says wrongly, is empty.

    `at` is never later than the moment it came. `actor` is who logged in: a person, a robot, `build:<id>`,
    `imageyard`, or nobody.
    """

    id: str
    action: Action
    repository: str
    tag: str
    digest: str
    media_type: str
    actor: str
    at: datetime
    is_head: bool
    agent: str

    @property
    def is_by_hand(self) -> bool:
        """Whether a person or robot did it. What builds and Imageyard itself do is written down by their actions."""
        return self.actor != IMAGEYARD and not self.actor.startswith(BUILD)

    @property
    def counted(self) -> Counted:
        """Whether it is a pull, or shows that the image is in use; see `docs/registry.md`, "Pulls".

        An engine asks once with HEAD for each `docker pull`, whether it has the image or not; what it then reads by
        digest belongs to that. Who reads by tag at once (Podman, skopeo, crane) pulls with that. A HEAD of anybody
        else looks whether there is something new.
        """
        if self.action != "pull" or self.media_type not in INDEXES | MANIFESTS or self.actor == IMAGEYARD:
            return ""
        agent = self.agent.lower()
        is_engine = agent.startswith(_ENGINES)
        if self.actor.startswith(BUILD):
            return "use" if self.is_head or self.tag else ""
        if self.is_head:
            return "pull" if is_engine else ""
        if self.tag:
            return "" if agent.startswith(_ONLOOKERS) else "pull"
        return "" if is_engine or agent.startswith(_ONLOOKERS) else "pull"


def read_events(body: bytes, now: datetime) -> tuple[Told, ...]:
    """The events that say something of a manifest or tag, in their order; layers and what cannot be read are left out.

    Raises ValueError where the body is no envelope at all.
    """
    document = orjson.loads(body)
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        raise ValueError("no list of events")  # noqa: TRY004 — a wrong document, not a wrong argument
    return tuple(told for event in events[:MOST_EVENTS] if (told := _read(event, now)) is not None)


def _read(event: Any, now: datetime) -> Told | None:
    if not isinstance(event, dict) or event.get("action") not in _ACTIONS:
        return None
    target, request = _part(event, "target"), _part(event, "request")
    path, tag, digest = target.get("repository"), target.get("tag"), target.get("digest")
    if not isinstance(path, str) or len(path) > MOST_PATH or not _PATH.fullmatch(path):
        return None
    tag = tag if isinstance(tag, str) and is_tag(tag) else ""
    digest = digest if isinstance(digest, str) and is_digest(digest) else ""
    media_type = _text(target.get("mediaType"), 128)
    if not _is_telling(event["action"], tag, digest, media_type):
        return None
    return Told(
        id=_text(event.get("id"), 100) or _own_id(event["action"], path, tag, digest, str(event.get("timestamp"))[:64]),
        action=event["action"],
        repository=path,
        tag=tag,
        digest=digest,
        media_type=media_type,
        actor=_text(_part(event, "actor").get("name"), 150),
        at=_time(event.get("timestamp"), now),
        is_head=request.get("method") == "HEAD",
        agent=_text(request.get("useragent"), 300),
    )


def _is_telling(action: str, tag: str, digest: str, media_type: str) -> bool:
    """A tag that moved, a manifest that was read, anything that went."""
    if action == "push":
        return bool(tag and digest)
    return action == "delete" or (bool(digest) and media_type in INDEXES | MANIFESTS)


def _part(event: dict[str, Any], name: str) -> dict[str, Any]:
    found = event.get(name)
    return found if isinstance(found, dict) else {}


def _text(value: Any, longest: int) -> str:
    """Printable, and none of it where it is anything else: half a name would be somebody else's."""
    return value if isinstance(value, str) and len(value) <= longest and value.isprintable() else ""


def _own_id(*parts: str) -> str:
    """The same for the same event, however often it comes."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()


def _time(value: Any, now: datetime) -> datetime:
    """RFC 3339 with any number of decimals; what is no time, or lies ahead of us, is now."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else now
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return now
    return at if _EARLIEST <= at <= now else now
