"""Fixtures of the engine's tests: Git servers and one way to call checkout."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from builds.engine.git import Checkout, Remote, checkout
from builds.engine.process import StopFlag
from tests.git_server import git_http, git_repo, git_root, git_ssh, silent_port

__all__ = ["git_http", "git_repo", "git_root", "git_ssh", "silent_port"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"git_http", "git_ssh"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("git_server")


@dataclass
class Checkouts:
    """Calls `checkout` into the same mirror and tree each time; `log` is what it wrote."""

    folder: Path
    log: bytearray = field(default_factory=bytearray)

    @property
    def tree(self) -> Path:
        return self.folder / "work" / "tree"

    @property
    def mirror(self) -> Path:
        return self.folder / "mirrors" / "1.git"

    def __call__(self, remote: Remote, *, commit: str | None = None, ref: str = "main", **options) -> Checkout:
        options = {"ref_type": "branch", "stop": StopFlag(), "timeout_s": 30} | options
        return checkout(
            remote, ref=ref, commit=commit, mirror=self.mirror, tree=self.tree, log=self.log.extend, **options
        )

    def files(self) -> set[str]:
        return {
            str(path.relative_to(self.tree)) for path in self.tree.rglob("*") if path.is_symlink() or not path.is_dir()
        }


@pytest.fixture
def checkouts(tmp_path: Path) -> Checkouts:
    return Checkouts(tmp_path / "engine")


@pytest.fixture
def local(git_repo) -> Remote:
    """`git_repo` as a file:// source."""
    return Remote(url=git_repo.url, local_root=str(git_repo.bare.parent))
