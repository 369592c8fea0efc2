"""The middle stage: buildx builds the work tree and pushes `build-<n>`; its stderr becomes steps, log and reasons."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Protocol

import structlog

from builds.core.errors import BuildError, ErrorKind, Stopped
from builds.core.failure import explain_failure
from builds.core.metadata import BuildFacts, StepFacts, read_metadata
from builds.core.variables import mounted_secrets
from builds.engine import buildx
from builds.engine.buildx import BuildRequest, WaitingClient
from builds.engine.git import Checkout
from builds.engine.inputs import find_dockerfile
from builds.engine.kernel import KernelWatch
from builds.pipeline.ahead import Ahead
from builds.pipeline.failures import LAST_WORDS
from builds.pipeline.isolation import check_frontend
from builds.pipeline.job import Job
from builds.pipeline.listen import BuildkitSteps, Milestones
from builds.pipeline.logins import user_of
from builds.pipeline.own_registry import own_reason
from builds.pipeline.record import open_record
from builds.pipeline.request import request_of, write_given

log = structlog.get_logger(__name__)
# A push that met a busy registry is tried again here: what was built is in the builder's cache, so only the push runs.
PUSH_AGAIN_S = (3.0, 10.0)
# What a row keeps of one step: a here-document may have any number of lines, and a COPY of sources.
MOST_LINES = 1000
MOST_PATHS = 100


class EarlyTags(Milestones, Protocol):
    """Who puts tags as soon as the image is pushed, and whether that has happened."""

    @property
    def is_put(self) -> bool: ...


def build_image(job: Job, checkout: Checkout, early: EarlyTags | None = None, ahead: Ahead | None = None) -> BuildFacts:
    """Build and push the image; the digest and all that BuildKit tells of it are on the build afterwards.

    `early` is told how far buildx is. Once it has put the tags nothing ends the build any more: what buildx still had
    to say, or a wish to stop, came too late. `ahead` is a client that was started already. Raises BuildError with the
    failing step, its line in the Dockerfile, and whose fault it is.
    """
    if ahead is not None and ahead.commit == checkout.commit:
        request, client = ahead.request, ahead.client
        write_given(job, ahead.given)
    else:
        request, client = request_of(job, checkout), None
    _check_dockerfile(job, request, request.secrets)
    open_record(job, request)
    for pause_s in (*PUSH_AGAIN_S, None):
        steps = job.findings.steps = BuildkitSteps(job.logbook, early)
        try:
            facts = _build_once(job, request, steps, client)
        except (BuildError, Stopped) as error:
            if early is not None and early.is_put and not (isinstance(error, Stopped) and error.reason == "lost"):
                log.warning("buildx ended badly after its push", build=job.build.pk, error=str(error))
                facts = BuildFacts(job.build.digest, (), (), ())
                _write_down(job, steps, facts)
                return facts
            if isinstance(error, Stopped):
                raise
            if error.kind is not ErrorKind.REGISTRY or not error.retryable or pause_s is None:
                raise
            job.stop.wait(pause_s)
            job.stop.check()
            request, client = request.with_cache(), None
        else:
            _write_down(job, steps, facts)
            return facts
    raise AssertionError


def _build_once(job: Job, request: BuildRequest, steps: BuildkitSteps, client: WaitingClient | None) -> BuildFacts:
    registry = job.build.repository.registry
    with KernelWatch(docker_host=request.docker_host, builder=request.builder) as kernel:
        try:
            result = buildx.build(request, on_stderr=steps.feed, stop=job.stop, timeout_s=job.timeout_s, waiting=client)
        finally:
            steps.close()
        if result.returncode != 0 or result.metadata is None:
            error = explain_failure(
                steps.book,
                steps.tail,
                result.returncode,
                image=request.image,
                registry=registry.host,
                registry_user=user_of(job.build),
                memory=kernel.report(),
            )
            # Kept for whoever wants to read more than the sentence, also once another attempt has cleared that.
            with job.logbook.own_step(LAST_WORDS) as say:
                say("".join(f"{line}\n" for line in steps.tail))
                raise _masked(job, own_reason(job.build, error))
    return read_metadata(result.metadata)


def _masked(job: Job, error: BuildError) -> BuildError:
    """The sentence may quote what a step printed."""
    masked = job.logbook.redactor.text
    step = masked(error.step) if error.step else error.step
    return BuildError(
        error.kind,
        masked(error.message),
        retryable=error.retryable,
        needs_space=error.needs_space,
        step=step,
        dockerfile_line=error.dockerfile_line,
    )


def _check_dockerfile(job: Job, request: BuildRequest, given: Collection[str]) -> None:
    """Look at the Dockerfile before BuildKit does. Raises BuildError where a stranger's would harm others."""
    path = find_dockerfile(request.tree, request.dockerfile)
    check_frontend(job.build, path)
    try:
        mounted = mounted_secrets(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return  # BuildKit says what is wrong with it
    why = ", as it is of a pull request" if job.build.untrusted else ""
    missing = [
        {
            "kind": "build",
            "message": f"The Dockerfile mounts the secret `{name}`, and this build has none of that name{why}.",
            "url": "",
            "line": None,
            "file": "",
        }
        for name in mounted
        if name not in given
    ]
    if missing:
        job.note(warnings=[*job.build.warnings, *missing])


def _write_down(job: Job, steps: BuildkitSteps, facts: BuildFacts) -> None:
    warnings = [
        {"kind": "build", "message": w.short, "url": w.url, "line": w.first_line, "file": w.filename}
        for w in steps.book.warnings
    ]
    job.note(
        digest=facts.digest or "",
        base_images=[{"name": i.name, "digest": i.digest, "platform": i.platform} for i in facts.base_images],
        warnings=[*job.build.warnings, *_unique(warnings)],
        steps_total=sum(not step.internal for step in steps.book.steps),
    )
    job.findings.facts = facts
    told = facts.step_facts
    job.logbook.describe(
        {step.index + steps.offset: _columns(told[step.vertex]) for step in steps.book.steps if step.vertex in told}
    )


def _columns(facts: StepFacts) -> dict[str, Any]:
    return {
        "dockerfile_line": facts.first_line,
        "layer_bytes": facts.size_bytes or None,
        "operation": facts.operation,
        "fingerprint": facts.fingerprint,
        "paths": list(facts.paths[:MOST_PATHS]),
        "dockerfile_lines": list(facts.lines[:MOST_LINES]),
    }


def _unique(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each warning once: BuildKit repeats them for every step that shares a line."""
    return list({tuple(row.items()): row for row in rows}.values())
