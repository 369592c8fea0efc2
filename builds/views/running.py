"""The cards of what runs now: which step of how many, and how long it will take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from builds.core.states import RUNNING
from builds.models import Build, Step
from builds.views.expected import Expected, expected
from builds.views.last_lines import last_lines

CARDS = 12
_ALMOST = 97


@dataclass(frozen=True, slots=True)
class RunningBuild:
    """A running build. `expected` is what is known of its rule's last successes, None before there were any."""

    build: Build
    step_name: str
    step_number: int
    step_total: int
    elapsed_s: float
    expected: Expected | None
    last_line: str = ""

    @property
    def usual_s(self) -> float | None:
        return self.expected.usual_s if self.expected else None

    @property
    def percent(self) -> int:
        """How far it is, for the bar: by time where the rule's usual time is known, else by steps."""
        if self.expected:
            return max(3, min(_ALMOST, self.expected.percent))
        return max(3, min(_ALMOST, round(100 * (self.step_number - 1) / self.step_total))) if self.step_total else 3

    @property
    def left_s(self) -> float | None:
        """Seconds it probably takes; None where there is nothing to tell it from, or it takes longer than usual."""
        return None if self.expected is None or self.expected.is_late else self.expected.left_s


def running_builds(user: Any) -> list[RunningBuild]:
    """The builds that `user` may see and that a worker has now, oldest first. Four queries and one call of Redis."""
    builds = list(
        Build.objects.visible_to(user).filter(state__in=RUNNING).for_page().order_by("started_at", "pk")[:CARDS]
    )
    if not builds:
        return []
    now = timezone.now()
    steps, lines = _steps_of(builds), last_lines(builds)
    known = expected(builds, steps, now)
    cards = [_card(build, steps[build.pk], known.get(build.pk), now) for build in builds]
    return [replace(card, last_line=lines.get(card.build.pk, "")) for card in cards]


def _steps_of(builds: Sequence[Build]) -> dict[int, list[Step]]:
    attempts = {build.pk: build.attempt for build in builds}
    found: dict[int, list[Step]] = defaultdict(list)
    rows = Step.objects.filter(build__in=builds, internal=False).order_by("build", "index")
    for step in rows.defer("error", "vertex"):
        if step.attempt == attempts[step.build_id]:
            found[step.build_id].append(step)
    return found


def _card(build: Build, steps: Sequence[Step], told: Expected | None, now: datetime) -> RunningBuild:
    running = [step for step in steps if step.state == Step.State.RUNNING]
    over = sum(step.state in (Step.State.SUCCEEDED, Step.State.FAILED) for step in steps)
    elapsed = (now - build.started_at).total_seconds() if build.started_at else 0.0
    return RunningBuild(
        build=build,
        step_name=running[-1].name if running else "",
        step_number=min(over + 1, len(steps)) if steps else 0,
        step_total=max(len(steps), build.steps_total),
        elapsed_s=elapsed,
        expected=told,
    )
