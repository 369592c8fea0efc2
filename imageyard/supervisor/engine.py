"""Docker Engines: which one answers on this machine, and one of our own where none does."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from imageyard.supervisor.bridge import ensure_bridge, known_bridge, remove_bridge
from imageyard.supervisor.child import Child, PartError, wait_until
from imageyard.supervisor.ports import unix_http_status
from imageyard.supervisor.rootchild import RootChild, as_root, ask_for_password, is_root
from imageyard.supervisor.wayout import close_way, open_way

# BuildKit in the Engine: 23.0 is the first that builds with it by default, buildx 0.13 the first with rawjson progress.
MIN_ENGINE = (23, 0)
MIN_BUILDX = (0, 13)
NAME = "The Docker Engine"


@dataclass(frozen=True)
class FoundEngine:
    """A Docker Engine that answers: its address as `DOCKER_HOST` wants it, and its version."""

    host: str
    version: str


def find_engine(docker_host: str) -> FoundEngine | None:
    """The Docker Engine that this user's `docker` command talks to, where it answers this user and is new enough.

    Raises:
        PartError: an engine was asked for by name (`docker_host`) and does not answer or is too old.
    """
    if shutil.which("docker") is None:
        return None
    ran = _docker(["version", "--format", "{{.Server.Version}}"], docker_host)
    version = ran.stdout.strip()
    named = f"The Docker Engine on {docker_host}" if docker_host else "The Docker Engine of this machine"
    if ran.returncode != 0 or not version:
        if docker_host:
            raise PartError(f"{named} (DOCKER_HOST) does not answer: {_last_line(ran.stderr)}")
        return None
    if _numbers(version) < MIN_ENGINE:
        if docker_host:
            raise PartError(f"{named} is version {version}; at least {MIN_ENGINE[0]}.{MIN_ENGINE[1]} is needed.")
        return None
    return FoundEngine(docker_host or _context_host(), version)


def need_buildx() -> None:
    """Refuse in words where the `docker` command has no buildx, or one without rawjson progress."""
    ran = _docker(["buildx", "version"], "")
    found = re.search(r"\bv?(\d+\.\d+\.\d+)", ran.stdout)
    if ran.returncode != 0 or found is None:
        raise PartError("`docker buildx` is missing: `scripts/setup` installs it (package docker-buildx).")
    if _numbers(found[1]) < MIN_BUILDX:
        raise PartError(f"`docker buildx` is version {found[1]}; at least {MIN_BUILDX[0]}.{MIN_BUILDX[1]} is needed.")


class DockerEngine:
    """A Docker Engine of our own, with its data, sockets and bridge apart from any other on the machine.

    BuildKit in it clips no log (`BUILDKIT_STEP_LOG_MAX_SIZE`, `…_SPEED`). A second start on the same folder while the
    first still runs uses that one; `stop` then ends it all the same, since it is this folder's own.
    """

    waiting_for = "the Docker Engine to answer"

    def __init__(
        self,
        home: Path,
        run_dir: Path | None = None,
        *,
        insecure: tuple[str, ...] = (),
        mirrors: tuple[str, ...] = (),
        outlives_parent: bool = False,
    ) -> None:
        self.folder = home / "docker"
        self.run_dir = run_dir or home / "run"
        self.socket = self.run_dir / "docker.sock"
        self.host = f"unix://{self.socket}"
        self.pidfile = self.folder / "dockerd.pid"
        self.config = self.folder / "daemon.json"
        self.insecure = insecure
        self.mirrors = mirrors
        unclipped = {"BUILDKIT_STEP_LOG_MAX_SIZE": "-1", "BUILDKIT_STEP_LOG_MAX_SPEED": "-1"}
        env = {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"} | unclipped
        argv = ["dockerd", "--config-file", str(self.config), "--data-root", str(self.folder / "data")]
        argv += ["--exec-root", str(self.run_dir / "docker"), "--pidfile", str(self.pidfile), "-H", self.host]
        log = home / "log" / "dockerd.log"
        self.child = Child(NAME, argv, log=log, env=env, outlives_parent=outlives_parent)
        if not is_root():
            # The socket is for this user's group; its folder is for this user alone.
            self.child = RootChild(NAME, [*argv, "--group", str(os.getgid())], log=log, env=unclipped)

    def start(self) -> None:
        if self.answers():
            return
        if shutil.which("dockerd") is None:
            raise PartError(
                "No Docker Engine answers and none is installed: `scripts/setup` installs one, or name one in "
                "DOCKER_HOST."
            )
        if not is_root():
            ask_for_password("No Docker Engine answers for this user, so one has to be started.")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        bridge = ensure_bridge(self.folder)
        settings = {
            "features": {"containerd-snapshotter": True},
            "bridge": bridge.name,
            "default-address-pools": [{"base": bridge.pool, "size": 28}],
            "insecure-registries": list(self.insecure),
            # Of Docker Hub alone: an engine has mirrors for no other registry.
            "registry-mirrors": list(self.mirrors),
            "log-level": "warn",
            "shutdown-timeout": 10,
        }
        self.config.write_text(json.dumps(settings, indent=1), encoding="utf-8")
        self.child.start()

    def wait_ready(self, timeout_s: float = 60) -> None:
        """Wait for it. One that meets another engine's start at the machine's one firewall is started again."""
        for is_last in (False, False, True):
            if self.child.process is None and self.answers():
                break
            try:
                wait_until(self.answers, self.child, timeout_s=timeout_s, waiting_for=self.waiting_for)
                break
            except PartError:
                if is_last or self.child.exit_code is None or "iptables failed" not in self.child.last_lines():
                    raise
                self.child.start()
        if bridge := known_bridge(self.folder):
            open_way(bridge)

    def stop(self) -> None:
        if self.child.process is not None:
            self.child.stop(grace_s=20)
        elif self.answers():
            self._stop_adopted()
        if bridge := known_bridge(self.folder):
            close_way(bridge)
            remove_bridge(self.folder)

    def answers(self) -> bool:
        """Whether the engine of this folder runs now, whoever started it."""
        answer = unix_http_status(self.socket, "/_ping")
        return answer is not None and answer[0] == 200  # noqa: PLR2004

    def _stop_adopted(self) -> None:
        """End the engine that an earlier start left running, by the process id it wrote itself."""
        pid = int(self.pidfile.read_text(encoding="ascii"))
        try:
            name = Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
            if name == "dockerd":
                subprocess.run([*as_root(), "kill", str(pid)], check=False)
        except (FileNotFoundError, ProcessLookupError):
            return
        waiter = Child(NAME, ["tail", "--pid", str(pid), "-f", "/dev/null"], log=self.child.log)
        waiter.start()
        waiter.wait(20)


def _docker(arguments: list[str], docker_host: str) -> subprocess.CompletedProcess[str]:
    env = dict(os.environ)
    if docker_host:
        env["DOCKER_HOST"] = docker_host
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, env=env, timeout=30)


def _context_host() -> str:
    """Where the `docker` command connects: the current context may name another socket than the usual one."""
    ran = _docker(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"], "")
    return ran.stdout.strip() or "unix:///var/run/docker.sock"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it says nothing."
