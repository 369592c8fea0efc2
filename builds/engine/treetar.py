"""A tar archive of a work tree, unpacked so that nothing lands outside. Makes no archive.

The archive comes from a container in which a stranger's scripts ran. Only folders, files and links are taken; an entry
goes only into a folder that this archive made before it, never through a link.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from builds.core.errors import BuildError, ErrorKind
from lib.humanize import format_size

_MOST_ENTRIES = 1_000_000
_CHUNK = 1024 * 1024
_MODE = 0o777


def unpack_tree(archive: Path, tree: Path, *, keep_free_bytes: int) -> None:
    """Make `tree`, which is not there yet, of what lies below the archive's one top folder.

    Links are kept as they are, wherever they lead: whoever reads the tree looks where a path ends. Raises BuildError
    where the disk would become too full or the archive is no tree.
    """
    tree.mkdir(mode=0o700)
    folders, files, modes = {PurePosixPath(".")}, set(), []
    try:
        with tarfile.open(archive, mode="r:") as tar:
            for count, entry in enumerate(tar):
                if count > _MOST_ENTRIES:
                    raise _refused(f"they left more than {_MOST_ENTRIES:,} files in the work tree")
                path = _below_top(entry.name)
                if path is None or path in folders or path.parent not in folders or path in files:
                    continue
                place = tree / path
                if entry.isdir():
                    place.mkdir(mode=0o700)
                    folders.add(path)
                    modes.append((place, entry.mode & _MODE | 0o700))
                elif entry.issym():
                    place.symlink_to(entry.linkname)
                    files.add(path)
                elif entry.islnk():
                    files |= {path} if _link(tree, entry, place, files) else set()
                elif entry.isreg():
                    _write(tar, entry, place, keep_free_bytes)
                    files.add(path)
    except (tarfile.TarError, OSError, ValueError) as error:
        raise _refused(f"the work tree cannot be read back ({type(error).__name__})") from error
    for place, mode in modes:
        place.chmod(mode)


def _below_top(name: str) -> PurePosixPath | None:
    """`workspace/a/b` → `a/b`; None for the top itself and for names that lead elsewhere."""
    parts = [part for part in name.split("/") if part not in ("", ".")][1:]
    return PurePosixPath(*parts) if parts and ".." not in parts else None


def _link(tree: Path, entry: tarfile.TarInfo, place: Path, files: set[PurePosixPath]) -> bool:
    """Another name of a file that is there already."""
    target = _below_top(entry.linkname)
    if target is None or target not in files:
        return False
    os.link(tree / target, place, follow_symlinks=False)
    return True


def _write(tar: tarfile.TarFile, entry: tarfile.TarInfo, place: Path, keep_free_bytes: int) -> None:
    if shutil.disk_usage(place.parent).free - entry.size < keep_free_bytes:
        raise _refused(
            f"with what they left in the work tree less than {format_size(keep_free_bytes)} of the worker's disk "
            "would be free"
        )
    content = tar.extractfile(entry)
    assert content is not None
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        shutil.copyfileobj(content, file, _CHUNK)
        os.fchmod(file.fileno(), entry.mode & _MODE | 0o600)


def _refused(why: str) -> BuildError:
    return BuildError(ErrorKind.USER, f"The hooks ran, but {why}.")
