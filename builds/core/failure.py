"""Why a build failed, in one sentence that a person can act on, and whose move it is. Reads only; retries nothing.

The words of BuildKit, buildx, containerd and the Docker client differ by version, so every expression here and in the
`failure_*` modules is about the part of the text that stayed the same; recordings of the real thing are the tests.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from builds.core.errors import BuildError, ErrorKind
from builds.core.failure_dockerfile import explain_dockerfile
from builds.core.failure_evidence import Evidence, code, gather, shown
from builds.core.failure_memory import UNKNOWN, MemoryReport, judge_kill
from builds.core.failure_registry import explain_base, explain_frontend, explain_push
from builds.core.progress_steps import StepBook

# In the place of the exit code BuildKit says on hosts with cgroup v2 that the kernel killed a process of the step.
_EXIT = re.compile(
    r"process did not complete successfully: (?:exit code: (?P<code>\d+)|cannot allocate memory)(?P<rest>.*)",
    re.DOTALL,
)
_NO_SPACE = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_CANCELLED = re.compile(r"(?:Canceled: )?context canceled|.*: context canceled$", re.IGNORECASE | re.DOTALL)
_NOT_FOUND = re.compile(
    r"""exec: "(?P<exec>[^"]+)": (?:executable file not found|stat )"""
    r"""|: (?:line )?(?:\d+: )?(?P<shell>[^\s:]+): (?:command )?not found"""
    r"""|env: .?(?P<env>[^\s:'’‘]+).?: No such file"""
)
_NO_CLIENT = re.compile(
    r"unknown command: docker buildx|'buildx' is not a docker command|unknown flag: --progress"
    r"|\"docker\": executable file not found|docker: command not found"
)
_NO_BUILDER = re.compile(r"no builder (?P<name>\S+) found|failed to find driver|no valid drivers found")
_GONE = re.compile(
    r"cannot connect to the docker daemon|error during connect|failed to connect to the docker API|^Unavailable:"
    r"|code = Unavailable|error reading from server|transport is closing|connection is closing|closing transport"
    r"|failed to list workers|listing workers|no active session|failed to dial gRPC|goaway|keepalive ping failed",
    re.IGNORECASE,
)
_NOT_ALLOWED = re.compile(r"permission denied while trying to connect to the docker", re.IGNORECASE)
_MULTI_PLATFORM = re.compile(
    r"multi-platform build is not supported|multiple platforms feature is (?:currently )?not supported", re.IGNORECASE
)
_SIGINT, _SIGKILL, _SIGSEGV, _SIGTERM = 2, 9, 11, 15
# What shells answer (POSIX 2.8.2): found but not executable, not found, and 128 plus the signal that ended the command.
_NOT_EXECUTABLE, _NOT_THERE, _SIGNALLED = 126, 127, 128


def explain_failure(
    book: StepBook,
    tail: Sequence[str],
    returncode: int,
    *,
    image: str = "",
    registry: str = "",
    registry_user: str = "",
    memory: MemoryReport = UNKNOWN,
) -> BuildError:
    """Say why buildx ended with `returncode` (negative: the signal that ended it), never raising on any text.

    `tail` is the plain text of `ProgressParser.tail`. `image` is the name that was to be pushed, `registry` what
    people call its registry (else the host of the image) and `registry_user` the account of the push; `memory` is what
    the kernel of the builder's host said since the build began. The answer names the failing step and the Dockerfile
    line where BuildKit told them.
    """
    evidence = gather(book, tail, returncode, image=image, registry=registry, registry_user=registry_user)
    for explain in (
        _explain_client,
        partial(_explain_process, memory=memory),
        _explain_interruption,
        _explain_disk,
        _explain_builder,
        explain_push,
        explain_frontend,
        explain_base,
        explain_dockerfile,
    ):
        error = explain(evidence)
        if error is not None:
            return error
    return _unexplained(evidence)


def _explain_client(evidence: Evidence) -> BuildError | None:
    if _NO_CLIENT.search(evidence.text):
        return evidence.error(
            ErrorKind.PLATFORM,
            "The worker has no `docker buildx`. An administrator must install Docker's client and its buildx plugin.",
        )
    if _NOT_ALLOWED.search(evidence.text):
        return evidence.error(
            ErrorKind.PLATFORM,
            "The worker may not use its Docker daemon. An administrator must give the worker's account access to it.",
        )
    return None


def _explain_process(evidence: Evidence, *, memory: MemoryReport) -> BuildError | None:
    """A RUN whose command ended badly: the user's, unless memory or the builder's disk was short."""
    match = _EXIT.search(evidence.text)
    if match is None or "context canceled" in match["rest"]:
        return None
    step = evidence.step
    last = step.log_tail.decode("utf-8", "replace") if step else ""
    if _NO_SPACE.search(match["rest"] + last):
        return _disk_full(evidence)
    exit_code = int(match["code"]) if match["code"] else None
    killed = judge_kill(
        memory,
        exit_code=exit_code,
        noticed=exit_code is None,
        output=last,
        began=step.started_at if step else None,
        ended=step.finished_at if step else None,
    )
    if killed is not None:
        kind = ErrorKind.LIMIT if killed.is_memory else ErrorKind.USER
        return evidence.error(kind, f"{evidence.where} {killed.sentence}")
    return evidence.error(ErrorKind.USER, f"{evidence.where} {_exit_sentence(exit_code or 0, last)}")


def _exit_sentence(exit_code: int, last: str) -> str:
    ended = f"ended with exit code {exit_code}"
    missing = list(_NOT_FOUND.finditer(last))
    name = next((code(word) for match in missing[-1:] for word in match.groups() if word), "")
    if "exec format error" in last:
        return f"{ended}: the builder cannot run programs of that platform; it needs emulation (binfmt)."
    if exit_code == _NOT_THERE or (name and 'exec: "' in last[-300:]):
        return (
            f"{ended}: the command {name} was not found in the image." if name else f"{ended}: a command was not found."
        )
    if exit_code == _NOT_EXECUTABLE:
        return f"{ended}: a command was found, but it may not be executed."
    if exit_code == _SIGNALLED + _SIGSEGV:
        return f"{ended}: a program in it crashed (segmentation fault)."
    return f"{ended}."


def _explain_interruption(evidence: Evidence) -> BuildError | None:
    """Somebody else stopped buildx, a person or the machine: a cancel of ours never comes here."""
    signalled = evidence.returncode in (
        -_SIGINT,
        -_SIGTERM,
        -_SIGKILL,
        _SIGNALLED + _SIGINT,
        _SIGNALLED + _SIGTERM,
        _SIGNALLED + _SIGKILL,
    )
    if not (_CANCELLED.match(evidence.text) or (signalled and not evidence.text)):
        return None
    during = f" during {_lower_first(evidence.where)}" if evidence.step else ""
    message = (
        f"The build was interrupted from outside{during}. Nothing in the repository caused this; it can be built again."
    )
    return evidence.error(ErrorKind.PLATFORM, message, retryable=True)


def _explain_disk(evidence: Evidence) -> BuildError | None:
    # A registry whose own disk is full says so in an answer; that is the registry's.
    pushing = "failed to push" in evidence.text or (evidence.step is not None and evidence.step.label.role == "push")
    return None if pushing or not _NO_SPACE.search(evidence.text) else _disk_full(evidence)


def _disk_full(evidence: Evidence) -> BuildError:
    during = f" It filled during {_lower_first(evidence.where)}." if evidence.step else ""
    message = (
        f"The builder's disk is full.{during} This is not the fault of the commit: "
        f"an administrator must free space on the builder."
    )
    return evidence.error(ErrorKind.BUILDER, message, retryable=True, needs_space=True)


def _explain_builder(evidence: Evidence) -> BuildError | None:
    missing = _NO_BUILDER.search(evidence.text)
    if missing:
        name = code(missing["name"].strip('"')) if missing["name"] else "that the worker asks for"
        return evidence.error(
            ErrorKind.PLATFORM,
            f"There is no builder {name}. An administrator must create it or correct `BUILDX_BUILDER`.",
        )
    if _MULTI_PLATFORM.search(evidence.text):
        return evidence.error(
            ErrorKind.PLATFORM,
            "The builder cannot build for several platforms at once. "
            "An administrator must give the worker a builder that can, or the rule must name one platform.",
        )
    if not _GONE.search(evidence.text):
        return None
    started = any(step.started_at for step in evidence.book.steps)
    where = f" during {_lower_first(evidence.where)}" if evidence.step else " during the build"
    what = f"The builder went away{where}." if started else "The builder cannot be reached."
    message = f"{what} This is not the fault of the commit; it can be built again once the builder answers."
    return evidence.error(ErrorKind.BUILDER, message, retryable=True)


def _unexplained(evidence: Evidence) -> BuildError:
    """No entry knows the text: pass on BuildKit's own words, to the user if a step or a line of theirs is named."""
    said = shown(evidence.text)
    if evidence.step is not None and evidence.step.label.role == "step" and evidence.step.error:
        return evidence.error(ErrorKind.USER, f"{evidence.where} failed: {said or shown(evidence.step.error)}.")
    if evidence.line:
        return evidence.error(ErrorKind.USER, f"{evidence.place}: {said}.")
    if said:
        return evidence.error(ErrorKind.BUILDER, f"The builder could not build this: {said}.")
    message = f"The build ended with code {evidence.returncode} and without a word why. It can be built again."
    return evidence.error(ErrorKind.PLATFORM, message, retryable=True)


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
