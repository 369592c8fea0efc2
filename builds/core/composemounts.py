"""The mounts of a compose test: volumes of its own, memory, copies of paths of the work tree; nothing of the machine.

A bind mount of the work tree becomes a copy: the engine may be on another machine, and what a test writes must not
reach what is built next. A folder's copy is a volume that all services that mount the folder share, as they would it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from builds.core.refnames import quoted

Kind = Literal["file", "folder", "missing", "outside"]
Look = Callable[[str], Kind]
"""What a path relative to the work tree is once links are followed."""

_SOCKETS = frozenset({"docker.sock", "containerd.sock", "podman.sock", "buildkitd.sock"})
_COPY = "imageyard-tree-"


@dataclass(frozen=True, slots=True)
class TreeCopy:
    """A path of the work tree that goes to `target` in the container of `service` before that starts."""

    service: str
    path: str
    target: str
    is_folder: bool


class Mounts:
    """`volumes` are the named ones in use, those of copies included; `copies` are in the order to make them."""

    def __init__(self, tree: str, look: Look) -> None:
        self._tree = tree
        self._look = look
        self._folders: dict[str, str] = {}
        self.volumes: dict[str, None] = {}
        self.copies: list[TreeCopy] = []

    def of_service(self, name: str, service: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
        """What stands in the service's `volumes`, and a clause for each mount that may not be."""
        made, problems = [], []
        for mount in service.get("volumes") or ():
            one, clause = self._mount(name, mount)
            if clause:
                problems.append(clause)
            elif one is not None:
                made.append(one)
        return made, problems

    def _mount(self, service: str, mount: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
        kind, target = mount.get("type"), mount.get("target")
        source = str(mount.get("source") or "")
        if not isinstance(target, str) or not target.startswith("/"):
            return None, "has a mount without a place to go"
        match kind:
            case "tmpfs":
                size = (mount.get("tmpfs") or {}).get("size")
                return {"type": "tmpfs", "target": target, **({"tmpfs": {"size": size}} if size else {})}, ""
            case "volume":
                made: dict[str, Any] = {"type": "volume", "target": target}
                if source:
                    self.volumes[source] = None
                    made["source"] = source
                return made | ({"read_only": True} if mount.get("read_only") else {}), ""
            case "bind":
                return self._bind(service, source.replace("$$", "$"), target)
        return None, f"has a mount of the type {quoted(str(kind))}"

    def _bind(self, service: str, source: str, target: str) -> tuple[dict[str, Any] | None, str]:
        if posixpath.basename(source) in _SOCKETS:
            return None, f"mounts {quoted(source)}, the engine itself, which would give it the machine that it runs on"
        path = inside(self._tree, source)
        kind = "outside" if path is None else self._look(path)
        if path is None or kind == "outside":
            return None, f"mounts {quoted(path or source)}, a path of the machine that is not in the repository"
        if kind == "missing":
            return None, f"mounts {quoted(path)}, which is not in the repository"
        place = target.replace("$$", "$")
        if kind == "file":
            self.copies.append(TreeCopy(service, path, place, is_folder=False))
            return None, ""
        if path not in self._folders:
            self._folders[path] = f"{_COPY}{len(self._folders)}"
            self.volumes[self._folders[path]] = None
            self.copies.append(TreeCopy(service, path, place, is_folder=True))
        volume = self._folders[path]
        return {"type": "volume", "source": volume, "target": target, "volume": {"nocopy": True}}, ""


def inside(tree: str, path: str) -> str | None:
    """An absolute path relative to the tree (`.` for the tree itself); None for one that is not in it."""
    if "://" in path or not path.startswith("/"):
        return None
    clean = posixpath.normpath(path)
    if clean == tree:
        return "."
    return clean.removeprefix(f"{tree}/") if clean.startswith(f"{tree}/") else None
