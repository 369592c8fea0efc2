"""Hooks found in a work tree, and a work tree that comes back from their container; both hostile."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from builds.core.errors import BuildError
from builds.engine.hookfiles import find_hooks
from builds.engine.treetar import unpack_tree


def test_it_finds_hooks_beside_the_dockerfile_in_their_order(tmp_path: Path):
    tree = tmp_path / "tree"
    (tree / "app/hooks").mkdir(parents=True)
    for name in ("post_push", "build", "post_checkout", "README.md", "prebuild"):
        (tree / "app/hooks" / name).write_text("")
    (tree / "app/hooks/push").mkdir()
    found = find_hooks(tree, "app/Dockerfile")
    assert (found.folder, found.names) == ("app", ("post_checkout", "build", "post_push"))
    assert find_hooks(tree, "Dockerfile").names == ()
    assert find_hooks(tree, "../elsewhere/Dockerfile").names == ()


@pytest.mark.parametrize(
    ("target", "names"), [("../scripts/x", ("build",)), ("/etc/passwd", ()), ("../../outside", ())]
)
def test_a_link_counts_where_it_stays_in_the_tree(tmp_path: Path, target: str, names):
    tree = tmp_path / "tree"
    for folder in ("hooks", "scripts"):
        (tree / folder).mkdir(parents=True)
    (tree / "scripts/x").write_text("")
    (tmp_path / "outside").write_text("")
    (tree / "hooks/build").symlink_to(target)
    assert find_hooks(tree, "Dockerfile").names == names


def test_a_folder_of_hooks_that_is_a_link_out_of_the_tree_holds_none(tmp_path: Path):
    tree, outside = tmp_path / "tree", tmp_path / "outside"
    for folder in (tree, outside):
        folder.mkdir()
    (outside / "build").write_text("")
    (tree / "hooks").symlink_to(outside)
    assert find_hooks(tree, "Dockerfile").names == ()


def entry(name: str, content: bytes | None = b"", **fields) -> tuple[tarfile.TarInfo, bytes | None]:
    info = tarfile.TarInfo(name)
    info.mode = 0o644
    for key, value in fields.items():
        setattr(info, key, value)
    info.size = len(content or b"")
    return info, content


def folder(name: str):
    return entry(name, None, type=tarfile.DIRTYPE, mode=0o755)


def unpacked(tmp_path: Path, *entries) -> Path:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        for info, content in entries:
            tar.addfile(info, io.BytesIO(content) if content is not None else None)
    unpack_tree(archive, tmp_path / "tree", keep_free_bytes=0)
    return tmp_path / "tree"


def test_a_tree_comes_back_with_modes_and_links(tmp_path: Path):
    tree = unpacked(
        tmp_path,
        folder("workspace"),
        folder("workspace/app"),
        entry("workspace/app/run", b"x", mode=0o4755),
        entry("workspace/app/same", None, type=tarfile.LNKTYPE, linkname="workspace/app/run"),
        entry("workspace/link", None, type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    )
    assert (tree / "app/run").stat().st_mode & 0o7777 == 0o755
    assert (tree / "app/same").read_bytes() == b"x"
    assert str((tree / "link").readlink()) == "/etc/passwd"


def test_what_leads_out_of_the_tree_is_left_out(tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    tree = unpacked(
        tmp_path,
        folder("workspace"),
        entry("workspace/../../escaped", b"x"),
        entry("/escaped", b"x"),
        entry("workspace/link", None, type=tarfile.SYMTYPE, linkname=str(outside)),
        entry("workspace/link/through", b"x"),
        entry("workspace/link", b"over the link"),
        entry("workspace/hard", None, type=tarfile.LNKTYPE, linkname="/etc/passwd"),
        entry("workspace/device", None, type=tarfile.CHRTYPE),
        entry("workspace/pipe", None, type=tarfile.FIFOTYPE),
        entry("workspace/file", b"kept"),
    )
    assert sorted(path.name for path in tree.iterdir()) == ["file", "link"]
    assert (tree / "link").is_symlink()
    assert list(outside.iterdir()) == []
    assert not (tmp_path / "escaped").exists()


def test_what_is_no_archive_is_told(tmp_path: Path):
    (tmp_path / "a.tar").write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(BuildError, match="the work tree cannot be read back"):
        unpack_tree(tmp_path / "a.tar", tmp_path / "tree", keep_free_bytes=0)


def test_a_tree_that_would_fill_the_disk_is_refused(tmp_path: Path):
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        tar.addfile(folder("workspace")[0])
        info, content = entry("workspace/file", b"x")
        tar.addfile(info, io.BytesIO(content))
    with pytest.raises(BuildError, match="of the worker's disk would be free"):
        unpack_tree(archive, tmp_path / "tree", keep_free_bytes=10**18)
