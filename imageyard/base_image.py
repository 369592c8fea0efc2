"""A small base image made on this machine, for the demo and the tests: a static busybox, pulled from nowhere."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from imageyard.supervisor.child import PartError


def push_busybox(docker_host: str, image: str, config: Path | None = None) -> str:
    """Import the machine's static busybox as an image, push it under the given name, and return its digest.

    About 2 MB and one second; the same name again replaces the image. `/bin` holds a link for every applet, so
    that `RUN` steps have a shell. `config` is a DOCKER_CONFIG, where the registry wants a log-in.

    Raises:
        PartError: busybox is not installed or not static, or the engine or the registry refuses.
    """
    busybox = shutil.which("busybox")
    if busybox is None:
        raise PartError("The program `busybox` is missing: `scripts/setup` installs it (package busybox-static).")
    if b"/ld-" in Path(busybox).read_bytes()[:4096]:  # the name of a dynamic loader, which the image would not have
        raise PartError(f"{busybox} is not a static program: `scripts/setup` installs one (package busybox-static).")
    change = ["--change", 'CMD ["/bin/sh"]', "--change", "ENV PATH=/bin"]
    _docker(docker_host, ["import", *change, "-", image], stdin=root_filesystem(Path(busybox)))
    _docker(docker_host, ["push", "--quiet", image], config=config)
    return _docker(docker_host, ["image", "inspect", "--format", "{{.Id}}", image]).strip()


def root_filesystem(busybox: Path) -> bytes:
    """A tar archive with busybox, a link for each of its applets, and the few files a shell expects."""
    applets = subprocess.run([str(busybox), "--list"], capture_output=True, text=True, check=True).stdout.split()
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        for folder, mode in (("bin", 0o755), ("etc", 0o755), ("tmp", 0o1777), ("root", 0o700), ("www", 0o755)):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        program = tarfile.TarInfo("bin/busybox")
        program.mode, program.size = 0o755, busybox.stat().st_size
        with busybox.open("rb") as file:
            tar.addfile(program, file)
        for applet in sorted(set(applets) - {"busybox"}):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for name, text in (("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"), ("etc/group", "root:x:0:\n")):
            content = text.encode()
            entry = tarfile.TarInfo(name)
            entry.mode, entry.size = 0o644, len(content)
            tar.addfile(entry, io.BytesIO(content))
    return held.getvalue()


def _docker(docker_host: str, arguments: list[str], *, stdin: bytes = b"", config: Path | None = None) -> str:
    env = {**os.environ, "DOCKER_HOST": docker_host, **({"DOCKER_CONFIG": str(config)} if config else {})}
    ran = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, check=False, env=env, timeout=120)
    if ran.returncode != 0:
        said = ran.stderr.decode("utf-8", "replace").strip().splitlines()
        raise PartError(f"`docker {arguments[0]}` ended with exit code {ran.returncode}: {said[-1] if said else ''}")
    return ran.stdout.decode("utf-8", "replace")
