"""An image for hooks, made of programs of this machine with the libraries that they need. Pulled from nowhere.

Docker Hub ran hooks on a machine with a shell, Git, curl and the docker client. What of that is here goes into an image
in the engine; its name holds a fingerprint of the programs, so that it is made once and anew after an upgrade.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from builds.core.errors import BuildError, ErrorKind
from builds.engine.buildxclient import PLUGIN_FOLDERS
from builds.engine.dockerclient import Docker, last_words

IMPORT_S = 600.0
PROGRAMS = (
    "sh", "bash", "git", "curl", "wget", "docker", "docker-compose", "ssh", "jq", "make", "patch", "diff",
    "perl", "awk", "sed", "grep", "egrep", "fgrep", "find", "xargs", "tar", "gzip", "gunzip", "xz", "zstd",
    "unzip", "basename", "base64", "cat", "chmod", "chown", "cp", "cut", "date", "dd", "df", "dirname", "du",
    "echo", "env", "expr", "false", "head", "hostname", "id", "install", "ln", "ls", "md5sum", "mkdir",
    "mktemp", "mv", "nproc", "od", "paste", "printenv", "printf", "pwd", "readlink", "realpath", "rm",
    "rmdir", "seq", "sha1sum", "sha256sum", "sha512sum", "sleep", "sort", "split", "stat", "sync", "tac",
    "tail", "tee", "test", "[", "timeout", "touch", "tr", "true", "truncate", "uname", "uniq", "wc", "which",
    "whoami", "yes", "kill", "ps",
)  # fmt: skip
_MINIMUM = ("sh", "cat", "chmod", "sleep")
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/group": "root:x:0:\n",
    "etc/gitconfig": "[safe]\n\tdirectory = *\n",
}
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_PLUGINS = ("docker-buildx", "docker-compose")
_LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}


def hooks_image(docker: Docker, work_dir: Path) -> str:
    """The name of the image, which is in the engine afterwards. About five seconds the first time.

    Raises BuildError where this machine lacks the least that hooks need, or the engine takes no image.
    """
    parts = _parts()
    name = f"imageyard-hooks:{_fingerprint(parts)}"
    if docker.read("image", "inspect", "--format={{.Id}}", name) is not None:
        return name
    archive = work_dir / "hooks-image.tar"
    try:
        with tarfile.open(archive, "w") as tar:
            _fill(tar, parts)
        change = ("--change=ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin", '--change=CMD ["sh"]')
        done = docker("import", *change, str(archive), name, timeout_s=IMPORT_S, on_stdout=_ignore)
    finally:
        archive.unlink(missing_ok=True)
    if done.returncode != 0:
        said = last_words(done.stderr_tail)
        raise BuildError(ErrorKind.PLATFORM, f"The image in which hooks run could not be made: {said}.", retryable=True)
    return name


@lru_cache(maxsize=1)
def _parts() -> dict[str, Path]:
    """Every file of the image that is one of this machine: its place in the image → where it is here."""
    missing = [name for name in _MINIMUM if shutil.which(name) is None]
    if missing:
        raise BuildError(
            ErrorKind.PLATFORM,
            f"Hooks cannot run here: `{missing[0]}` is not on this worker, and no image for hooks is set. Whoever runs "
            "Imageyard sets IMAGEYARD_HOOKS_IMAGE.",
        )
    found: dict[str, Path] = {}
    for name in PROGRAMS:
        path = shutil.which(name)
        if path is not None:
            found[f"usr/bin/{name}"] = Path(path).resolve()
    for plugin in _PLUGINS:
        here = next((folder / plugin for folder in PLUGIN_FOLDERS if os.access(folder / plugin, os.X_OK)), None)
        if here is not None:
            found[f"usr/libexec/docker/cli-plugins/{plugin}"] = here.resolve()
    found |= {_place(path): path for path in _git_parts()}
    if _CERTIFICATES.is_file():
        found[_place(_CERTIFICATES)] = _CERTIFICATES
    for library in _libraries(sorted(set(found.values()))):
        found[_place(library)] = library
    return found


def _git_parts() -> Iterator[Path]:
    """What Git starts as programs of its own: remotes over HTTP, submodules."""
    if shutil.which("git") is None:
        return
    ran = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=False)
    folder = Path(ran.stdout.strip() or "/nowhere")
    if folder.is_dir():
        yield from (path for path in sorted(folder.iterdir()) if path.is_file())


def _libraries(programs: list[Path]) -> list[Path]:
    """The shared libraries of programs, as the loader finds them here (ldd(1))."""
    dynamic = [str(path) for path in programs if path.read_bytes()[:4] == b"\x7fELF"]
    if not dynamic or shutil.which("ldd") is None:
        return []
    ran = subprocess.run(["ldd", *dynamic], capture_output=True, text=True, check=False)
    words = {word for line in ran.stdout.splitlines() for word in line.split() if word.startswith("/")}
    return sorted(Path(word) for word in words if not word.endswith(":") and Path(word).is_file())


def _place(path: Path) -> str:
    """Where a file of this machine goes: `/lib/…` and the like are below `/usr` in the image."""
    top, _, rest = str(path).lstrip("/").partition("/")
    return f"{_LINKS.get(top, top)}/{rest}"


def _fingerprint(parts: dict[str, Path]) -> str:
    told = hashlib.sha256()
    for place, path in sorted(parts.items()):
        stat = path.stat()
        told.update(f"{place} {path} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return told.hexdigest()[:12]


def _fill(tar: tarfile.TarFile, parts: dict[str, Path]) -> None:
    for folder, mode in (("tmp", 0o1777), ("root", 0o700), ("usr/bin", 0o755), ("usr/lib64", 0o755)):
        entry = tarfile.TarInfo(folder)
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        tar.addfile(entry)
    for link, target in _LINKS.items():
        tar.addfile(_link(link, target))
    for place, text in _FILES.items():
        entry = tarfile.TarInfo(place)
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text.encode()))
    first: dict[Path, str] = {}
    for place, path in parts.items():
        real = path.resolve()
        if real in first:  # one program under many names, as Git and busybox are
            tar.addfile(_link(place, f"/{first[real]}"))
            continue
        first[real] = place
        entry = tarfile.TarInfo(place)
        entry.size, entry.mode = real.stat().st_size, real.stat().st_mode & 0o755
        with real.open("rb") as file:
            tar.addfile(entry, file)


def _link(place: str, target: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(place)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    return entry


def _ignore(_chunk: bytes) -> None:
    """The image's id."""
