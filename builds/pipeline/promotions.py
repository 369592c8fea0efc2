"""A worker's turn at promotions: the image is copied to the other repository, and then its tag is put there.

The copy needs no lock, since no tag moves by it; it may take long, so its lease is held all the time. Dying anywhere
leaves the order to the next turn, which leaves out what is there already.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from functools import partial

import structlog

from builds.actions.tag_turns import Waits, check_order, fail_order, hold_lease, keep_copying, put_back, take_order
from builds.core.errors import Stopped
from builds.engine.stopflag import StopFlag
from builds.models import TagOrder
from builds.pipeline.holding import held
from builds.pipeline.probe import one_at_a_time
from builds.pipeline.tag_orders import AGAIN_S, fault_words, put, refused
from lib.queue import enqueue
from lib.refusal import Refused
from registry.actions.quotas import push_refusal
from registry.client import Copied, Place, RegistryError, copy_image
from registry.opening import open_client

log = structlog.get_logger(__name__)
TURN_S = 60.0
"""After that others have their turn."""
TELL_S = 2.0
MOST_TOLD = 3


class _Progress:
    """How far a copy is; one thread writes it at a time, another reads it."""

    def __init__(self) -> None:
        self.now = (0, 0)

    def tell(self, done: int, total: int) -> None:
        self.now = (done, total)


def copy_images(worker: str) -> None:
    """Carry out what is asked for, one after the other: copies hold no more than one process of a worker."""
    began, order = time.monotonic(), None
    with one_at_a_time("copies.lock") as mine:
        while mine and time.monotonic() - began < TURN_S and (order := take_order(is_copy=True)):
            _carry_out(order, worker)
    if order is not None:
        enqueue("builds.copy_images", expires_s=60)


def _carry_out(order: TagOrder, worker: str) -> None:
    stop, progress = StopFlag(), _Progress()
    try:
        _look_before(order)
        with held(lambda: keep_copying(order, *progress.now), worker, stop, every_s=TELL_S):
            copied = _copy(order, stop, progress)
        keep_copying(order, *progress.now)
    except Stopped as stopped:
        if stopped.reason != "lost":
            sentence = "The worker that copied it is being stopped. The next one goes on where it was."
            put_back(order, sentence, wait_s=AGAIN_S, counts=False)
    except Refused as error:
        fail_order(order, error.sentence)
    except RegistryError as error:
        refused(order, error, error.message)
    except Exception as error:  # a bug of ours must not leave the order open for ever
        log.exception("an image could not be copied", order=order.pk)
        fail_order(order, fault_words(error))
    else:
        if hold_lease(order):
            put(order, note=_note(copied))


def _look_before(order: TagOrder) -> None:
    """What is refused in the end is refused before anything is copied. Raises Refused."""
    if order.source is None:
        path = order.source_path
        raise Refused(f"{path} was deleted, so there is nothing to promote from. `{order.tag}` was not moved.")
    if why := push_refusal(order.repository):
        raise Refused(f"`{order.tag}` was not moved. {why}")
    with suppress(Waits):  # copied meanwhile
        check_order(order)


def _copy(order: TagOrder, stop: StopFlag, progress: _Progress) -> Copied:
    """Raises RegistryError, and Stopped where the order is not ours any more."""
    source, target = order.source, order.repository
    assert source is not None
    with ExitStack() as opened:
        wait = partial(_wait, stop)
        there = opened.enter_context(open_client(target.registry, wait=wait))
        is_one = source.registry_id == target.registry_id
        here = there if is_one else opened.enter_context(open_client(source.registry, wait=wait))
        return copy_image(
            Place(here, source.registry_path, str(source.registry_id)),
            Place(there, target.registry_path, str(target.registry_id)),
            order.digest,
            referrers=order.with_referrers,
            told=progress.tell,
            check=stop.check,
        )


def _wait(stop: StopFlag, seconds: float) -> None:
    stop.wait(seconds)
    stop.check()


def _note(copied: Copied) -> str:
    """What else is to be told of a copy."""
    if not copied.left_out:
        return ""
    shown = " ".join(copied.left_out[:MOST_TOLD])
    return f"The image is there in full; what is signed of it is not: {shown}"
