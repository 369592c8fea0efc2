"""What is said of tests: how one ended, why one did not run, and what that means for the tags. Knows no engine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from builds.core.failure_evidence import code
from lib.humanize import format_duration, format_size

WAITING, RUNNING, PASSED, FAILED, STOPPED = "waiting", "running", "passed", "failed", "stopped"
"""The states of a row of `Build.tests`."""

_SHOWN = 3
_ENGINE = re.compile(
    r"Cannot connect to the Docker daemon|Is the docker daemon running|error during connect|address pools"
    r"|non-overlapping IPv4|no space left on device|\bEOF$|connection (?:refused|reset)",
    re.IGNORECASE,
)
_NOT_FOUND, _NOT_RUN, _KILLED = 127, 126, 137


def refused_sentence(file: str, problems: Sequence[str]) -> str:
    """A file that cannot be run, with what is wrong with it."""
    shown = "; ".join(problems[:_SHOWN])
    more = len(problems) - _SHOWN
    rest = f"; and {more} more like that" if more > 0 else ""
    return f"The test {code(file)} was not run: {shown}{rest}."


def failed_sentence(file: str, exit_code: int, *, out_of_memory: bool, memory_bytes: int) -> str:
    """`sut` ended with another exit code than 0."""
    begin = f"The test {code(file)} failed: service `sut`"
    if out_of_memory:
        return (
            f"{begin} was killed for using more than {format_size(memory_bytes)}, the most that a service of a test "
            "may use. Let it use less, or ask whoever runs Imageyard for more (IMAGEYARD_TEST_MEMORY_MB)."
        )
    hint = {
        _NOT_FOUND: " Its command was not found in the image.",
        _NOT_RUN: " Its command cannot be run: is the file executable?",
        _KILLED: " It was killed.",
    }.get(exit_code, "")
    return f"{begin} ended with exit code {exit_code}.{hint}"


def not_started_sentence(file: str, said: str) -> str:
    """`sut` never ran: something that it depends on, or its command, or its image."""
    why = f": {said.rstrip('. ')}." if said.strip() else "."
    return f"The test {code(file)} failed: service `sut` was not started{why}"


def is_of_the_engine(said: str) -> bool:
    """Whether a test did not start for a reason that is not in its file: the engine went away, or has no room."""
    return _ENGINE.search(said) is not None


def engine_sentence(file: str, said: str) -> str:
    """The engine could not run it just now."""
    return f"The Docker Engine could not run the test {code(file)}: {said.rstrip('. ')}."


def timeout_sentence(file: str, timeout_s: float) -> str:
    """It took longer than a test may."""
    return (
        f"The test {code(file)} did not end within {format_duration(timeout_s)} and was stopped. Make it faster, or "
        "ask whoever runs Imageyard for more time (IMAGEYARD_TEST_TIMEOUT_S)."
    )


def copy_sentence(file: str, said: str) -> str:
    """A mount of the work tree could not be given to its container."""
    return f"The test {code(file)} was not run: {said.rstrip('. ')}."


def pull_sentence(file: str, image: str, said: str) -> str:
    """An image that the file names is not to be had."""
    return f"The test {code(file)} was not run: its image {code(image)} could not be pulled: {said.rstrip('. ')}."


def build_sentence(file: str, service: str, why: str) -> str:
    """The image of a service could not be built."""
    return f"The test {code(file)} was not run: the image of its service {code(service)} could not be built. {why}"


def tags_sentence(build_tag: str, *, is_pushed: bool) -> str:
    """What a failed test means for the image."""
    return f"No tag but `{build_tag}` was moved." if is_pushed else "The image was not pushed."


NO_COMPOSE = (
    "The tests of this repository cannot run on this worker: Docker Compose is not installed there. Whoever runs "
    "Imageyard installs it (`docker compose version` has to answer), or autotest is switched off in the settings."
)
NO_ENGINE = (
    "The tests of this repository cannot run on this worker: its builder is no Docker Engine, and no engine answers "
    "beside it. Whoever runs Imageyard gives it one (DOCKER_HOST), or autotest is switched off in the settings."
)
ENGINE_AWAY = "The image was built, but the Docker Engine that would test it does not answer."
NO_ENGINE_FOR_STRANGERS = (
    "The tests of a pull request cannot run here: the builder that is set aside for pull requests is no Docker Engine. "
    "Whoever runs Imageyard names an engine's address instead (IMAGEYARD_UNTRUSTED_BUILDER), or autotest is switched "
    "off in the settings."
)
TOO_MANY = (
    "There are more than {most} `*.test.yml` files beside the Dockerfile; at most {most} are run. Put them together."
)


def rows(files: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a build that has run none of them yet."""
    return [{"file": file, "state": WAITING, "seconds": None, "sentence": ""} for file in files]
