"""The registry log-ins that an engine or a client gets for a build: no more than the build needs, no longer than that.

At Imageyard's own registry that is a pass of the build's own. It pushes to the build's repository alone, pulls what is
in its namespace or public, and ends with the build's time; there is no account behind it that anybody could steal.
"""

from __future__ import annotations

import time

from django.conf import settings

from builds.engine.buildx import RegistryAuth
from builds.models import Build
from registry.tokens import BuildPass, make_build_pass

# A push that is under way at the end of the time, and clocks that run apart.
_MARGIN_S = 300


def logins_of(build: Build, for_s: float, *, pushes: bool = True) -> tuple[RegistryAuth, ...]:
    """For `for_s` seconds from now. Code of a fork gets none: what is public it may pull without."""
    if not build.is_pushed:
        return ()
    registry = build.repository.registry
    own = _own_login(build, for_s, pushes=pushes and registry.is_own)
    if registry.is_own or not registry.username:
        return own
    return (RegistryAuth(registry.host, registry.username, registry.password), *own)


def _own_login(build: Build, for_s: float, *, pushes: bool) -> tuple[RegistryAuth, ...]:
    if settings.REGISTRY_AUTH != "token":
        return ()
    given = BuildPass(
        build=build.pk,
        attempt=build.attempt,
        repository=build.repository.path,
        namespace=build.repository.namespace.name,
        pushes=pushes,
        until=int(time.time() + for_s) + _MARGIN_S,
    )
    return (RegistryAuth(settings.REGISTRY_HOST, given.username, make_build_pass(given)),)


def user_of(build: Build) -> str:
    """Whom the registry knows the build as, for sentences."""
    registry = build.repository.registry
    return f"build#{build.pk}" if registry.is_own else registry.username
