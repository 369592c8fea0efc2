"""The Log tab: the step that is open, a part of its log, and what the viewer's scripts begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from builds.models import Build, Step
from builds.views.build_steps import chosen_step
from builds.views.logs import shown_lines

if TYPE_CHECKING:
    from builds.views.build_tabs import Asked


def context(asked: Asked) -> dict[str, Any]:
    """`began_ms` is when the attempt began, in milliseconds since 1970; `step` and `line` of the address are shown."""
    chosen = chosen_step(asked.build, asked.steps, asked.request.GET.get("step", ""))
    began = {"began_ms": _began_ms(asked.build, asked.steps)}
    if chosen is None:
        return began
    line = asked.request.GET.get("line", "")
    return {**began, "chosen": chosen, "shown": shown_lines(asked.build, asked.attempt, chosen, line)}


def _began_ms(build: Build, steps: list[Step]) -> int | None:
    begins = [step.started_at for step in steps if step.started_at]
    began = min(begins) if begins else build.started_at
    return round(began.timestamp() * 1000) if began else None
