"""The container of one shell: an image, a program in it that reads commands, bounds, and nothing of the host.

No folder, no socket and no secret is mounted. The network is the one that builds have; what root may do in it is what
a package manager needs.
"""

from __future__ import annotations

import platform as machine
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from builds.core.errors import BuildError, ErrorKind
from builds.engine.dockerclient import Docker, last_words

PULL_S = 600.0
START_S = 120.0
CPUS = 2
# busybox knows itself by a name that begins so.
_OWN_SHELL = "/busybox-of-imageyard"
_CAPABILITIES = (
    *("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETFCAP", "SETGID", "SETPCAP", "SETUID"),
    *("AUDIT_WRITE", "NET_BIND_SERVICE", "SYS_CHROOT"),
)
_ASKS = "command -v bash || command -v sh || echo sh"
_NO_SHELL = re.compile(r"executable file not found|no such file or directory", re.IGNORECASE)
_FOREIGN = re.compile(r"exec format error", re.IGNORECASE)
# Docker's names of machines (Go's GOARCH) by those of the kernel.
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm/v7", "ppc64le": "ppc64le", "s390x": "s390x"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxLimits:
    memory_bytes: int
    processes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellImage:
    """`environment` is added to the image's own; `platform` "" is the engine's."""

    name: str
    platform: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


class ShellBox:
    """Made for one session. `remove` takes it away, whatever became of it; `labels` mark it for the sweep."""

    def __init__(
        self, docker: Docker, image: ShellImage, limits: BoxLimits, *, name: str, labels: Mapping[str, str]
    ) -> None:
        self._docker, self._image, self._limits = docker, image, limits
        self.name, self._labels = name, labels

    def pull(self) -> None:
        """Have the image in the engine. Raises BuildError and Stopped."""
        if not self._docker.answers():
            raise BuildError(
                ErrorKind.PLATFORM,
                "This worker has no Docker Engine to open a shell in. Use the `docker run` line on a machine of yours.",
            )
        done = self._docker(
            "pull", "--quiet", *self._platform(), "--", self._image.name, timeout_s=PULL_S, on_stdout=_ignore
        )
        if done.returncode != 0:
            said = last_words(done.stderr_tail)
            raise BuildError(ErrorKind.REGISTRY, f"The worker could not pull the debug image: {said}.", retryable=True)

    def create(self) -> str:
        """Make the container; gives what runs in it, "busybox" for one that was put there. Raises BuildError."""
        program = self._find_shell()
        if program:
            self._create(f"--entrypoint={program}", "--", self._image.name)
            return program
        own = self._own_busybox()
        if own is None:
            raise BuildError(
                ErrorKind.USER,
                "This image has no shell (it is built from scratch or is distroless), and the worker has no static "
                "busybox to put into it. `docker run` cannot give you one either; copy files out of it with `docker "
                "create` and `docker cp`.",
            )
        self._create(f"--entrypoint={_OWN_SHELL}", "--", self._image.name, "sh")
        if self._docker("cp", str(own), f"{self.name}:{_OWN_SHELL}", timeout_s=START_S, on_stdout=_ignore).returncode:
            raise BuildError(ErrorKind.PLATFORM, "A busybox could not be put into the image. Try again later.")
        return "busybox"

    @property
    def attach(self) -> list[str]:
        """The command that starts the container and is its terminal."""
        return ["docker", "start", "--attach", "--interactive", self.name]

    def remove(self) -> None:
        """Take the container away, and the image where nobody else uses it. Never raises."""
        self._docker.clean("rm", "--force", "--volumes", self.name)
        self._docker.clean("image", "rm", self._image.name)

    def _find_shell(self) -> str:
        """The path of a shell in the image; "" where it has none."""
        out = bytearray()
        done = self._docker(
            *("run", "--rm", "--network=none", *self._bounds(f"{self.name}-look"), "--entrypoint=sh", "--"),
            *(self._image.name, "-c", _ASKS),
            timeout_s=START_S,
            on_stdout=out.extend,
        )
        said = done.stderr_tail.decode("utf-8", "replace")
        if done.returncode == 0:
            return out.decode("utf-8", "replace").split("\n")[0].strip() or "sh"
        if _FOREIGN.search(said):
            raise BuildError(
                ErrorKind.PLATFORM,
                f"The worker cannot run programs of {self._image.platform or 'the platform of this image'}. Use the "
                "`docker run` line on a machine that can.",
            )
        if _NO_SHELL.search(said):
            return ""
        raise BuildError(ErrorKind.PLATFORM, f"The container could not be started: {last_words(done.stderr_tail)}.")

    def _create(self, *arguments: str) -> None:
        made = self._docker(
            *("create", "--interactive", "--tty", "--rm", *self._bounds(self.name), *self._given(), *arguments),
            timeout_s=START_S,
            on_stdout=_ignore,
        )
        if made.returncode != 0:
            said = last_words(made.stderr_tail)
            raise BuildError(ErrorKind.PLATFORM, f"The container could not be made: {said}.")

    def _given(self) -> list[str]:
        given = {"TERM": "xterm-256color", **self._image.environment}
        return [f"--env={name}={value}" for name, value in given.items()]

    def _platform(self) -> list[str]:
        return [f"--platform={self._image.platform}"] if self._image.platform else []

    def _bounds(self, name: str) -> list[str]:
        memory = self._limits.memory_bytes
        return [
            f"--name={name}",
            f"--hostname={name[:60]}",
            "--pull=never",
            *self._platform(),
            "--log-driver=none",
            "--restart=no",
            f"--memory={memory}",
            f"--memory-swap={memory}",
            f"--pids-limit={self._limits.processes}",
            "--cpu-period=100000",
            f"--cpu-quota={100_000 * CPUS}",
            "--cap-drop=ALL",
            *(f"--cap-add={capability}" for capability in _CAPABILITIES),
            "--security-opt=no-new-privileges",
            *(f"--label={key}={value}" for key, value in self._labels.items()),
        ]

    def _own_busybox(self) -> Path | None:
        """A static busybox of this machine that runs in the image, where there is one; nothing is pulled for it."""
        here = f"linux/{_MACHINES.get(machine.machine(), machine.machine())}"
        found = shutil.which("busybox")
        if found is None or self._image.platform not in ("", here):
            return None
        # The name of a dynamic loader near the beginning: the image would not have that.
        with Path(found).open("rb") as file:
            return None if b"/ld-" in file.read(4096) else Path(found)


def _ignore(_chunk: bytes) -> None:
    """Ids of containers and images."""
