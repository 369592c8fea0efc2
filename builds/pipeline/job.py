"""What the stages of one run share. The row may have changed since it was read: writes go through the run's lease."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builds.actions import runs
from builds.actions.runs import Run
from builds.core.errors import Stopped
from builds.core.states import State
from builds.engine.stopflag import StopFlag
from builds.models import Build

if TYPE_CHECKING:
    from builds.core.metadata import BuildFacts
    from builds.pipeline.listen import BuildkitSteps
    from builds.pipeline.logbook import Logbook


@dataclass(slots=True)
class Findings:
    """What the stages found out, for the record that is written at the end. None where they did not come so far.

    `dockerfile` is the text that is built, masked; `steps` are those of the last buildx, `facts` what it told in the
    end.
    """

    dockerfile: str | None = None
    steps: BuildkitSteps | None = None
    facts: BuildFacts | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One run and its surroundings. `timeout_s` is what is left of the build's time at the claim."""

    build: Build
    run: Run
    stop: StopFlag
    logbook: Logbook
    work_dir: Path
    timeout_s: float
    findings: Findings = field(default_factory=Findings)

    def advance(self, state: State, **fields: Any) -> None:
        """Move on; raises Stopped("lost") where the lease is gone."""
        self.stop.check()
        if not runs.advance(self.run, state, **fields):
            raise Stopped("lost")

    def note(self, **fields: Any) -> None:
        """Write facts of this run to the build's row, and keep them here; raises Stopped("lost") as above."""
        if not runs.note(self.run, **fields):
            raise Stopped("lost")
        for name, value in fields.items():
            setattr(self.build, name, value)
