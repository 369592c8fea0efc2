"""What a run writes about itself: its steps, their bytes, and the news for viewers. One logbook for each run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from builds.actions import runs
from builds.actions.runs import Run
from builds.actions.steps import count_lines, describe_steps, save_steps
from builds.core.errors import BuildError, Stopped
from builds.core.states import RUNNING
from builds.live.steps import step_fields
from builds.logs.archive import archive_log, forget_logs
from builds.logs.salvage import salvage
from builds.logs.stream import connect, forget
from builds.logs.writer import LogWriter
from builds.models import Build, Step
from builds.models.log import DatabaseFrames
from builds.pipeline.variables import secrets_of
from lib.redact import Redactor

Say = Callable[[bytes | str], None]


class Logbook:
    """Steps and log of one attempt. Step 0 is the checkout, BuildKit's follow in order of appearance, then ours."""

    def __init__(self, build: Build, run: Run) -> None:
        self._run = run
        self.redactor = Redactor(secrets_of(build))
        redis = connect(settings.REDIS_URL)
        if run.attempt == 1:
            forget(redis, run.build_id)
        self._writer = LogWriter(
            run.build_id,
            run.attempt,
            store=DatabaseFrames(),
            redis=redis,
            redactor=self.redactor,
            cap_bytes=settings.LOG_CAP_BYTES,
        )
        self._rows: dict[int, Step] = {}
        self._own: Step | None = None
        self._spoke: dict[int, float] = {}
        self._closed = False

    @contextmanager
    def own_step(self, name: str, *, since: datetime | None = None) -> Iterator[Say]:
        """A step that Imageyard itself does, perhaps `since` a while; gives a function that adds to its log."""
        row = self._own = self._open(len(self._rows), name)
        row.state, row.started_at = Step.State.RUNNING, since or timezone.now()
        self.save([row])

        def say(text: bytes | str) -> None:
            self._writer.write(row.index, text.encode() if isinstance(text, str) else text)

        try:
            yield say
        except BaseException as error:
            row.state = Step.State.CANCELLED if isinstance(error, Stopped) else Step.State.FAILED
            if isinstance(error, BuildError):
                row.error = error.message
                say(f"{error.message}\n")
            raise
        else:
            row.state = Step.State.SUCCEEDED
        finally:
            row.finished_at = timezone.now()
            row.duration_s = (row.finished_at - row.started_at).total_seconds()
            self._own = None
            self.finish(row)
            self.save([row])

    @property
    def next_index(self) -> int:
        """Where the next step goes."""
        return len(self._rows)

    def write(self, index: int, data: bytes) -> None:
        """Add to the log of a step."""
        self._spoke[index] = time.monotonic()
        self._writer.write(index, data)

    def tell(self, kind: str, payload: dict[str, Any]) -> None:
        """Tell viewers something, after all bytes written before it."""
        self._writer.event(kind, payload)

    def row(self, index: int, name: str) -> Step:
        """The step of this index, opened under `name` where it is new."""
        return self._rows.get(index) or self._open(index, name)

    def has(self, index: int) -> bool:
        return index in self._rows

    def cut_off(self) -> None:
        """The run ends early: what still runs was cut off with it."""
        rows = [row for row in self._rows.values() if row.state == Step.State.RUNNING]
        for row in rows:
            row.state, row.finished_at = Step.State.CANCELLED, timezone.now()
            self.finish(row)
        self.save(rows)

    def describe(self, facts: Mapping[int, Mapping[str, Any]]) -> None:
        """Add what is known of steps once all is over: `{index: {"dockerfile_line": 7, "layer_bytes": 1024}}`."""
        rows = [self._rows[index] for index in facts if index in self._rows]
        for row in rows:
            for name, value in facts[row.index].items():
                setattr(row, name, value)
        describe_steps(rows)

    @property
    def rows(self) -> list[Step]:
        """The steps so far, by index."""
        return [self._rows[index] for index in sorted(self._rows)]

    def silent_s(self, index: int) -> float | None:
        """For how long a step of the builder has printed nothing; None for one that never did."""
        spoke = self._spoke.get(index)
        return None if spoke is None else time.monotonic() - spoke

    @property
    def cut_off_step(self) -> str:
        """The name of the step in which the run was cut off; one that the Dockerfile asks for, if there is one."""
        cut = [row for row in self._rows.values() if row.state == Step.State.CANCELLED]
        return next((row.name for row in sorted(cut, key=lambda row: row.internal)), "")

    def close(self) -> None:
        """Store everything, and the sums on the build. Before the build's end is announced; again does nothing."""
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        totals = self._writer.totals().values()
        runs.note(
            self._run,
            log_bytes=sum(total.size_bytes for total in totals),
            log_lines=sum(total.lines for total in totals),
            log_clipped=self._writer.clipped,
        )

    def _open(self, index: int, name: str) -> Step:
        row = Step(build_id=self._run.build_id, attempt=self._run.attempt, index=index, name=self.redactor.text(name))
        self._rows[index] = row
        return row

    def finish(self, row: Step) -> None:
        """Nothing more comes from this step: count its lines."""
        total = self._writer.finish_step(row.index)
        row.lines, row.size_bytes = total.lines, total.size_bytes

    def save(self, rows: list[Step]) -> None:
        """Write steps down and tell viewers of them."""
        save_steps(rows)
        for row in rows:
            self._writer.event("step", step_fields(row))


def archive_attempt(build_id: int, attempt: int) -> None:
    """Save what a dead attempt's Redis tail still holds, then make its frames one object. Again does nothing."""
    build = Build.objects.filter(pk=build_id).first()
    if build is None or (build.attempt == attempt and build.state in RUNNING):
        return
    store = DatabaseFrames(fenced=False)
    totals = salvage(build_id, attempt, store=store, redis=connect(settings.REDIS_URL))
    count_lines(build_id, attempt, {step: (total.lines, total.size_bytes) for step, total in totals.items()})
    archive_log(build_id, attempt, store=store, clipped=build.log_clipped if build.attempt == attempt else "")


def forget_deleted(build_ids: Sequence[int]) -> None:
    """Remove the stored logs of those of these builds that are gone."""
    there = set(Build.objects.filter(pk__in=build_ids).values_list("pk", flat=True))
    for build_id in build_ids:
        if build_id not in there:
            forget_logs(build_id)
