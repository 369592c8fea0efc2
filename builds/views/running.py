"""The cards of what runs now: which step of how many, and how long it will take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import median
from typing import Any

from django.db.models import F
from django.utils import timezone

from builds.core.states import RUNNING, State
from builds.models import Build, Step
from builds.views.last_lines import last_lines

CARDS = 12
SAMPLE = 20
_ALMOST = 97


@dataclass(frozen=True, slots=True)
class RunningBuild:
    """A running build. `usual_s` is the median duration of its rule's last successes, None before there were any."""

    build: Build
    step_name: str
    step_number: int
    step_total: int
    elapsed_s: float
    usual_s: float | None
    last_line: str = ""

    @property
    def percent(self) -> int:
        """How far it is, for the bar: by time where the rule's usual time is known, else by steps."""
        if self.usual_s:
            return max(3, min(_ALMOST, round(100 * self.elapsed_s / self.usual_s)))
        return max(3, min(_ALMOST, round(100 * (self.step_number - 1) / self.step_total))) if self.step_total else 3

    @property
    def left_s(self) -> float | None:
        """Seconds it probably takes; None where there is nothing to tell it from, or it takes longer than usual."""
        left = self.usual_s - self.elapsed_s if self.usual_s else 0
        return left if left > 0 else None


def running_builds(user: Any) -> list[RunningBuild]:
    """The builds that `user` may see and that a worker has now, oldest first. Three queries and one call of Redis."""
    builds = list(
        Build.objects.visible_to(user).filter(state__in=RUNNING).for_page().order_by("started_at", "pk")[:CARDS]
    )
    if not builds:
        return []
    now = timezone.now()
    steps, usual, lines = _steps_of(builds), _usual_seconds(builds), last_lines(builds)
    cards = [_card(build, steps[build.pk], usual.get(build.rule_id or 0), now) for build in builds]
    return [replace(card, last_line=lines.get(card.build.pk, "")) for card in cards]


def _steps_of(builds: Sequence[Build]) -> dict[int, list[Step]]:
    attempts = {build.pk: build.attempt for build in builds}
    found: dict[int, list[Step]] = defaultdict(list)
    rows = Step.objects.filter(build__in=builds, internal=False).order_by("build", "index")
    for step in rows.defer("error", "vertex"):
        if step.attempt == attempts[step.build_id]:
            found[step.build_id].append(step)
    return found


def _usual_seconds(builds: Sequence[Build]) -> dict[int, float]:
    done = Build.objects.filter(
        rule__in=[build.rule_id for build in builds if build.rule_id],
        state=State.SUCCEEDED,
        started_at__isnull=False,
        number__gt=F("repository__build_sequence__last") - SAMPLE,
    )
    spans: dict[int, list[float]] = defaultdict(list)
    for rule_id, started, finished in done.values_list("rule_id", "started_at", "finished_at"):
        if started and finished:
            spans[rule_id].append((finished - started).total_seconds())
    return {rule_id: median(found) for rule_id, found in spans.items()}


def _card(build: Build, steps: Sequence[Step], usual_s: float | None, now: datetime) -> RunningBuild:
    running = [step for step in steps if step.state == Step.State.RUNNING]
    over = sum(step.state in (Step.State.SUCCEEDED, Step.State.FAILED) for step in steps)
    elapsed = (now - build.started_at).total_seconds() if build.started_at else 0.0
    return RunningBuild(
        build=build,
        step_name=running[-1].name if running else "",
        step_number=min(over + 1, len(steps)) if steps else 0,
        step_total=max(len(steps), build.steps_total),
        elapsed_s=elapsed,
        usual_s=usual_s,
    )
