"""The registry log-ins that an engine or a client gets for a build: no more than the build needs, no longer than that.

At Imageyard's own registry that is a pass of the build's own. It pushes to the build's repository alone, pulls what is
in its namespace or public, and ends with the build's time; there is no account behind it that anybody could steal.
"""

from __future__ import annotations

import time

from django.conf import settings

from builds.core.errors import BuildError, ErrorKind
from builds.engine.buildx import RegistryAuth
from builds.models import Build
from registry.actions.credentials import credentials_for, note_credentials_used
from registry.client import RegistryError
from registry.models import Registry
from registry.opening import Account, account_of
from registry.tokens import BuildPass, make_build_pass

# A push that is under way at the end of the time, and clocks that run apart.
_MARGIN_S = 300


def logins_of(build: Build, for_s: float, *, pushes: bool = True, reads_bases: bool = True) -> tuple[RegistryAuth, ...]:
    """For `for_s` seconds from now, one for each registry. Code of a fork gets none: it may pull what is public.

    Without `reads_bases` no account for private base images is among them: whoever gets the log-ins could read it.
    Raises BuildError where the registry's password cannot be had.
    """
    if not build.is_pushed:
        return ()
    registry = build.repository.registry
    found = {auth.host: auth for auth in _base_logins(build)} if reads_bases else {}
    if not registry.is_own:
        account = _account(registry)
        if account.username:  # a host has one log-in, and the push needs this one
            found[registry.host] = RegistryAuth(registry.host, account.username, account.password)
    for auth in _own_login(build, for_s, pushes=pushes and registry.is_own):
        found[auth.host] = auth
    return tuple(found.values())


def _base_logins(build: Build) -> list[RegistryAuth]:
    used = credentials_for(build.repository.namespace_id)
    note_credentials_used(used.values())
    return [RegistryAuth(row.host, row.username, row.password) for row in used.values()]


def base_hosts(build: Build) -> frozenset[str]:
    """The registries that the build reads with an account for base images."""
    return frozenset(credentials_for(build.repository.namespace_id)) if build.is_pushed else frozenset()


def _account(registry: Registry) -> Account:
    try:
        return account_of(registry)
    except RegistryError as error:
        raise BuildError(ErrorKind.REGISTRY, error.message, retryable=error.retryable) from error


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
