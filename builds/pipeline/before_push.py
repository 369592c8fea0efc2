"""Asking the registries of a build before it begins: a refusal costs seconds then, and forty minutes at the end."""

from __future__ import annotations

from functools import partial

from builds.core.errors import BuildError, ErrorKind
from builds.pipeline.job import Job
from registry.client import RegistryError
from registry.errands.before_push import check_before_push

NOT_BEGUN = "Nothing was built."


def check_registries(job: Job) -> None:
    """Raise BuildError where the image could not be pushed. A further registry that refuses is a warning: the build
    goes on without it.
    """
    build = job.build
    if not build.is_pushed:
        return
    repository = build.repository
    wait = partial(_wait, job)
    try:
        check_before_push(repository.registry, repository.registry_path, wait=wait)
    except RegistryError as error:
        raise BuildError(ErrorKind.REGISTRY, f"{error.message} {NOT_BEGUN}", retryable=error.retryable) from error
    warnings = []
    for destination in repository.destinations.filter(is_on=True).select_related("registry"):
        try:
            check_before_push(destination.registry, destination.remote_path, wait=wait)
        except RegistryError as error:
            sentence = f"{error.message} The image is copied there all the same, once that works."
            warnings.append({"kind": "build", "message": sentence, "url": "", "line": None, "file": ""})
    if warnings:
        job.note(warnings=[*build.warnings, *warnings])


def _wait(job: Job, seconds: float) -> None:
    job.stop.wait(seconds)
    job.stop.check()
