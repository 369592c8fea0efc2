"""One run from claim to end: which stage follows which, and what each kind of end means for the build."""

from __future__ import annotations

import errno
import shutil
import socket
from functools import partial
from pathlib import Path

import structlog
from django.conf import settings

from builds.actions import lifecycle
from builds.actions.runs import Run
from builds.actions.workers import report_worker
from builds.core.disk import disk_fault, low_disks
from builds.core.errors import BuildError, ErrorKind, Skipped, Stopped
from builds.core.failure_evidence import code
from builds.core.progress_events import parse_step_name
from builds.core.states import State
from builds.engine.builder import ask_builder
from builds.engine.git import Checkout
from builds.engine.stopflag import StopFlag
from builds.models import Build
from builds.pipeline.ahead import Ahead, started_ahead
from builds.pipeline.before_push import check_registries
from builds.pipeline.build import build_image
from builds.pipeline.checkout import check_out
from builds.pipeline.failures import fail
from builds.pipeline.hooks import hooks_of
from builds.pipeline.job import Job
from builds.pipeline.logbook import Logbook
from builds.pipeline.paths import skip_unwatched
from builds.pipeline.publish import Publisher
from builds.pipeline.record import record
from builds.pipeline.room import check_quota, measure_disks
from builds.pipeline.testing import run_tests, tests_of
from builds.pipeline.watch import watched
from lib.humanize import format_duration

log = structlog.get_logger(__name__)
_MINUTE_S = 60

Ended = Stopped | BuildError | Skipped
"""What may end a run before its success."""


def carry_out(run: Run, worker: str) -> None:
    """Carry out one claimed run to its end. Nothing but a bug raises; even that ends the build with a sentence."""
    build = Build.objects.for_page().filter(pk=run.build_id).first()
    if build is None:
        return  # deleted with its repository a moment ago
    stop = StopFlag()
    left_s = float(build.timeout_s)  # from now on: it was claimed a moment ago, by another clock than this host's
    work_dir = Path(settings.WORK_DIR) / f"{build.pk}.{run.attempt}"
    logbook = Logbook(build, run)
    job = Job(build, run, stop, logbook, work_dir, timeout_s=left_s)
    with watched(run, worker, stop, timeout_s=left_s):
        try:
            ended = _end(job, _outcome(job))
            record(job, ended)
            if isinstance(ended, BuildError) and ended.kind is ErrorKind.BUILDER:
                _look_at_builder(worker)
        except Exception:  # its build is gone, or the database is: the sweep ends what is left, and the next one starts
            log.exception("a run could not write its end down", build=build.pk, attempt=run.attempt)
        finally:
            shutil.rmtree(work_dir, ignore_errors=True)


def _look_at_builder(worker: str) -> None:
    """A builder that went away is noticed at once, before another build meets it and spends an attempt on it."""
    name, fault = ask_builder()
    report_worker(worker, builder=name, builder_fault=fault)


def _outcome(job: Job) -> Ended | None:
    """Go through the stages; what ended them early, or None after a success, which has written itself down."""
    try:
        _go(job)
    except (Stopped, BuildError, Skipped) as ended:
        return ended
    except Exception as error:  # the edge of a run: a bug of ours must not leave the build without an end
        log.exception("a build met a fault of Imageyard", build=job.build.pk, attempt=job.run.attempt)
        return _our_fault(error)
    return None


def _go(job: Job) -> None:
    _check_disk()
    check_quota(job.build)
    shutil.rmtree(job.work_dir, ignore_errors=True)  # of another database's build of this number
    job.work_dir.mkdir(parents=True, mode=0o700)
    skip_unwatched(job, is_checked_out=False)
    check_registries(job)
    with started_ahead(job) as ahead:
        checkout = check_out(job)
        skip_unwatched(job, is_checked_out=True)
        _build_and_publish(job, checkout, ahead)


def _build_and_publish(job: Job, checkout: Checkout, ahead: Ahead | None) -> None:
    with hooks_of(job, checkout) as hooks, Publisher(job, checkout, hooks) as publisher:
        hooks.run("post_checkout")
        job.advance(State.BUILDING)
        # An earlier attempt pushed the image and died while it put the tags: the image is there, only finish that.
        resumes = bool(job.build.publication)
        if not resumes:
            if job.build.tests:  # of an earlier attempt
                job.note(tests=[])
            # With neither a hook nor a test to come, the tags need not wait for buildx to end.
            is_last = job.build.is_pushed and not hooks.names and not tests_of(job)
            hooks.build(partial(build_image, job, checkout, publisher if is_last else None, ahead))
            hooks.test(partial(run_tests, job, checkout))
        publisher.publish(resumes=resumes)


def _check_disk() -> None:
    """It was looked at before the claim; another slot may have filled it since."""
    settings.WORK_DIR.mkdir(parents=True, exist_ok=True)
    if low := low_disks(measure_disks()):
        fault = disk_fault(socket.gethostname(), low)
        raise BuildError(ErrorKind.PLATFORM, fault, retryable=True, needs_space=True)


def _end(job: Job, ended: Ended | None) -> Ended | None:
    """Complete the log, then say how the run ended: whoever follows the log has all of it when the end comes.

    Gives what it came to: the time limit is a fault as others are.
    """
    if ended is not None:
        job.logbook.cut_off()
    # A fault may be remembered beside the flag that caused it: buildx that was told to stop fails in many words.
    reason = job.stop.reason if isinstance(ended, BuildError | Skipped) and job.stop.reason else None
    ended = Stopped(reason) if reason else ended
    where = job.logbook.cut_off_step
    job.logbook.close()
    if isinstance(ended, Stopped):
        return _stopped(job, ended, where)
    if isinstance(ended, BuildError):
        fail(job, ended)
    elif isinstance(ended, Skipped):
        lifecycle.skip(job.run, ended.sentence)
    return ended


def _stopped(job: Job, stopped: Stopped, where: str) -> Ended:
    match stopped.reason:
        case "cancelled":
            lifecycle.stop(job.run)
        case "timeout":
            after = (
                f"{job.build.timeout_s} s" if job.build.timeout_s < _MINUTE_S else format_duration(job.build.timeout_s)
            )
            message = f"It timed out after {after}{_in_step(where)}. Make it faster, or give the rule more time."
            error = BuildError(ErrorKind.TIMEOUT, message, step=where or None)
            fail(job, error)
            return error
        case "drain":
            lifecycle.hand_back(job.run)
        case "lost":
            log.warning("a run lost its lease and left", build=job.build.pk, attempt=job.run.attempt)
    return stopped


def _in_step(name: str) -> str:
    """For the sentence: "in step 2 of 3 (`RUN npm ci`)" with a space before it; "" for no step."""
    if not name:
        return ""
    label = parse_step_name(name)
    where = code(label.instruction)
    return f" in step {label.number} of {label.total} ({where})" if label.number else f" in the step {where}"


def _our_fault(error: Exception) -> BuildError:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        message = "A disk of the worker that ran this build is full. Its administrator has to make room."
        return BuildError(ErrorKind.PLATFORM, message, retryable=True, needs_space=True)
    return BuildError(
        ErrorKind.PLATFORM,
        f"Imageyard itself met a fault ({type(error).__name__}) that its log tells more of. It is not your build.",
        retryable=True,
    )
