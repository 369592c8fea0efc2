"""A worker's turn at copying images to further registries, and putting their tags there: all of a build's, or none.

The image comes from the main registry, never from the builder: whatever fails at a destination can be done again
without a build. Dying anywhere leaves the copy to its next turn, which leaves out what is there already.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial

import structlog

from builds.actions.destination_pushes import fail_push, finish_push, hold_push, put_back, take_push
from builds.core.destination_words import done_words, left_words
from builds.core.errors import Stopped
from builds.core.tag_words import image_words
from builds.engine.stopflag import StopFlag
from builds.models import DestinationPush
from builds.pipeline.holding import held
from builds.pipeline.probe import one_at_a_time
from lib.queue import enqueue
from registry.actions.accounts_there import note_use
from registry.actions.locks import destination_turn
from registry.client import Place, RegistryError, RegistryErrorKind, copy_image, put_tags
from registry.models import Destination, Tag
from registry.opening import open_client

log = structlog.get_logger(__name__)
TURN_S = 60.0
"""After that others have their turn."""
BUSY_S = 5.0
AFTER_DRAIN_S = 2.0


def push_to_destinations(worker: str) -> None:
    """Carry out what is asked for, one after the other: copies hold no more than one process of a worker."""
    began, push = time.monotonic(), None
    with one_at_a_time("destinations.lock") as mine:
        while mine and time.monotonic() - began < TURN_S and (push := take_push()):
            _carry_out(push, worker)
    if push is not None:
        enqueue("builds.push_to_destinations", expires_s=60)


def _carry_out(push: DestinationPush, worker: str) -> None:
    stop = StopFlag()
    destination = push.destination
    if destination is None:
        fail_push(push, f"The repository is not copied to {push.host} any more.")
        return
    try:
        with held(lambda: hold_push(push), worker, stop):
            _copy_and_put(push, destination, stop)
    except Stopped as stopped:
        if stopped.reason != "lost":
            sentence = "The worker that copied it is being stopped. The next one goes on where it was."
            put_back(push, sentence, wait_s=AFTER_DRAIN_S, counts=False)
    except TimeoutError:
        put_back(push, f"Another build is putting its tags at {push.host}.", wait_s=BUSY_S, counts=False)
    except RegistryError as error:
        _refused(push, destination, error)
    except Exception as error:  # a bug of ours must not leave the copy open for ever
        log.exception("an image could not be copied to a destination", push=push.pk)
        fail_push(push, f"Imageyard itself met a fault ({type(error).__name__}) that its log tells more of.")


def _copy_and_put(push: DestinationPush, destination: Destination, stop: StopFlag) -> None:
    """Raises RegistryError, TimeoutError for another copy that puts its tags, and Stopped."""
    repository = push.build.repository
    wait = partial(_wait, stop)
    with ExitStack() as opened:
        here = opened.enter_context(open_client(repository.registry, wait=wait))
        there = opened.enter_context(open_client(destination.registry, wait=wait))
        copied = copy_image(
            Place(here, repository.registry_path, str(repository.registry_id)),
            Place(there, destination.remote_path, str(destination.registry_id)),
            push.digest,
            check=stop.check,
        )
        with destination_turn(destination.pk, wait=wait) as turn:
            moving, left = _judge(push)
            if not (hold_push(push) and turn.renew()):
                raise Stopped("lost")
            outcome = put_tags(there, destination.remote_path, copied.manifest, moving, {})
            if isinstance(outcome.error, RegistryError):
                raise _told(outcome.error, outcome.sentence)
            if outcome.error is not None:
                raise outcome.error
            note_use(destination.registry)
            finish_push(push, moving, left, done_words(push.host, moving, left))


def _judge(push: DestinationPush) -> tuple[list[str], list[str]]:
    """Which tags move there: those that have this image here. So no floating tag goes back there either.

    Under the destination's turn: the build that has the tag now comes after us, and puts it there then.
    """
    own = push.build.build_tag
    rows = Tag.objects.filter(repository=push.build.repository_id, name__in=push.tags)
    now = {row.name: row for row in rows}
    moving, left = [], []
    for name in push.tags:
        row = now.get(name)
        if name == own or (row is not None and row.digest == push.digest):
            moving.append(name)
        else:
            left.append(left_words(name, push.host, image_words(row.build_number, row.digest) if row else ""))
    return moving, left


def _told(error: RegistryError, sentence: str) -> RegistryError:
    """The same error with what is true of the tags there."""
    return RegistryError(
        sentence,
        kind=error.kind,
        status=error.status,
        retryable=error.retryable,
        code=error.code,
        retry_after_s=error.retry_after_s,
    )


def _refused(push: DestinationPush, destination: Destination, error: RegistryError) -> None:
    """A registry did not do it: later again where that can help, as late as it says."""
    note_use(destination.registry, error=error.message)
    if error.retryable:
        put_back(push, error.message, wait_s=error.retry_after_s)
    elif error.kind is RegistryErrorKind.NOT_FOUND and push.build.repository.registry.host in error.message:
        again = f"Build the commit of build #{push.build.number} again."
        fail_push(push, f"{error.message} The image is no longer in the main registry, so nothing was copied. {again}")
    else:
        fail_push(push, error.message)


def _wait(stop: StopFlag, seconds: float) -> None:
    stop.wait(seconds)
    stop.check()
