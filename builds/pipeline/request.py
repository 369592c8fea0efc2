"""What buildx is asked for: the rule's plan, the variables and log-ins of this build, and where it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from builds.core.variables import Chosen
from builds.engine.buildx import BuildRequest
from builds.engine.git import Checkout
from builds.models import Build, Step
from builds.pipeline.isolation import place_of
from builds.pipeline.job import Job
from builds.pipeline.logins import logins_of
from builds.pipeline.variables import variables_of
from registry.models import Registry


def request_of(job: Job, checkout: Checkout) -> BuildRequest:
    """What buildx is asked for; what goes into it is written down for the build's page."""
    given = variables_of(job.build)
    write_given(job, given)
    return request_for(job.build, given, job.work_dir, checkout.commit, cache=is_cached(job), for_s=job.timeout_s)


def request_for(build: Build, given: Chosen, work_dir: Path, commit: str, *, cache: bool, for_s: float) -> BuildRequest:
    """The same for any build whose commit is in `work_dir`/tree; its log-ins are good for `for_s`. Writes nothing."""
    plan: dict[str, Any] = build.plan
    place = place_of(build)
    return BuildRequest(
        tree=work_dir / "tree",
        work_dir=work_dir / "buildx",
        context=plan["context"],
        dockerfile=plan["dockerfile"],
        target=plan["target"],
        platforms=tuple(plan["platforms"]),
        build_args=given.args,
        secrets=given.secrets,
        ssh=given.ssh,
        cache=cache,
        image=f"{build.repository.image}:{build.build_tag}",
        labels=_labels(build, commit),
        builder=place.builder,
        docker_host=place.docker_host,
        cache_scope=place.cache_scope,
        isolated=place.isolated,
        push=build.is_pushed,
        registry_auths=logins_of(build, for_s),
        insecure=build.repository.registry.scheme == Registry.Scheme.HTTP,
    )


def write_given(job: Job, given: Chosen) -> None:
    """What goes into the build, for its page: values of arguments, and of secrets the names alone."""
    passed = {"args": given.args, "secrets": sorted(given.secrets), "ssh": sorted(given.ssh)}
    job.note(plan={**job.build.plan, "passed": passed})


def is_cached(job: Job) -> bool:
    """Whether steps are taken from the cache: the rule says so, or an earlier attempt came as far as the push.

    Only that is repeated then.
    """
    if job.build.plan["cache"]:
        return True
    earlier = Step.objects.filter(build=job.build, attempt__lt=job.run.attempt, started_at__isnull=False)
    return earlier.filter(name__startswith="exporting to image").exists()


def _labels(build: Build, commit: str) -> dict[str, str]:
    """What the image says of itself (OCI image-spec, annotations.md)."""
    assert build.source is not None
    return {
        "org.opencontainers.image.revision": commit,
        "org.opencontainers.image.source": build.source.clone_url,
        "org.opencontainers.image.version": build.ref,
    }
