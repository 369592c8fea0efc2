"""A person with the real docker client: a DOCKER_CONFIG of their own, so that nobody's log-in is another's."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any


class DockerCli:
    """`home` holds the log-ins; the engine is the one at `host`."""

    def __init__(self, home: Path, host: str) -> None:
        self.home = home
        self.host = host
        home.mkdir(parents=True, exist_ok=True)

    def run(self, *arguments: str, stdin: str = "", timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run `docker <arguments>` to its end, whatever that is."""
        environ = {**os.environ, "DOCKER_HOST": self.host, "DOCKER_CONFIG": str(self.home), "HOME": str(self.home)}
        # In a session of its own, for docker asks at the terminal for a password where a log-in is no good any more.
        return subprocess.run(
            ["docker", *arguments],
            env=environ,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            start_new_session=True,
        )

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        """What a command prints that must succeed."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stdout} {done.stderr}"
        return done.stdout

    def refused(self, *arguments: str, stdin: str = "") -> str:
        """What a command says that must fail."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode != 0, f"docker {' '.join(arguments)} did it: {done.stdout}"
        return done.stdout + done.stderr

    def login(self, registry: str, username: str, password: str) -> str:
        return self("login", registry, "--username", username, "--password-stdin", stdin=password)

    def kept(self, registry: str) -> dict[str, Any]:
        """What docker keeps of a log-in."""
        config = json.loads((self.home / "config.json").read_text())
        return dict(config["auths"][registry])

    def image(self, name: str, *, of: str) -> str:
        """Give the image `of`, which the engine has or pulls, a further name."""
        if self.run("image", "inspect", of).returncode:
            self("pull", "--quiet", of)
        self("tag", of, name)
        return name
