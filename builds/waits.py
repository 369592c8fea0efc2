"""The queue as people read it: what waits, in which order, why, and when it will probably start. Changes nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from django.conf import settings
from django.db.models import F

from builds.actions.claim import queued_in_order
from builds.core.disk import blocks_sentence
from builds.core.eta import left_seconds
from builds.core.line import Busy, InLine, start_times
from builds.core.states import RUNNING, State
from builds.core.waiting import Waiting, waiting_sentence
from builds.models import Build, Pause, Pauses, Worker
from lib.clock import database_now

# Of how many builds the usual time is taken, and of how many rules it is asked for: beyond that, any rule's will do.
SAMPLE = 20
RULES = 50
_ROW = (
    "pk",
    "repository_id",
    "rule_id",
    "repository_running",
    "allowed",
    "not_before",
    "platform_failures",
    "wait_reason",
)


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A waiting build and its place from 0. `eta_s` is seconds until it will probably start, where that is known."""

    build_id: int
    repository_id: int
    position: int
    waiting: Waiting
    wait_reason: str = ""

    @property
    def eta_s(self) -> float | None:
        return self.waiting.eta_s

    @property
    def sentence(self) -> str:
        """Why it waits. What put it back stays said; what it waits for follows once its own pause is over."""
        said = waiting_sentence(self.waiting)
        if not self.wait_reason:
            return said
        alone = self.waiting.retry_in_s is not None and not self.waiting.paused
        return self.wait_reason if alone else f"{self.wait_reason} {said}"


def queue() -> list[QueueEntry]:
    """Every waiting build in the order in which it will start. A handful of queries, however long the queue."""
    now = database_now()
    rows = list(queued_in_order().values(*_ROW))
    return _Line(now).entries(rows) if rows else []


class _Line:
    """What the sentences and times of all waiting builds go by, read once."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        names = ("repository_id", "rule_id", "number", "worker", "started_at")
        self.running = list(Build.objects.filter(state__in=RUNNING).order_by().values(*names))
        self.pauses = Pause.objects.standing()
        self.connected = list(Worker.objects.alive(now))
        self.takers = {worker.name: worker for worker in self.connected if worker.takes_builds(self.pauses)}
        self.slots = sum(worker.slots for worker in self.takers.values())
        self.free = max(0, self.slots - sum(row["worker"] in self.takers for row in self.running))

    def entries(self, rows: Sequence[dict[str, Any]]) -> list[QueueEntry]:
        common: dict[str, Any] = {
            "workers": len(self.takers),
            "free_slots": self.free,
            "max_attempts": settings.MAX_ATTEMPTS,
            "paused": self.pauses.queue.sentence if self.pauses.queue else "",
            "blocked": "" if self.takers else why_none_takes_builds(self.connected, self.pauses),
        }
        numbers = {row["repository_id"]: row["number"] for row in self.running}
        before: Counter[int] = Counter()
        found = []
        for position, (row, eta_s) in enumerate(zip(rows, self._starts(rows), strict=True)):
            repository_id = row["repository_id"]
            own = numbers.get(repository_id) if row["repository_running"] >= row["allowed"] else None
            is_held_up = row["repository_running"] + before[repository_id] >= row["allowed"]
            pause_s = self._pause_s(row)
            waiting = Waiting(
                ahead=max(position - self.free, before[repository_id] if is_held_up else 0, 0),
                same_repository_running=own,
                same_repository_waits=is_held_up and before[repository_id] > 0,
                retry_in_s=pause_s if pause_s > 0 else None,
                attempt=row["platform_failures"] + 1,
                eta_s=eta_s,
                **common,
            )
            found.append(QueueEntry(row["pk"], repository_id, position, waiting, row["wait_reason"]))
            before[repository_id] += 1
        return found

    def _starts(self, rows: Sequence[dict[str, Any]]) -> Sequence[float | None]:
        usual = usual_seconds({row["rule_id"]: row["repository_id"] for row in (*self.running, *rows)})
        any_rule = usual.get(None)
        if any_rule is None or self.pauses.queue:
            return [None] * len(rows)
        busy = [
            Busy(
                row["repository_id"], self._left(row, usual.get(row["rule_id"], any_rule)), row["worker"] in self.takers
            )
            for row in self.running
        ]
        line = (
            InLine(
                row["repository_id"], row["allowed"], usual.get(row["rule_id"], any_rule), max(0.0, self._pause_s(row))
            )
            for row in rows
        )
        return start_times(line, busy, self.slots) or [None] * len(rows)

    def _left(self, row: dict[str, Any], usual_s: float) -> float:
        elapsed = (self.now - row["started_at"]).total_seconds() if row["started_at"] else 0.0
        return left_seconds(usual_s, elapsed)

    def _pause_s(self, row: dict[str, Any]) -> float:
        return float((row["not_before"] - self.now).total_seconds())


def why_none_takes_builds(workers: Sequence[Worker], pauses: Pauses) -> str:
    """What keeps every connected worker from taking builds, and whose move it is; "" where none is connected."""
    if not workers:
        return ""
    staying = [worker for worker in workers if not worker.is_leaving]
    for worker in staying:
        if worker.builder_fault and pauses.of(worker.host) is None:
            return (
                f"No worker can build just now. {worker.host}: {worker.builder_fault} Whoever runs Imageyard mends "
                "that; then it starts by itself."
            )
    for worker in staying:
        if worker.disk_fault and pauses.of(worker.host) is None:
            return blocks_sentence(worker.disk_fault)
    paused = [(worker.host, pause) for worker in staying if (pause := pauses.of(worker.host))]
    if paused:
        host, pause = paused[0]
        return f"No worker takes builds just now. {host}: {pause.sentence} It starts when an administrator resumes it."
    return "Every worker is being shut down. It starts when one is back."


def usual_seconds(rules: Mapping[int | None, int]) -> dict[int | None, float]:
    """The median duration of each rule's last successes in seconds, and under None that of any rule's.

    `rules` are theirs and their repositories' ids. Those that did not succeed lately are left out, and so is None
    before there was any success at all.
    """
    wanted = dict([(rule, repository) for rule, repository in rules.items() if rule][:RULES])
    done = Build.objects.filter(state=State.SUCCEEDED, started_at__isnull=False, finished_at__isnull=False)
    # Not by rule: the newest numbers of a repository are what its index gives at once, however long its history is.
    lately = Build.objects.filter(
        repository__in=set(wanted.values()), number__gt=F("repository__build_sequence__last") - SAMPLE
    ).order_by()
    names = ("rule_id", "started_at", "finished_at", "state")
    spans: dict[int | None, list[float]] = defaultdict(list)
    for rule_id, started, finished, state in lately.values_list(*names) if wanted else ():
        if rule_id in wanted and state == State.SUCCEEDED and started and finished:
            spans[rule_id].append((finished - started).total_seconds())
    newest = done.order_by("-pk")[:SAMPLE].values_list("started_at", "finished_at")
    spans[None] = [(finished - started).total_seconds() for started, finished in newest if started and finished]
    return {rule_id: median(found) for rule_id, found in spans.items() if found}
