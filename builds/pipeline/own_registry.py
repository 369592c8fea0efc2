"""Why the own registry turned a build away: BuildKit only hears "no", and the reason may be a clock or a key."""

from __future__ import annotations

from django.conf import settings

from builds.core.errors import BuildError, ErrorKind
from builds.models import Build
from builds.pipeline.logins import logins_of
from registry.client import RegistryClient, RegistryError, RegistryErrorKind
from registry.core.patience import ONCE
from registry.models import Registry

_ASK_S = 60.0


def own_reason(build: Build, error: BuildError) -> BuildError:
    """The error as it is, or in its place what is wrong between this worker, web and the registry.

    Found out by going the same way once: with the build's pass to web for a token, and with that to the registry.
    """
    registry = build.repository.registry
    if not registry.is_own or error.retryable or settings.REGISTRY_HOST not in error.message:
        return error
    found = _try(build, registry)
    if found is not None:
        return BuildError(ErrorKind.REGISTRY, found, step=error.step)
    if not error.message.startswith(f"{settings.REGISTRY_HOST} did not authorise reading"):
        return error
    space = build.repository.namespace.name
    return BuildError(
        error.kind,
        f"{error.message} Builds of {space} read what is in {space} and what is public.",
        step=error.step,
        dockerfile_line=error.dockerfile_line,
    )


def _try(build: Build, registry: Registry) -> str | None:
    logins = logins_of(build, _ASK_S, pushes=False, reads_bases=False)
    if not logins:
        return None
    name, password = logins[0].username, logins[0].password
    try:
        with RegistryClient(registry.host, registry.scheme, name, password, patience=ONCE) as client:
            client.head(build.repository.path, build.build_tag)
    except RegistryError as refused:
        if refused.kind is RegistryErrorKind.NETWORK:
            return (
                f"The build was not let in at {registry.host}: {settings.PUBLIC_URL}/registry/token, where log-ins are "
                f"checked, or the registry itself cannot be reached from the worker. IMAGEYARD_URL must be an address "
                f"that the worker reaches. What was said: {refused.message}"
            )
        if refused.kind in (RegistryErrorKind.CLOCK, RegistryErrorKind.UNAUTHORIZED):
            return refused.message
    return None
