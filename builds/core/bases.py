"""Base images as a graph: names that can be watched, who is built from whom, and in which order to build anew.

Pure: nodes are what the caller likes to call them. Which image moved, and asking for builds, is `builds.actions.bases`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from lib.versions import parse_version
from registry.core.reference import BadReferenceError, parse_image_name

Node = TypeVar("Node", bound=Hashable)

DOCKER_HUB = "docker.io"
DEFAULT_TAG = "latest"


@dataclass(frozen=True, slots=True)
class BaseName:
    """A tag in a registry: `host` as it stands in image names, `path` and `tag` as the registry's API takes them."""

    host: str
    path: str
    tag: str

    @property
    def full(self) -> str:
        """The one spelling by which it is known: `docker.io/library/debian:12`."""
        return f"{self.host}/{self.path}:{self.tag}"

    @property
    def shown(self) -> str:
        """The spelling that people know: `debian:12`."""
        if self.host != DOCKER_HUB:
            return self.full
        bare = self.path.removeprefix("library/")
        return f"{self.path if '/' in bare else bare}:{self.tag}"


def watchable(name: str) -> BaseName | None:
    """The tag behind a name in a Dockerfile; None for what cannot move (a digest) and for what is no image name."""
    try:
        reference = parse_image_name(name)
    except BadReferenceError:
        return None
    if reference.digest or not reference.domain:
        return None
    return BaseName(reference.domain, reference.path, reference.tag or DEFAULT_TAG)


def moved_sentence(shown: str, old: str, new: str) -> str:
    """The cause of a build: "base debian:12 moved a1b2c3d → c3d4e5f"."""
    return f"base {shown} moved {_short(old)} → {_short(new)}"


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:7] or "nothing"


def upstream_of(node: Node, sources: Mapping[Node, Iterable[Node]]) -> set[Node]:
    """Everything that `node` is built from, directly or through others; itself only where it is in a circle."""
    found: set[Node] = set()
    open_ = list(sources.get(node, ()))
    while open_:
        current = open_.pop()
        if current not in found:
            found.add(current)
            open_.extend(sources.get(current, ()))
    return found


def waits_for(nodes: Iterable[Node], sources: Mapping[Node, Iterable[Node]]) -> dict[Node, set[Node]]:
    """For each of `nodes` those others of them that must be built before it; a circle is broken by not waiting."""
    wanted = set(nodes)
    before = {node: upstream_of(node, sources) & wanted - {node} for node in wanted}
    return {node: {other for other in others if node not in before[other]} for node, others in before.items()}


def layered(nodes: Sequence[Node], sources: Mapping[Node, Iterable[Node]]) -> list[list[Node]]:
    """The nodes in columns, each right of all that it is built from, as far as there is no circle."""
    known = set(nodes)
    depth: dict[Node, int] = {}
    for start in nodes:
        trail: list[Node] = [start]
        while trail:
            current = trail[-1]
            open_ = [other for other in sources.get(current, ()) if other in known and other not in depth]
            fresh = [other for other in open_ if other not in trail]
            if fresh and current not in depth:
                trail.append(fresh[0])
                continue
            below = [depth[other] for other in sources.get(current, ()) if other in depth and other != current]
            depth.setdefault(current, max(below, default=-1) + 1)
            trail.pop()
    columns: list[list[Node]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in nodes:
        columns[depth[node]].append(node)
    return columns


def newest_tag(refs: Sequence[str]) -> str | None:
    """Of the Git tags that one rule built, the one worth building anew: the highest version, else the last given."""
    versions = [(version, ref) for ref in refs if (version := parse_version(ref)) is not None and version[1]]
    if versions:
        return max(versions)[1]
    return refs[-1] if refs else None
