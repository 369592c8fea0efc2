"""What is kept of a run beyond its rows: a list of recorders. None of them holds up an end, or fails a build."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import structlog

from builds import live
from builds.actions.records import begin_record, save_record
from builds.core.errors import BuildError, Skipped, Stopped
from builds.core.layers import platform_record
from builds.engine.buildx import BuildRequest
from builds.engine.inputs import find_dockerfile, read_start
from builds.pipeline.cache import report_cache
from builds.pipeline.images import record_image
from builds.pipeline.job import Job
from lib.storable import storable

log = structlog.get_logger(__name__)
MOST_DOCKERFILE_BYTES = 256 * 1024
MOST_LAYERS = 500
_MOST_PATH = 500

Ended = Stopped | BuildError | Skipped
Recorder = Callable[[Job, Ended | None], dict[str, Any]]
"""Gives columns of the `BuildRecord`; `{}` where it has nothing to say. `None` for a success."""


def open_record(job: Job, request: BuildRequest) -> None:
    """Before buildx starts: the Dockerfile as it is built, so that the page of a build that fails has it too."""
    try:
        job.findings.dockerfile = _dockerfile(job, request)
        begin_record(
            job.run,
            dockerfile=job.findings.dockerfile,
            dockerfile_path=request.dockerfile[:_MOST_PATH],
            builder=f"{socket.gethostname()} · {request.builder or 'default'}",
        )
    except Exception:
        log.exception("the Dockerfile of a build was not kept", build=job.build.pk)


def record(job: Job, ended: Ended | None) -> None:
    """Once the end is written down and told. A run that was taken away, or that is handed back, records nothing."""
    if isinstance(ended, Stopped | Skipped):
        return
    for recorder in RECORDERS:
        try:
            columns = recorder(job, ended)
            if columns and not save_record(job.run, **columns):
                return  # a newer attempt has the record, or the build is gone
        except Exception:  # the edge: the build is over, whatever is wrong here
            log.exception("a part of a build's record was not kept", build=job.build.pk, part=recorder.__name__)
    live.wake(f"build:{job.build.pk}")


def _dockerfile(job: Job, request: BuildRequest) -> str:
    """Its text, masked. One that is longer than what is kept ends with its last whole line."""
    data = read_start(find_dockerfile(request.tree, request.dockerfile), MOST_DOCKERFILE_BYTES + 1)
    if len(data) > MOST_DOCKERFILE_BYTES:
        data = data[: data.rfind(b"\n", 0, MOST_DOCKERFILE_BYTES) + 1]
    return job.logbook.redactor.text(storable(data.decode("utf-8-sig", "replace")))


def _platforms(job: Job, ended: Ended | None) -> dict[str, Any]:
    """Layers by platform, from the provenance; a build for several platforms that is pushed has none."""
    facts, steps = job.findings.facts, job.findings.steps
    if ended is not None or facts is None or steps is None:
        return {}
    indexes = {step.vertex: step.index + steps.offset for step in steps.book.steps}
    mask = job.logbook.redactor.text
    found = [platform_record(platform, indexes) for platform in facts.platforms]
    for row in found:
        row["build_args"] = {name: mask(value) for name, value in row["build_args"].items()}
        row["layers"] = row["layers"][:MOST_LAYERS]
    return {"platforms": found}


def _no_failure(job: Job, ended: Ended | None) -> dict[str, Any]:  # noqa: ARG001
    """An attempt that only finished the publication of an earlier one leaves that one's record, but for its fault."""
    return {"failure": {}} if ended is None else {}


RECORDERS: tuple[Recorder, ...] = (_no_failure, _platforms, report_cache, record_image)
