"""Run one `docker buildx build`: arguments, surroundings, metadata. What its output means is the business of core.

Nothing of the repository reaches BuildKit but the context and the folder of the Dockerfile, which `inputs` has checked.
`.dockerignore` and `<Dockerfile>.dockerignore` are BuildKit's own business.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from builds.core.errors import BuildError, ErrorKind
from builds.engine.buildxclient import client_argv, client_env
from builds.engine.buildxsecrets import RegistryAuth, private_files
from builds.engine.inputs import find_context, find_dockerfile, read_start
from builds.engine.process import INPUT_BYTES, Command, Finished, StopFlag, started

__all__ = ["INPUT_NAME", "BuildRequest", "BuildxResult", "RegistryAuth", "WaitingClient", "build", "waiting_client"]

# The client's connection to the builder stands meanwhile, and not every builder keeps one that is silent.
_WAIT_S = 60.0
# What BuildKit calls a Dockerfile that comes from the client's input.
INPUT_NAME = "Dockerfile"

_ARG_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build and where to push it.

    `context` and `dockerfile` are relative to `tree`, the work tree. `image` is the name with its tag. `work_dir` is a
    folder of this run for buildx's own files; it may exist. `builder` "" is the Docker Engine's own at `docker_host`
    ("" for the default socket). `insecure` allows plain HTTP to the registry of `image`. Without `cache` every step
    runs and base images are asked for anew.

    `secrets` and `ssh` are values by the id that the Dockerfile mounts. `cache_scope` keeps the cache mounts of its
    builds apart from those of others, and with `isolated` also the results of their steps: whatever a build of that
    scope computes is reused within the scope alone. Without `push` the image is built and kept nowhere, or with `load`
    in the Docker Engine at `docker_host`, for a test there. `own_dockerfile` is read in place of the one in the tree;
    without `attested` the image says nothing of how it was made.
    """

    tree: Path
    work_dir: Path
    image: str
    context: str = "."
    dockerfile: str = "Dockerfile"
    target: str = ""
    platforms: tuple[str, ...] = ()
    build_args: dict[str, str] = field(default_factory=dict)
    cache: bool = True
    labels: dict[str, str] = field(default_factory=dict)
    builder: str = ""
    docker_host: str = ""
    registry_auths: tuple[RegistryAuth, ...] = ()
    insecure: bool = False
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    ssh: Mapping[str, str] = field(default_factory=dict, repr=False)
    cache_scope: str = ""
    isolated: bool = False
    push: bool = True
    load: bool = False
    own_dockerfile: Path | None = None
    attested: bool = True

    def with_cache(self) -> BuildRequest:
        """The same build from what is in the cache, for pushing once more."""
        return replace(self, cache=True)


@dataclass(frozen=True, slots=True)
class BuildxResult:
    """`metadata` is the content of the metadata file; None unless the build succeeded and wrote one."""

    returncode: int
    metadata: dict[str, Any] | None


def build(
    request: BuildRequest,
    *,
    on_stderr: Callable[[bytes], None],
    stop: StopFlag,
    timeout_s: float,
    waiting: WaitingClient | None = None,
) -> BuildxResult:
    """Build and push. `on_stderr` gets rawjson lines with plain text around them, in chunks cut anywhere.

    `waiting` is a client of this very request that was started before; where it is of no use another one is started.
    Raises `BuildError` (kind `user`) where context or Dockerfile is missing or leads out of the tree, and `Stopped`;
    any other failure is a `returncode` that is not 0. When this returns no process of it is left, nor `waiting`.
    """
    context = find_context(request.tree, request.context)
    dockerfile = request.own_dockerfile or find_dockerfile(request.tree, request.dockerfile)
    stop.check()
    done = None
    if waiting is not None:
        try:
            if waiting.takes(context, dockerfile):
                done = waiting.follow(on_stderr, stop, timeout_s)
        finally:
            waiting.end()
    if done is None:
        with _started(request, context, dockerfile) as command:
            done = command.follow(None, on_stderr, stop, timeout_s=timeout_s)
    return BuildxResult(done.returncode, _read(_metadata_of(request)) if done.returncode == 0 else None)


@contextmanager
def waiting_client(request: BuildRequest) -> Iterator[WaitingClient]:
    """Start the client of a request whose work tree is not there yet, so that it has found its builder when it is.

    It reads the Dockerfile from its input, and the context once it has that. Whoever leaves the block ends it. Raises
    `BuildError` where the context is not the tree itself.
    """
    request.tree.mkdir(parents=True, exist_ok=True)
    context = find_context(request.tree, request.context)
    with ExitStack() as stack:
        command = stack.enter_context(_started(request, context, None))
        yield WaitingClient(command, context, time.monotonic(), stack.close)


@dataclass(frozen=True, slots=True)
class WaitingClient:
    """A client without a Dockerfile, started at `since`, a `time.monotonic`.

    `end` leaves nothing of it, nor of the log-ins and secrets that were written down for it; again is harmless.
    """

    command: Command
    context: Path
    since: float
    end: Callable[[], None]

    def takes(self, context: Path, dockerfile: Path) -> bool:
        """Give it the Dockerfile; False where it cannot build the same as a client that is given its path.

        By that name BuildKit speaks of what it reads from the client's input, and beside that it finds no ignore file
        of the Dockerfile's own.
        """
        own_ignore = dockerfile.with_name(f"{dockerfile.name}.dockerignore")
        if (
            context != self.context
            or dockerfile.name != INPUT_NAME
            or os.path.lexists(own_ignore)
            or time.monotonic() - self.since > _WAIT_S
            or self.command.has_ended
        ):
            return False
        try:
            text = read_start(dockerfile, INPUT_BYTES + 1)
        except OSError:
            return False  # BuildKit says what is wrong with it
        if len(text) > INPUT_BYTES:
            return False
        self.command.give(text)
        return True

    def follow(self, on_stderr: Callable[[bytes], None], stop: StopFlag, timeout_s: float) -> Finished | None:
        """How it ended; None where it died before a first word, and so before BuildKit did anything for it."""
        words = 0

        def hear(chunk: bytes) -> None:
            nonlocal words
            words += len(chunk)
            on_stderr(chunk)

        done = self.command.follow(None, hear, stop, timeout_s=timeout_s)
        return done if words or done.returncode == 0 else None


@contextmanager
def _started(request: BuildRequest, context: Path, dockerfile: Path | None) -> Iterator[Command]:
    request.work_dir.mkdir(parents=True, exist_ok=True)
    metadata = _metadata_of(request)
    metadata.unlink(missing_ok=True)
    with (
        private_files(request.registry_auths, request.secrets, request.ssh) as private,
        started(
            [*client_argv(), *build_arguments(request, context, dockerfile, metadata, private.arguments)],
            env=client_env(
                docker_config=private.docker_config,
                buildx_config=request.work_dir / "config",
                docker_host=request.docker_host,
            )
            # Where it puts what it reads from its input; of a client that is killed nothing stays.
            | {"TMPDIR": str(request.work_dir)},
            cwd=request.work_dir,
            takes_input=dockerfile is None,
        ) as command,
    ):
        yield command


def _metadata_of(request: BuildRequest) -> Path:
    return request.work_dir / "metadata.json"


def build_arguments(
    request: BuildRequest, context: Path, dockerfile: Path | None, metadata: Path, private: Sequence[str] = ()
) -> list[str]:
    """What follows `docker buildx`: every value is joined to its option, and the context stands behind `--`.

    Without `dockerfile` it is read from the input. `private` are the options that name secrets by their files.
    """
    # An engine's own store may have no room for attestations.
    provenance = "mode=max" if request.attested and not request.load else "false"
    arguments = ["build", "--progress=rawjson", f"--provenance={provenance}", f"--metadata-file={metadata}"]
    if request.builder:
        arguments.append(f"--builder={request.builder}")
    if request.target:
        arguments.append(f"--target={request.target}")
    if request.platforms:
        arguments.append(f"--platform={','.join(request.platforms)}")
    if not request.cache:
        arguments += ["--no-cache", "--pull"]
    for name, value in request.build_args.items():
        if not _ARG_NAME.fullmatch(name):
            # A name without a value would be taken from our own environment.
            raise BuildError(ErrorKind.USER, f"`{name[:80]}` is not a name for a build argument.")
        arguments.append(f"--build-arg={name}={value}")
    arguments += [*_cache_arguments(request), *private]
    # Labels are put on the finished image: they change its digest and no step's cache key (measured).
    arguments += [f"--label={name}={value}" for name, value in request.labels.items()]
    return [*arguments, f"--output={_output(request)}", f"--file={dockerfile or '-'}", "--", str(context)]


def _cache_arguments(request: BuildRequest) -> list[str]:
    """How the builds of a scope are kept apart from others on the same builder.

    A cache mount belongs to whoever knows its id, so the id gets the scope before it (BuildKit, Dockerfile reference,
    "BuildKit built-in build args"). The result of a step belongs to whoever asks for the same operation on the same
    input; the names of extra hosts are part of every RUN operation (their addresses are not), so that a name that only
    this scope has gives its steps keys of their own. What COPY, ADD and FROM give is determined by their input.
    """
    if not request.cache_scope:
        return []
    host = [f"--add-host={request.cache_scope}.scope.invalid:127.0.0.1"] if request.isolated else []
    return [f"--build-arg=BUILDKIT_CACHE_MOUNT_NS={request.cache_scope}", *host]


def _output(request: BuildRequest) -> str:
    """The image exporter's options, as one line of CSV: BuildKit docs/reference, "image exporter".

    Not unpacked and not stored in the engine: the image is wanted in the registry, and that saves a fifth of the time.
    Annotations repeat the labels where registries look for them, on the manifest.
    """
    if request.load:
        return f"type=docker,name={request.image}"
    if not request.push:
        return "type=cacheonly"
    options = [
        "type=image",
        f"name={request.image}",
        "push=true",
        "unpack=false",
        "store=false",
        "oci-mediatypes=true",
        *(["registry.insecure=true"] if request.insecure else []),
        *(f"annotation.{name}={value}" for name, value in request.labels.items()),
    ]
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(options)
    return line.getvalue()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
