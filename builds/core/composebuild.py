"""The builds of a compose test: what its services are built of, from the work tree alone. Builds nothing."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Any

from builds.core.composemounts import inside
from builds.core.refnames import quoted


@dataclass(frozen=True, slots=True)
class ServiceBuild:
    """What a service's image is built of; `context` and `dockerfile` are relative to the work tree."""

    context: str
    dockerfile: str
    target: str = ""
    args: tuple[tuple[str, str], ...] = ()


_BUILD_REFUSED = {
    "dockerfile_inline": "has a Dockerfile within the compose file (`dockerfile_inline`): put it into the repository",
    "additional_contexts": "builds from further contexts (`additional_contexts`)",
    "secrets": "hands secrets to its build; those of the repository's settings are there without",
    "ssh": "hands SSH keys to its build; those of the repository's settings are there without",
    "privileged": "builds with `privileged`, which would give it the machine that it runs on",
    "entitlements": "builds with `entitlements`, which would give it the machine that it runs on",
    "isolation": "chooses how its build is isolated",
}


def read_build(build: Any, tree: str) -> tuple[ServiceBuild | None, str]:
    """What a service's `build` asks for; None and a clause where a test may not build that."""
    given: dict[str, Any] = {"context": build} if isinstance(build, str) else dict(build)
    for key, clause in _BUILD_REFUSED.items():
        if given.get(key):
            return None, clause
    if given.get("network") not in (None, "", "default", "none"):
        return None, f"builds in the network {quoted(str(given['network']))}"
    context = inside(tree, _text(given.get("context") or "."))
    if context is None:
        return None, f"builds from {quoted(_text(given.get('context')))}, which is not in the repository"
    name = _text(given.get("dockerfile") or "Dockerfile")
    dockerfile = inside(tree, posixpath.join(tree, context, name))
    if dockerfile is None:
        return None, f"builds the Dockerfile {quoted(name)}, which is not in the repository"
    args = given.get("args") or {}
    pairs = tuple(sorted((key, _text(value)) for key, value in args.items() if value is not None))
    return ServiceBuild(context, dockerfile, _text(given.get("target") or ""), pairs), ""


def _text(value: Any) -> str:
    """A string that Compose wrote, with its doubled `$` single again."""
    return str(value).replace("$$", "$")
