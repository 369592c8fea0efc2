"""The files of a layer as a tree that a page can show: folders with their sums, the largest first, a bounded number."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from builds.core.layer_files import LayerFile

MOST_SHOWN = 400
"""Rows of a tree on one page; what is smaller is one row that leads into its folder."""
MOST_DEPTH = 12
_LARGEST = 20


@dataclass(slots=True)
class Node:
    """A file, or a folder with what is below it. `size_bytes` and `count` are of all files below.

    `left_out` files of `left_bytes` below it are not among `children`. `path` is "" for the root of the tree.
    """

    name: str
    path: str
    file: LayerFile | None = None
    size_bytes: int = 0
    count: int = 0
    children: list[Node] = field(default_factory=list)
    left_out: int = 0
    left_bytes: int = 0

    @property
    def is_folder(self) -> bool:
        return self.file is None or bool(self.children) or self.left_out > 0 or self.file.kind == "dir"


@dataclass(slots=True)
class _Folder:
    """All of a folder, before anything is left out."""

    path: str
    file: LayerFile | None = None
    size_bytes: int = 0
    count: int = 0
    folders: dict[str, _Folder] = field(default_factory=dict)


def largest(files: Iterable[LayerFile]) -> list[LayerFile]:
    """The largest files, the largest first."""
    return heapq.nlargest(_LARGEST, (file for file in files if file.size_bytes), key=lambda file: file.size_bytes)


def tree(files: Iterable[LayerFile], below: str = "", *, most: int = MOST_SHOWN) -> Node | None:
    """What is below the folder `below` ("" is the root), with its `most` largest members; None where there is none."""
    root = _folders(files)
    for name in filter(None, below.split("/")):
        if name not in root.folders:
            return None
        root = root.folders[name]
    return _shown(root, "", most)


def _folders(files: Iterable[LayerFile]) -> _Folder:
    root = _Folder("")
    for file in files:
        here = root
        is_file = file.kind not in ("dir", "removed", "emptied")
        for name in file.path.split("/") if file.path else ():
            here.size_bytes += file.size_bytes
            here.count += is_file
            path = f"{here.path}/{name}" if here.path else name
            here = here.folders.setdefault(name, _Folder(path))
        here.size_bytes += file.size_bytes
        here.count += is_file
        if here.file is None or here.file.kind == "dir":
            here.file = file
    return root


def _shown(root: _Folder, name: str, most: int) -> Node:
    """Take the largest members first, wherever they are, a folder always before what is in it."""
    top = _node(root, name)
    queue: list[tuple[int, int, str, _Folder, Node]] = []
    order = 0

    def offer(folder: _Folder, node: Node, depth: int) -> None:
        nonlocal order
        if depth > MOST_DEPTH:
            node.left_out, node.left_bytes = folder.count, folder.size_bytes
            return
        for member, inner in folder.folders.items():
            order += 1
            heapq.heappush(queue, (-inner.size_bytes, order, member, inner, node))

    offer(root, top, 0)
    depths = {id(top): 0}
    while queue and most > 0:
        _, _, member, inner, parent = heapq.heappop(queue)
        node = _node(inner, member)
        parent.children.append(node)
        depths[id(node)] = depths[id(parent)] + 1
        most -= 1
        offer(inner, node, depths[id(node)])
    for _, _, _, inner, parent in queue:
        parent.left_out += max(inner.count, 1)
        parent.left_bytes += inner.size_bytes
    return top


def _node(folder: _Folder, name: str) -> Node:
    return Node(name, folder.path, folder.file, folder.size_bytes, folder.count)
