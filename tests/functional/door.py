"""The Docker Engine at an address that containers on it reach, for hooks that build and push by themselves."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def door(docker_host: str) -> Iterator[str]:
    """The engine at an address that containers on it reach; gives it as DOCKER_HOST."""
    env = {**os.environ, "DOCKER_HOST": docker_host}
    command = ["docker", "network", "inspect", "bridge", "--format={{(index .IPAM.Config 0).Gateway}}"]
    gateway = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.strip()
    with socket.create_server((gateway, 0)) as listener:
        threading.Thread(target=_serve, args=[listener, docker_host.removeprefix("unix://")], daemon=True).start()
        yield f"tcp://{gateway}:{listener.getsockname()[1]}"


def _serve(listener: socket.socket, path: str) -> None:
    with suppress(OSError):
        while True:
            near, _ = listener.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(path)
            threading.Thread(target=_pass_on, args=[near, far], daemon=True).start()
            threading.Thread(target=_answer, args=[far, near], daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


def _answer(source: socket.socket, target: socket.socket) -> None:
    """A client that has sent all it has would look like one that left, so only the answer's end ends it."""
    _pass_on(source, target)
    source.close()
    target.close()
