"""One shell from the worker's side: its container is made, its loop runs, and whatever happens it is closed."""

from __future__ import annotations

from contextlib import suppress

import structlog
from django.conf import settings
from django.db import connection
from redis.exceptions import RedisError

from builds.actions import debug_shells
from builds.core.debug_step import StepFacts
from builds.core.errors import BuildError, Stopped
from builds.engine.dockerclient import docker_client
from builds.engine.shellbox import PULL_S, BoxLimits, ShellBox, ShellImage
from builds.engine.stopflag import StopFlag
from builds.live.shell_line import WorkerLine, worker_line
from builds.models import DebugSession
from builds.pipeline.holding import held
from builds.pipeline.logins import logins_of
from builds.pipeline.sandbox import OWNER, RUN, owner, shell_name
from builds.pipeline.shell_loop import ShellLoop
from builds.pipeline.variables import secrets_of
from lib.redact import Redactor

log = structlog.get_logger(__name__)


def run_shell(session: DebugSession, worker: str, stop: StopFlag) -> None:
    """Run a session that this worker has taken to its end. Nothing but a bug raises, and even that closes it."""
    try:
        with worker_line(session.pk) as line:
            reason = _prepared(session, worker, stop, line)
            debug_shells.close_shell(session.pk, reason)
            row = DebugSession.objects.filter(pk=session.pk).first()
            with suppress(RedisError):
                line.say("end", (row.end_reason if row else reason).encode())
    except Exception:  # the edge of a thread
        log.exception("a shell met a fault", session=session.pk)
        debug_shells.close_shell(session.pk, "Imageyard itself met a fault that its log tells more of.")
    finally:
        connection.close()


def _prepared(session: DebugSession, worker: str, stop: StopFlag, line: WorkerLine) -> str:
    """Make the container and be its terminal; gives why it ended."""
    build, image = session.debug_image.build, session.debug_image
    facts = StepFacts.from_json(image.facts)
    labels = {OWNER: owner(), RUN: shell_name(session.pk)}
    with docker_client(settings.DOCKER_HOST, stop, logins_of(build, PULL_S, pushes=False, reads_bases=False)) as docker:
        box = ShellBox(
            docker,
            ShellImage(name=image.image, platform=facts.platform, environment=facts.args),
            BoxLimits(memory_bytes=settings.SHELL_MEMORY_BYTES, processes=settings.TEST_PIDS),
            name=f"imageyard-{owner()}-shell-{session.pk}",
            labels=labels,
        )
        try:
            with held(lambda: not debug_shells.why_over(session.pk, worker), worker, stop):
                box.pull()
                box.create()
            if not debug_shells.record_started(session, box.name):
                return "It was closed."
            return ShellLoop(session, worker, stop, line).run(docker, box)
        except BuildError as error:
            return Redactor(secrets_of(build)).text(error.message)
        except Stopped:
            return debug_shells.why_over(session.pk, worker) or "The worker shuts down. Open another shell."
        finally:
            box.remove()
