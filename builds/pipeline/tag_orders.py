"""A worker's turn at the tags that people want moved: one manifest put under the repository's publish lock."""

from __future__ import annotations

import time

import structlog

from builds.actions.tag_orders import (
    Waits,
    check_order,
    fail_order,
    finish_order,
    hold_lease,
    put_back,
    refuse_unseen,
    take_order,
)
from builds.core.refnames import quoted
from builds.core.tag_words import image_words
from builds.models import Build, TagOrder
from builds.pipeline.probe import one_at_a_time
from lib.queue import enqueue
from lib.refusal import Refused
from registry.actions import PublishLock, publish_lock
from registry.client import Manifest, RegistryClient, RegistryError, RegistryErrorKind, put_tags
from registry.opening import open_client

log = structlog.get_logger(__name__)
LOCK_WAIT_S = 20.0
READ_S = 15.0
AGAIN_S = 10.0
TURN_S = 60.0
"""After that others have their turn."""


def move_tags() -> None:
    """Put what is asked for, one after the other: a registry that hangs holds no more than one process of a worker."""
    began, order = time.monotonic(), None
    with one_at_a_time("tag-orders.lock") as mine:
        while mine and time.monotonic() - began < TURN_S and (order := take_order()):
            _carry_out(order)
    if order is not None:
        enqueue("builds.move_tags", expires_s=60)


def _carry_out(order: TagOrder) -> None:
    registry = order.repository.registry
    try:
        with (
            open_client(registry) as client,
            publish_lock(order.repository_id, wait_s=LOCK_WAIT_S) as lock,
        ):
            _put(order, client, lock)
    except Waits as wait:
        put_back(order, str(wait), wait_s=AGAIN_S, counts=False)
    except TimeoutError:
        sentence = "A build is putting its tags, and none moves meanwhile; this comes right after it."
        put_back(order, sentence, wait_s=AGAIN_S, counts=False)
    except Refused as refused:
        fail_order(order, refused.sentence)
    except RegistryError as error:
        _refused(order, error, error.message)
    except Exception as error:  # a bug of ours must not leave the order open for ever
        log.exception("a tag could not be moved", order=order.pk)
        fault = f"Imageyard itself met a fault ({type(error).__name__}) that its log tells more of. Ask again later."
        fail_order(order, fault)


def _put(order: TagOrder, client: RegistryClient, lock: PublishLock) -> None:
    """All under the lock. Dying anywhere leaves the order to its next turn, which does the same once more."""
    path = order.repository.path
    tag = check_order(order)
    reading = client.within(READ_S)
    if tag is None:
        refuse_unseen(order, reading.head(path, order.tag))
    manifest = reading.find(path, order.digest)
    if manifest is None:
        fail_order(order, _gone(order))
        return
    size = _size(order, reading, manifest)
    if not (hold_lease(order) and lock.renew()):
        return  # somebody else has it
    outcome = put_tags(client, path, manifest, [order.tag], {order.tag: order.from_digest or None})
    if outcome.error is not None:
        _refused(order, outcome.error, outcome.sentence)
        return
    if not finish_order(order, tag, lock, media_type=manifest.media_type, size=size):
        log.warning("the right to move a tag was lost", order=order.pk)


def _refused(order: TagOrder, error: Exception, sentence: str) -> None:
    if isinstance(error, RegistryError) and error.retryable:
        put_back(order, sentence, wait_s=AGAIN_S)
    else:
        fail_order(order, sentence)


def _gone(order: TagOrder) -> str:
    image = image_words(order.build_number, order.digest)
    again = f" Build the commit of build #{order.build_number} again." if order.build_number else ""
    return f"{quoted(order.tag)} was not moved: the image of {image} is no longer in the registry.{again}"


def _size(order: TagOrder, client: RegistryClient, manifest: Manifest) -> int | None:
    known = Build.objects.filter(repository=order.repository, digest=order.digest).exclude(size_bytes=None)
    size = known.values_list("size_bytes", flat=True).first()
    if size is not None:
        return size
    try:
        return client.image_facts(order.repository.path, manifest.digest).size_bytes
    except RegistryError as error:
        if error.kind is RegistryErrorKind.NOT_FOUND:
            raise
        return None  # a nicety
