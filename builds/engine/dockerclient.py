"""The docker client of a run: its environment, its logins, and commands that end with the run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from builds.core.errors import BuildError, Stopped
from builds.engine.buildxclient import PLUGIN_FOLDERS
from builds.engine.buildxsecrets import RegistryAuth, private_files
from builds.engine.process import Finished, StopFlag, run
from builds.engine.workspace import private_directory

ANSWER_S = 60.0
_PLUGIN = "docker-compose"
Sink = Callable[[bytes], None]


@lru_cache(maxsize=1)
def compose_argv() -> tuple[str, ...]:
    """How Compose is started: the plugin by itself, as buildx is; () where this machine has none."""
    for folder in PLUGIN_FOLDERS:
        if os.access(folder / _PLUGIN, os.X_OK):
            return (str(folder / _PLUGIN),)
    found = shutil.which(_PLUGIN)
    return (found,) if found else ()


@dataclass(frozen=True, slots=True)
class Docker:
    """One engine ("" is the default socket) as one run talks to it. `config` is a private DOCKER_CONFIG."""

    host: str
    config: Path
    stop: StopFlag

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of the client; HOME is empty, so that nobody's settings are read."""
        env = {
            "PATH": os.pathsep.join(os.get_exec_path()),
            "HOME": str(self.config),
            "LC_ALL": "C.UTF-8",
            "DOCKER_CONFIG": str(self.config),
            "DOCKER_CLI_HINTS": "false",
        }
        return env | ({"DOCKER_HOST": self.host} if self.host else {})

    def __call__(
        self,
        *arguments: str,
        timeout_s: float = ANSWER_S,
        on_stdout: Sink | None = None,
        on_stderr: Sink | None = None,
        stop: StopFlag | None = None,
        argv: Sequence[str] = ("docker",),
        environment: Mapping[str, str] | None = None,
        grace_s: float = 5.0,
    ) -> Finished:
        """Run `docker <arguments>` (or another program of its family) to its end. Raises Stopped."""
        return run(
            [*argv, *arguments],
            env=self.environment if environment is None else environment,
            timeout_s=timeout_s,
            stop=stop or self.stop,
            on_stdout=on_stdout,
            on_stderr=on_stderr,
            grace_s=grace_s,
        )

    def read(self, *arguments: str, timeout_s: float = ANSWER_S) -> str | None:
        """What `docker <arguments>` prints; None where it fails."""
        out = bytearray()
        done = self(*arguments, timeout_s=timeout_s, on_stdout=out.extend)
        return out.decode("utf-8", "replace") if done.returncode == 0 else None

    def clean(self, *arguments: str, argv: Sequence[str] = ("docker",)) -> bool:
        """Run a command that tidies up, also after the run was told to stop. Never raises; False where it failed."""
        with suppress(Stopped, BuildError):
            return self(*arguments, argv=argv, stop=StopFlag()).returncode == 0
        return False

    def clean_read(self, *arguments: str) -> str | None:
        """What a command of tidying up prints; None where it fails."""
        out = bytearray()
        with suppress(Stopped, BuildError):
            if self(*arguments, stop=StopFlag(), on_stdout=out.extend, timeout_s=10).returncode == 0:
                return out.decode("utf-8", "replace")
        return None

    def answers(self) -> bool:
        """Whether there is an engine."""
        with suppress(Stopped, BuildError):
            return self("version", "--format={{.Server.Version}}", timeout_s=20, on_stdout=_ignore).returncode == 0
        self.stop.check()
        return False


@contextmanager
def docker_client(host: str, stop: StopFlag, auths: Sequence[RegistryAuth] = ()) -> Iterator[Docker]:
    """A client with these logins and nobody else's; its private folder goes at the end."""
    with private_files(auths, {}, {}) as private:
        yield Docker(host, private.docker_config, stop)


@contextmanager
def bare_client(host: str, stop: StopFlag) -> Iterator[Docker]:
    """A client without any login."""
    with private_directory() as folder:
        yield Docker(host, folder, stop)


def last_words(stderr: bytes) -> str:
    """The last line that a failed docker command wrote, as the end of a sentence without its full stop."""
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    told = [line for line in lines if "error" in line.lower() or "failed" in line] or lines
    text = told[-1] if told else "it did not say why"
    for prefix in ("docker: ", "ERROR: ", "Error response from daemon: ", "error during connect: "):
        text = text.removeprefix(prefix)
    return text[:400].rstrip(". ")


def _ignore(_chunk: bytes) -> None:
    """Somebody has to take it."""
