"""Runs the image that came out, asks it, and takes it away again."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from imageyard.demo.failure import DemoError

START_TIMEOUT_S = 30


@dataclass(frozen=True)
class Answer:
    """What the running image said: its page, and the list of files that its build saw."""

    page: str
    files: list[str]


def run_image(docker_host: str, image: str, config: Path | None = None) -> Answer:
    """Pull the image from the registry, run it, and ask it over HTTP; its container is removed in any case.

    `config` is a DOCKER_CONFIG, where the registry wants a log-in.

    Raises:
        DemoError: Docker refuses, or the image does not answer within 30 s.
    """
    run = ("run", "--detach", "--pull", "always", "--publish", "127.0.0.1::8080", image)
    container = _docker(docker_host, *run, config=config)
    container = container.splitlines()[-1]
    try:
        address = _docker(docker_host, "port", container, "8080/tcp").splitlines()[0]
        page = _get(docker_host, container, f"http://{address}/")
        files = _get(docker_host, container, f"http://{address}/files.txt").splitlines()
    finally:
        _docker(docker_host, "rm", "--force", "--volumes", container)
    return Answer(page, files)


def _get(docker_host: str, container: str, url: str) -> str:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            answer = httpx.get(url, timeout=5, trust_env=False)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            if time.monotonic() > deadline:
                said = _docker(docker_host, "logs", "--tail", "5", container)
                raise DemoError(f"The image runs, but {url} does not answer: {error}. Its log ends: {said}") from error
            time.sleep(0.1)
        else:
            return answer.text


def _docker(docker_host: str, *arguments: str, config: Path | None = None) -> str:
    env = {**os.environ, "DOCKER_HOST": docker_host, **({"DOCKER_CONFIG": str(config)} if config else {})}
    ran = subprocess.run(["docker", *arguments], env=env, capture_output=True, text=True, check=False, timeout=180)
    if ran.returncode:
        raise DemoError(f"`docker {arguments[0]}` ended with exit code {ran.returncode}: {ran.stderr.strip()}")
    return ran.stdout.strip()
