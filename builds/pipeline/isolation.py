"""Where a build runs and what it shares: a repository's own cache mounts, and for strangers' code nothing at all."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from builds.core.errors import BuildError, ErrorKind
from builds.core.failure_evidence import code
from builds.core.frontends import foreign_frontend
from builds.models import Build

_MOST_DOCKERFILE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """The builder of a build, as `BuildRequest` names it, and the scope of its cache."""

    builder: str
    docker_host: str
    cache_scope: str
    isolated: bool


def place_of(build: Build) -> Place:
    """Trusted builds of a repository share its cache mounts and, by content, results with all trusted builds.

    Code that is not trusted yet has a scope for each pull request, in which no result and no mount is anybody else's;
    where the operator names a builder for it, it runs there.
    """
    if not build.untrusted:
        return Place(settings.BUILDX_BUILDER, settings.DOCKER_HOST, _scope(build, "trusted"), isolated=False)
    number = build.pull_request.get("number", f"build {build.pk}")
    scope = _scope(build, f"pull request {number}")
    other = settings.UNTRUSTED_BUILDER
    if "://" in other:
        return Place("", other, scope, isolated=True)
    return Place(other or settings.BUILDX_BUILDER, settings.DOCKER_HOST, scope, isolated=True)


def check_frontend(build: Build, dockerfile: Path) -> None:
    """Refuse to let a stranger choose what makes BuildKit's operations. Raises BuildError.

    Docker's frontend gives every step the scope that keeps its result apart; another one need not, and could also say
    through which proxy a step reaches the network, which BuildKit leaves out of the step's identity.
    """
    if not build.untrusted:
        return
    with dockerfile.open("rb") as file:
        found = foreign_frontend(file.read(_MOST_DOCKERFILE))
    if found is not None:
        raise BuildError(
            ErrorKind.USER,
            f"`# syntax=` names {code(found)}. Pull requests are built with Docker's own frontend only "
            "(`docker/dockerfile`), since another one could change what other builds take from the cache.",
        )


def _scope(build: Build, of: str) -> str:
    """A name that only this scope of this Imageyard has; builders may be shared with another one."""
    text = f"cache scope of repository {build.repository_id}: {of}"
    digest = hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"{'u' if build.untrusted else 't'}{digest[:24]}"
