"""What running builds will probably take, and the build before each: one answer for every page that tells it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from django.db.models import F

from builds.core.eta import left_seconds, share_done
from builds.core.states import State
from builds.models import Build, Step

SAMPLE = 20


@dataclass(frozen=True, slots=True)
class Expected:
    """`usual_s` is the median duration of the last `samples` successes, `left_s` what is left of a running build.

    `before` is the key of the newest of them. `percent` is how far the build is, for a bar.
    """

    usual_s: float
    samples: int
    left_s: float
    elapsed_s: float
    before: int

    @property
    def percent(self) -> int:
        whole = self.elapsed_s + self.left_s
        return round(100 * self.elapsed_s / whole) if whole else 0

    @property
    def is_late(self) -> bool:
        """It takes longer than usual."""
        return self.elapsed_s > self.usual_s


def expected(builds: Sequence[Build], steps: Mapping[int, Sequence[Step]], now: datetime) -> dict[int, Expected]:
    """By key, for builds whose rule has succeeded lately; `steps` are those of their attempts. Two queries at most."""
    history = _history(builds)
    if not history:
        return {}
    before = _seconds_by_name([newest for newest, _ in history.values()])
    found = {}
    for build in builds:
        newest, spans = history.get(build.rule_id or 0, (0, []))
        if spans:
            elapsed = max((now - build.started_at).total_seconds(), 0.0) if build.started_at else 0.0
            usual = median(spans)
            done = share_done(_so_far(steps.get(build.pk, ()), now), before.get(newest, {}))
            left = left_seconds(usual, elapsed, done)
            found[build.pk] = Expected(usual, len(spans), left, elapsed, newest)
    return found


def _history(builds: Sequence[Build]) -> dict[int, tuple[int, list[float]]]:
    """`{rule: (newest success, seconds of the last ones)}`, of the last builds of the repository alone."""
    rules = {build.rule_id for build in builds if build.rule_id}
    if not rules:
        return {}
    done = Build.objects.filter(
        rule__in=rules,
        state=State.SUCCEEDED,
        started_at__isnull=False,
        finished_at__isnull=False,
        number__gt=F("repository__build_sequence__last") - SAMPLE,
    ).order_by()
    spans: dict[int, list[float]] = defaultdict(list)
    newest: dict[int, int] = {}
    for key, rule_id, started, finished in done.values_list("pk", "rule_id", "started_at", "finished_at"):
        if rule_id and started and finished:
            spans[rule_id].append((finished - started).total_seconds())
            newest[rule_id] = max(newest.get(rule_id, 0), key)
    return {rule_id: (newest[rule_id], found) for rule_id, found in spans.items()}


def _seconds_by_name(keys: Iterable[int]) -> dict[int, dict[str, float]]:
    rows = Step.objects.filter(
        build__in=list(keys), attempt=F("build__attempt"), duration_s__gt=0, internal=False
    ).order_by()
    found: dict[int, dict[str, float]] = defaultdict(dict)
    for key, name, seconds in rows.values_list("build_id", "name", "duration_s"):
        found[key][name] = found[key].get(name, 0.0) + (seconds or 0.0)
    return found


def _so_far(steps: Sequence[Step], now: datetime) -> Iterable[tuple[str, bool, float]]:
    for step in steps:
        if step.started_at is not None and not step.internal:
            is_over = step.state != Step.State.RUNNING
            yield step.name, is_over, (now - step.started_at).total_seconds()
