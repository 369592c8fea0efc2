"""Where Distribution keeps what it keeps: the filesystem driver's layout v2, the same in 2.8 and 3.

Below the registry's folder: `docker/registry/v2/blobs/<alg>/<xx>/<hex>/data`, and in `docker/registry/v2/repositories/
<name>/` the links `_layers/<alg>/<hex>/link`, `_manifests/revisions/<alg>/<hex>/link` and
`_manifests/tags/<tag>/current/link`. What is there was named by strangers: no symbolic link is followed, nothing is
read without a bound, and what is not understood is a `Doubt`, which takes nothing away.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

V2 = "docker/registry/v2"
TRASH = "imageyard-trash"
REVISIONS = "_manifests/revisions"
LAYERS = "_layers"

Key = bytes
"""A digest as the bytes of its hash: a third of its text, and there are hundreds of thousands of them."""

_ALGORITHMS = {32: "sha256", 48: "sha384", 64: "sha512"}
_HEX = {algorithm: re.compile(rf"[0-9a-f]{{{length * 2}}}\Z") for length, algorithm in _ALGORITHMS.items()}
_LINK_BYTES = 256
_TRIES = 5
_PAUSE_S = 0.02


class StorageProblem(Exception):  # noqa: N818 — it is what is wrong with a folder, and a sentence
    """Why this folder cannot be cleaned; the message is a sentence for an administrator."""


class Doubt(Exception):  # noqa: N818 — as above
    """Something below the folder is not as Distribution leaves it, or is being written just now."""


@dataclass(frozen=True, slots=True)
class Storage:
    """One registry's folder. Paths below it are strings: there are too many for `Path`."""

    root: str

    @property
    def v2(self) -> str:
        return f"{self.root}/{V2}"

    @property
    def blobs(self) -> str:
        return f"{self.v2}/blobs"

    @property
    def repositories(self) -> str:
        return f"{self.v2}/repositories"

    @property
    def trash(self) -> str:
        return f"{self.root}/{TRASH}"


def open_storage(folder: Path) -> Storage:
    """The storage below `folder`. Raises StorageProblem where there is none, or where part of it lies elsewhere."""
    try:
        root = folder.resolve(strict=True)
    except OSError as error:
        raise StorageProblem(
            f"The registry's folder {folder} cannot be read here ({error.strerror}). IMAGEYARD_REGISTRY_STORAGE has to "
            "name the folder that the registry keeps its images in."
        ) from error
    storage = Storage(str(root))
    for path in (*_steps(root, V2), *_steps(root, f"{V2}/blobs"), *_steps(root, f"{V2}/repositories")):
        if path.is_symlink():
            raise StorageProblem(
                f"{path} is a symbolic link, and what lies behind it may be on another disk. Imageyard takes things "
                "aside by renaming, which needs one disk: mount it there instead."
            )
    return storage


def _steps(root: Path, below: str) -> Iterator[Path]:
    for part in below.split("/"):
        root = root / part
        yield root


def has_images(storage: Storage) -> bool:
    """Whether a registry has written anything here yet."""
    return os.path.isdir(storage.repositories)


def text_of(key: Key) -> str:
    """`sha256:…`, as everybody else writes it."""
    return f"{_ALGORITHMS[len(key)]}:{key.hex()}"


def key_of(digest: str) -> Key | None:
    """The key of a digest's text; None where it is no digest that a registry stores."""
    algorithm, _, digits = digest.partition(":")
    return key_in(algorithm, digits)


def key_in(algorithm: str, digits: str) -> Key | None:
    pattern = _HEX.get(algorithm)
    return bytes.fromhex(digits) if pattern is not None and pattern.match(digits) else None


def blob_path(key: Key) -> str:
    """Where the blob lies, below `v2`."""
    digits = key.hex()
    return f"blobs/{_ALGORITHMS[len(key)]}/{digits[:2]}/{digits}/data"


def link_path(repository: str, kind: str, key: Key) -> str:
    """Where a link lies, below `v2`; `kind` is LAYERS or REVISIONS."""
    return f"repositories/{repository}/{kind}/{_ALGORITHMS[len(key)]}/{key.hex()}/link"


def folders(path: str) -> Iterator[tuple[str, str]]:
    """`(name, path)` of the folders in a folder; none where it is gone. Doubt for a link or what cannot be read."""
    try:
        with os.scandir(path) as found:
            for entry in found:
                if entry.is_symlink():
                    raise Doubt(f"{entry.path} is a symbolic link")
                if entry.is_dir(follow_symlinks=False):
                    yield entry.name, entry.path
    except FileNotFoundError:
        return
    except OSError as error:
        raise Doubt(f"{path} cannot be read ({error.strerror})") from error


def digests_in(path: str) -> Iterator[tuple[Key, str]]:
    """`(key, path)` of `<path>/<alg>/<hex>/`, whether or not anything is in there."""
    for algorithm, below in folders(path):
        for digits, folder in folders(below):
            key = key_in(algorithm, digits)
            if key is None:
                raise Doubt(f"{folder} is named after no digest")
            yield key, folder


def written_at(path: str, kind: Callable[[int], bool] = stat.S_ISREG) -> float | None:
    """When a file came to be as it is, by its file system's own clock; None where there is none. Doubt: no such file.

    The later of the two times: an upload keeps the time of its last byte when it is renamed into its place, and the
    inode tells when that was. Nobody can set it back.
    """
    try:
        facts = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Doubt(f"{path} cannot be read ({error.strerror})") from error
    if not kind(facts.st_mode):
        raise Doubt(f"{path} is not what Distribution puts there")
    return max(facts.st_mtime, facts.st_ctime)


def read_link(path: str) -> Key | None:
    """The digest in a link; None where there is no link.

    Raises Doubt for anything else: 2.8 writes links in place, so that a reader may meet an empty one.
    """
    try:
        body = read_bounded(path, _LINK_BYTES)
    except FileNotFoundError:
        return None
    key = key_of(body.decode("ascii", "replace").strip())
    if key is None:
        raise Doubt(f"{path} holds no digest")
    return key


def read_settled(path: str) -> Key | None:
    """The digest in a link that may be being written: 2.8 empties the file first, for the time of one write."""
    for _ in range(_TRIES):
        try:
            return read_link(path)
        except Doubt:
            time.sleep(_PAUSE_S)
    return read_link(path)


def read_bounded(path: str, most: int) -> bytes:
    """A regular file of at most `most` bytes. FileNotFoundError where it is gone, Doubt for everything else."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Doubt(f"{path} cannot be read ({error.strerror})") from error
    with os.fdopen(handle, "rb") as file:
        try:
            body = file.read(most + 1)
        except OSError as error:
            raise Doubt(f"{path} cannot be read ({error.strerror})") from error
    if len(body) > most:
        raise Doubt(f"{path} is larger than {most} bytes")
    return body
