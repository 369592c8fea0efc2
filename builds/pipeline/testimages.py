"""Images that tests need in the engine: the one just built, by its digest, and those that a file names."""

from __future__ import annotations

import re
from collections.abc import Callable

from builds.core import testresults as words
from builds.core.errors import BuildError, ErrorKind
from builds.engine.dockerclient import Docker, bare_client, last_words

PULL_S = 1800.0
_TRIES = 3
_PLAIN_HTTP = "server gave HTTP response to HTTPS client"
_MAY_PASS = re.compile(
    r"\b(?:429|50[0234])\b|toomanyrequests|timeout|timed out|connection (?:refused|reset)|no such host|\bEOF\b"
    r"|network is unreachable|deadline exceeded|Cannot connect to the Docker daemon|error during connect",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,500}")
Say = Callable[[bytes | str], None]


def pull_this(docker: Docker, image: str, name: str, say: Say) -> None:
    """Pull the image just pushed and call it `name`. Raises BuildError (kind registry)."""
    said = _pull_as(docker, image, name, say)
    if said is None:
        return
    if _PLAIN_HTTP in said:
        raise BuildError(
            ErrorKind.PLATFORM,
            "The image was pushed, but the Docker Engine that would test it refuses to pull it over plain HTTP. "
            "Whoever runs Imageyard adds the registry to that engine's `insecure-registries`, or gives it TLS.",
        )
    raise BuildError(
        ErrorKind.REGISTRY,
        f"The image was pushed, but could not be pulled for its tests: {said}.",
        retryable=bool(_MAY_PASS.search(said)),
    )


def pull_own(docker: Docker, image: str, name: str, say: Say, *, file: str) -> None:
    """Pull an image of the repository's own namespace with the registry's login, and call it `name`: so nobody else's
    test can use it. Raises BuildError.
    """
    _check_name(image, file)
    _explain(_pull_as(docker, image, name, say), image, file)


def pull_image(docker: Docker, image: str, say: Say, *, file: str) -> None:
    """Pull an image that everybody may have. Raises BuildError."""
    _check_name(image, file)
    with bare_client(docker.host, docker.stop) as client:
        _explain(_pull(client, image, say), image, file)


def _check_name(image: str, file: str) -> None:
    if not _NAME.fullmatch(image):
        raise BuildError(ErrorKind.USER, words.pull_sentence(file, image, "this is no name of an image"))


def _explain(said: str | None, image: str, file: str) -> None:
    if said is not None:
        passes = bool(_MAY_PASS.search(said))
        kind = ErrorKind.REGISTRY if passes else ErrorKind.USER
        raise BuildError(kind, words.pull_sentence(file, image, said), retryable=passes)


def _pull_as(docker: Docker, image: str, name: str, say: Say) -> str | None:
    """Why it failed; None where it did not. The image is known by `name` alone afterwards."""
    for _ in range(_TRIES):
        if (said := _pull(docker, image, say)) is not None:
            return said
        # Another run on this engine may have taken the name away since.
        if docker("image", "tag", image, name).returncode == 0:
            docker.clean("image", "rm", image)
            return None
    return "another build takes its name away again and again"


def _pull(docker: Docker, image: str, say: Say) -> str | None:
    """Why it failed; None where it did not."""
    say(f"Pulling {image}\n")
    done = docker("pull", "--quiet", image, timeout_s=PULL_S, on_stdout=_ignore, on_stderr=say)
    return None if done.returncode == 0 else last_words(done.stderr_tail)


def _ignore(_chunk: bytes) -> None:
    """The digest, which is known."""
