"""Starting the buildx client while Git is still at work: it takes a while to find its builder, and asks for nothing.

Once the work tree is there, it gets the Dockerfile and begins. Whatever is not as it was asked for when it started has
another client started, as if there had been none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from builds.core.errors import BuildError
from builds.core.variables import Chosen
from builds.engine.buildx import INPUT_NAME, BuildRequest, WaitingClient, waiting_client
from builds.engine.mirror import FULL_SHA
from builds.pipeline.job import Job
from builds.pipeline.request import is_cached, request_for
from builds.pipeline.variables import variables_of


@dataclass(frozen=True, slots=True)
class Ahead:
    """A client that waits for its Dockerfile, and what it was told: `given` and `request` are of the build."""

    commit: str
    given: Chosen
    request: BuildRequest
    client: WaitingClient


@contextmanager
def started_ahead(job: Job) -> Iterator[Ahead | None]:
    """None where it is not known yet what buildx will be asked for, or where it will not be asked at all."""
    with ExitStack() as stack:
        yield _start(job, stack)


def _start(job: Job, stack: ExitStack) -> Ahead | None:
    build = job.build
    # Strangers' code is looked at first; a publication is all that is left to do of an earlier attempt.
    if build.source is None or build.untrusted or build.publication or not FULL_SHA.fullmatch(build.commit):
        return None
    if Path(build.plan["dockerfile"]).name != INPUT_NAME:
        return None  # a client has to be given its path
    try:
        given = variables_of(build)
        request = request_for(build, given, job.work_dir, build.commit, cache=is_cached(job), for_s=job.timeout_s)
        return Ahead(build.commit, given, request, stack.enter_context(waiting_client(request)))
    except (BuildError, OSError):
        return None  # it will be said at its place, if it is still so then
