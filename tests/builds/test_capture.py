"""What a run of buildx leaves in the rows of its steps: inputs, intervals, transfers, and facts of the metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from django.conf import settings

from builds.actions.claim import claim_next
from builds.actions.runs import Run, advance
from builds.core.metadata import read_metadata
from builds.core.states import State
from builds.engine.stopflag import StopFlag
from builds.models import Build, Step
from builds.pipeline.build import _write_down
from builds.pipeline.job import Job
from builds.pipeline.listen import BuildkitSteps
from builds.pipeline.logbook import Logbook
from builds.pipeline.record import record
from tests.builds.core.rawjson import RAWJSON, recorded
from tests.factories import make_build

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("rings")]


@pytest.fixture
def job(redis_url: str, monkeypatch, tmp_path) -> Iterator[Job]:
    monkeypatch.setattr(settings, "REDIS_URL", redis_url)
    make_build()
    run = claim_next("worker-1")
    assert isinstance(run, Run)
    advance(run, State.BUILDING)
    logbook = Logbook(Build.objects.for_page().get(), run)
    yield Job(Build.objects.for_page().get(), run, StopFlag(), logbook, tmp_path, timeout_s=60)
    logbook.close()


def listen(job: Job, recording: str, *, size: int = 997) -> BuildkitSteps:
    steps = job.findings.steps = BuildkitSteps(job.logbook)
    stream = recorded(recording)
    for at in range(0, len(stream), size):
        steps.feed(stream[at : at + size])
    steps.close()
    return steps


def own_step(job: Job, name: str) -> None:
    with job.logbook.own_step(name) as say:
        say("done\n")


def test_rows_have_inputs_intervals_and_transfers_of_a_recorded_build(job: Job):
    own_step(job, "check out")
    listen(job, "metadata/push")
    rows = list(Step.objects.order_by("index"))
    assert [row.inputs for row in rows] == [[], [], [], [], [], [4], [], [5, 6], [7], [8, 5], [9], [], []]
    assert [len(row.intervals) for row in rows] == [0, 2, 1, 2, 3, 1, 2, 1, 1, 1, 1, 1, 1]
    begin, end = rows[5].intervals[0]
    assert end - begin == pytest.approx(rows[5].duration_s)
    assert begin == pytest.approx(rows[5].started_at.timestamp())
    sent = {part["id"]: part["current"] for row in rows for part in row.transfers if row.internal}
    assert sent == {"transferring dockerfile:": 257, "transferring context:": 35}
    (push,) = [part for part in rows[11].transfers if part["id"] == "pushing layers"]
    assert push["end"] > push["begin"]


def test_steps_that_buildkit_runs_again_for_a_push_take_from_their_own_run(job: Job):
    own_step(job, "check out")
    listen(job, "push-flaky")
    own_step(job, "The builder's last words")
    first = Step.objects.count()
    listen(job, "push-ok")
    again = Step.objects.filter(index__gte=first, name__startswith="[2/2] RUN").get()
    assert again.inputs == [again.index - 1]
    assert all(index >= first for row in Step.objects.filter(index__gte=first) for index in row.inputs)


def test_what_never_ended_has_an_interval_without_an_end(job: Job):
    listen(job, "containerd-store/daemon-killed")
    (cut,) = Step.objects.filter(state="cancelled")
    assert [end for _, end in cut.intervals] == [None]


def test_the_facts_of_a_success_are_on_its_steps_and_its_layers_in_its_record(job: Job):
    own_step(job, "check out")
    steps = listen(job, "metadata/push")
    _write_down(job, steps, read_metadata(json.loads((RAWJSON / "metadata" / "push.json").read_text())))
    record(job, None)
    (copy,) = Step.objects.filter(name__startswith="[mid 1/2] COPY a.txt")
    assert (copy.operation, copy.paths, copy.dockerfile_lines, copy.dockerfile_line) == ("file", ["/a.txt"], [6], 6)
    assert len(copy.fingerprint) == 64
    (platform,) = Build.objects.get().record.platforms
    assert platform["layers"][2]["step"] == copy.index
    assert copy.layer_bytes == platform["layers"][2]["size_bytes"]


def test_names_and_errors_of_steps_are_masked(job: Job, monkeypatch):
    from lib.redact import Redactor

    job.logbook.redactor = Redactor(["why it failed"])
    listen(job, "fail-exit-42")
    (failed,) = Step.objects.filter(state="failed")
    assert "why it failed" not in failed.name + failed.error
    assert "***" in failed.name
