"""What a builder keeps of earlier builds: `docker buildx du --verbose`, and what a policy would take of it. No I/O.

Sizes and times are read as buildx rounds them for people ("6.009MB", "3 days ago"): good enough for a picture and for
the question whether a policy has anything to do. What is pruned BuildKit decides itself, by its own exact records.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

BIGGEST = 12
_DAY_S = 86400
_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15}
_SIZE = re.compile(r"(?P<number>[0-9.]+(?:e[+-]?[0-9]+)?)\s*(?P<unit>[kMGTP]?B)")
_SPANS = {"second": 1, "minute": 60, "hour": 3600, "day": _DAY_S, "week": 7 * _DAY_S, "month": 30 * _DAY_S}
_SPANS["year"] = 365 * _DAY_S
_AGO = re.compile(
    r"(?P<count>[0-9]+|about an?|less than a)\s+(?P<unit>second|minute|hour|day|week|month|year)s?", re.IGNORECASE
)
_FIELD = re.compile(r"^(?P<name>[A-Z][A-Za-z ]+):[ \t]*(?P<value>.*)$")
# How a person calls what BuildKit calls `regular` and so on.
TYPES = {
    "regular": "layers and steps",
    "source.local": "contexts",
    "source.git.checkout": "Git checkouts",
    "exec.cachemount": "cache mounts",
    "frontend": "frontends",
    "internal": "internal",
}


@dataclass(frozen=True, slots=True)
class CacheRecord:
    """One entry. `unused_s` is None where it was never used; what images share is freed only with the image."""

    id: str
    size_bytes: int
    type: str
    description: str
    reclaimable: bool
    shared: bool
    unused_s: float | None

    @property
    def can_go(self) -> bool:
        """Whether a pruning may take it: neither in use nor part of an image."""
        return self.reclaimable and not self.shared


@dataclass(frozen=True, slots=True)
class CacheReport:
    """A whole cache, as `Worker.cache` keeps it. `types` are bytes by type, `biggest` records as documents."""

    builder: str = ""
    fault: str = ""
    total_bytes: int = 0
    reclaimable_bytes: int = 0
    shared_bytes: int = 0
    records: int = 0
    oldest_s: float = 0.0
    types: dict[str, int] = field(default_factory=dict)
    biggest: list[dict[str, Any]] = field(default_factory=list)
    ages: dict[str, int] = field(default_factory=dict)

    @property
    def private_bytes(self) -> int:
        """What is the cache's alone, and goes by the limits: what images have too BuildKit does not count in them."""
        return self.total_bytes - self.shared_bytes

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def read_report(document: object) -> CacheReport | None:
    """What `as_json` wrote; None for what another version wrote, or nobody."""
    if not isinstance(document, dict) or "total_bytes" not in document:
        return None
    try:
        return CacheReport(**{key: document[key] for key in CacheReport.__dataclass_fields__ if key in document})
    except TypeError:
        return None


def read_records(text: str) -> list[CacheRecord]:
    """The records of `du --verbose`: blocks of `Name: value`, with an empty line between them."""
    found, block = [], dict[str, str]()
    for line in [*text.splitlines(), ""]:
        match = _FIELD.match(line)
        if match:
            block.setdefault(match["name"].lower(), match["value"].strip())
        elif not line.strip():
            if "id" in block and "size" in block:
                found.append(_record(block))
            block = {}
    return found


def read_size(text: str) -> int:
    """`6.009MB` in bytes; 0 for what is no size."""
    match = _SIZE.search(text)
    return round(float(match["number"]) * _UNITS[match["unit"]]) if match else 0


def read_freed(output: str) -> int:
    """What `prune` says at its end: `Total: 3.011MB`."""
    totals = re.findall(r"^Total(?: reclaimed space)?:\s*(.+)$", output, re.MULTILINE)
    return read_size(totals[-1]) if totals else 0


def summarize(builder: str, records: Sequence[CacheRecord]) -> CacheReport:
    """The whole of it, for the picture."""
    types, ages = Counter[str](), Counter[str]()
    for record in records:
        types[TYPES.get(record.type, record.type or "other")] += record.size_bytes
        ages[age_of(record.unused_s)] += record.size_bytes
    biggest = sorted(records, key=lambda record: -record.size_bytes)[:BIGGEST]
    return CacheReport(
        builder=builder,
        total_bytes=sum(record.size_bytes for record in records),
        reclaimable_bytes=sum(record.size_bytes for record in records if record.reclaimable),
        shared_bytes=sum(record.size_bytes for record in records if record.shared),
        records=len(records),
        oldest_s=max((record.unused_s or 0.0 for record in records if record.can_go), default=0.0),
        types=dict(types.most_common()),
        biggest=[asdict(record) for record in biggest],
        ages={name: ages[name] for name, _ in AGES if name in ages},
    )


AGES = (("today", 1), ("this week", 7), ("this month", 30), ("longer ago", 10**6))


def age_of(unused_s: float | None) -> str:
    """When it was last used, roughly."""
    days = (unused_s or 0.0) / _DAY_S
    return next(name for name, most in AGES if days < most)


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """What is kept: at most so many bytes, and nothing unused for so many days. None: no bound."""

    keep_bytes: int | None = None
    unused_days: int | None = None

    @property
    def is_empty(self) -> bool:
        return self.keep_bytes is None and self.unused_days is None


def is_due(report: CacheReport, limits: CacheLimits) -> bool:
    """Whether a pruning by these limits would find anything."""
    over = limits.keep_bytes is not None and report.private_bytes > limits.keep_bytes
    return over or (limits.unused_days is not None and report.oldest_s > limits.unused_days * _DAY_S)


def would_free(records: Iterable[CacheRecord], limits: CacheLimits) -> int:
    """About how many bytes it would free: what is unused for too long, then the longest unused until it fits."""
    rows = sorted((record for record in records if not record.shared), key=lambda record: -(record.unused_s or 0.0))
    total, freed = sum(record.size_bytes for record in rows), 0
    for record in rows:
        old = limits.unused_days is not None and (record.unused_s or 0.0) > limits.unused_days * _DAY_S
        over = limits.keep_bytes is not None and total - freed > limits.keep_bytes
        if record.can_go and (old or over):
            freed += record.size_bytes
    return freed


def _record(block: dict[str, str]) -> CacheRecord:
    used = block.get("last used", "")
    return CacheRecord(
        id=block["id"][:64],
        size_bytes=read_size(block["size"]),
        type=block.get("type", "")[:40],
        description=block.get("description", "")[:200],
        reclaimable=block.get("reclaimable") == "true",
        shared=block.get("shared") == "true",
        unused_s=_seconds(used),
    )


def _seconds(text: str) -> float | None:
    """`3 days ago`, `About an hour ago`, `Less than a second ago` in seconds."""
    match = _AGO.search(text)
    if match is None:
        return None
    count = match["count"].lower()
    number = int(count) if count.isdigit() else 0 if count.startswith("less") else 1
    return float(number * _SPANS[match["unit"].lower()])
