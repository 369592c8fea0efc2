"""The middle stage: buildx builds the work tree and pushes `build-<n>`; its stderr becomes steps, log and reasons."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings

from builds.actions.steps import describe_steps
from builds.core.errors import BuildError, ErrorKind
from builds.core.failure import explain_failure
from builds.core.metadata import BuildFacts, read_metadata
from builds.engine import buildx
from builds.engine.buildx import BuildRequest, RegistryAuth
from builds.engine.git import Checkout
from builds.models import Step
from builds.pipeline.job import Job
from builds.pipeline.listen import BuildkitSteps
from registry.models import Registry

# A push that met a busy registry is tried again here: what was built is in the builder's cache, so only the push runs.
PUSH_AGAIN_S = (3.0, 10.0)


def build_image(job: Job, checkout: Checkout) -> BuildFacts:
    """Build and push the image; the digest and all that BuildKit tells of it are on the build afterwards.

    Raises BuildError with the failing step, its line in the Dockerfile, and whose fault it is.
    """
    request = _request(job, checkout)
    for pause_s in (*PUSH_AGAIN_S, None):
        steps = BuildkitSteps(job.logbook)
        try:
            facts = _build_once(job, request, steps)
        except BuildError as error:
            if error.kind is not ErrorKind.REGISTRY or not error.retryable or pause_s is None:
                raise
            job.stop.wait(pause_s)
            job.stop.check()
            request = request.with_cache()
        else:
            _write_down(job, steps, facts)
            return facts
    raise AssertionError


def _build_once(job: Job, request: BuildRequest, steps: BuildkitSteps) -> BuildFacts:
    registry = job.build.repository.registry
    try:
        result = buildx.build(request, on_stderr=steps.feed, stop=job.stop, timeout_s=job.timeout_s)
    finally:
        steps.close()
    if result.returncode != 0 or result.metadata is None:
        error = explain_failure(
            steps.book,
            steps.tail,
            result.returncode,
            image=request.image,
            registry=registry.host,
            registry_user=registry.username,
        )
        # Kept for whoever wants to read more than the sentence, also once another attempt has cleared that.
        with job.logbook.own_step("The builder's last words") as say:
            say("".join(f"{line}\n" for line in steps.tail))
            raise error
    return read_metadata(result.metadata)


def _request(job: Job, checkout: Checkout) -> BuildRequest:
    build = job.build
    plan: dict[str, Any] = build.plan
    return BuildRequest(
        tree=job.work_dir / "tree",
        work_dir=job.work_dir / "buildx",
        context=plan["context"],
        dockerfile=plan["dockerfile"],
        target=plan["target"],
        platforms=tuple(plan["platforms"]),
        build_args=dict(plan["build_args"]),
        cache=plan["cache"] or _was_built(job),
        image=f"{build.repository.image}:{build.build_tag}",
        labels=_labels(job, checkout),
        builder=settings.BUILDX_BUILDER,
        docker_host=settings.DOCKER_HOST,
        registry_auths=_auths(build.repository.registry),
        insecure=build.repository.registry.scheme == Registry.Scheme.HTTP,
    )


def _was_built(job: Job) -> bool:
    """Whether an earlier attempt came as far as the push: only that is repeated then, also for a rule without cache."""
    earlier = Step.objects.filter(build=job.build, attempt__lt=job.run.attempt, started_at__isnull=False)
    return earlier.filter(name__startswith="exporting to image").exists()


def _labels(job: Job, checkout: Checkout) -> dict[str, str]:
    """What the image says of itself (OCI image-spec, annotations.md)."""
    build = job.build
    assert build.source is not None
    return {
        "org.opencontainers.image.revision": checkout.commit,
        "org.opencontainers.image.source": build.source.clone_url,
        "org.opencontainers.image.version": build.ref,
    }


def _auths(registry: Registry) -> tuple[RegistryAuth, ...]:
    return (RegistryAuth(registry.host, registry.username, registry.password),) if registry.username else ()


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
    told = facts.step_facts
    describe_steps(
        job.run,
        {
            step.index + steps.offset: {
                "dockerfile_line": told[step.vertex].first_line,
                "layer_bytes": told[step.vertex].size_bytes or None,
            }
            for step in steps.book.steps
            if step.vertex in told
        },
    )


def _unique(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each warning once: BuildKit repeats them for every step that shares a line."""
    return list({tuple(row.items()): row for row in rows}.values())
