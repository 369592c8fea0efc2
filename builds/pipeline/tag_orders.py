"""A worker's turn at the tags that people want moved: one manifest put under the repository's publish lock.

What comes from another repository was copied before (`builds.pipeline.promotions`).
"""

from __future__ import annotations

import time

import structlog

from builds.actions.tag_turns import (
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
LONGEST_S = 3600.0
TURN_S = 60.0
"""After that others have their turn."""


def move_tags() -> None:
    """Put what is asked for, one after the other: a registry that hangs holds no more than one process of a worker."""
    began, order = time.monotonic(), None
    with one_at_a_time("tag-orders.lock") as mine:
        while mine and time.monotonic() - began < TURN_S and (order := take_order()):
            put(order)
    if order is not None:
        enqueue("builds.move_tags", expires_s=60)


def put(order: TagOrder, *, note: str = "") -> None:
    """Put the tag of an order whose image is there, or put it off, or say why not. `note` is told besides."""
    registry = order.repository.registry
    try:
        with (
            open_client(registry) as client,
            publish_lock(order.repository_id, wait_s=LOCK_WAIT_S) as lock,
        ):
            _put(order, client, lock, note)
    except Waits as wait:
        put_back(order, str(wait), wait_s=AGAIN_S, counts=False)
    except TimeoutError:
        sentence = "A build is putting its tags, and none moves meanwhile; this comes right after it."
        put_back(order, sentence, wait_s=AGAIN_S, counts=False)
    except Refused as no:
        fail_order(order, no.sentence)
    except RegistryError as error:
        refused(order, error, error.message)
    except Exception as error:  # a bug of ours must not leave the order open for ever
        log.exception("a tag could not be moved", order=order.pk)
        fail_order(order, fault_words(error))


def fault_words(error: Exception) -> str:
    """What a person reads of a mistake of ours."""
    return f"Imageyard itself met a fault ({type(error).__name__}) that its log tells more of. Ask again later."


def _put(order: TagOrder, client: RegistryClient, lock: PublishLock, note: str) -> None:
    """All under the lock. Dying anywhere leaves the order to its next turn, which does the same once more."""
    path = order.repository.registry_path
    tag = check_order(order)
    reading = client.within(READ_S)
    if tag is None:
        refuse_unseen(order, reading.head(path, order.tag))
    manifest = reading.find(path, order.digest, of_any_kind=order.is_copy)
    if manifest is None:
        if order.is_copy:
            put_back(
                order, f"What was copied to {path} is gone from there again; it is copied once more.", wait_s=AGAIN_S
            )
        else:
            fail_order(order, _gone(order))
        return
    size = _size(order, reading, manifest)
    if not (hold_lease(order) and lock.renew()):
        return  # somebody else has it
    outcome = put_tags(client, path, manifest, [order.tag], {order.tag: order.from_digest or None})
    if outcome.error is not None:
        refused(order, outcome.error, outcome.sentence)
        return
    if not finish_order(order, tag, lock, media_type=manifest.media_type, size=size, note=note):
        log.warning("the right to move a tag was lost", order=order.pk)


def refused(order: TagOrder, error: Exception, sentence: str) -> None:
    """A registry did not do it: later again where that can help, as late as it says. Copies wait longer every time."""
    if isinstance(error, RegistryError) and error.retryable:
        usual_s = AGAIN_S * 2 ** (order.turns - 1) if order.is_copy else AGAIN_S
        put_back(order, sentence, wait_s=min(max(usual_s, error.retry_after_s or 0.0), LONGEST_S))
    else:
        fail_order(order, sentence)


def _gone(order: TagOrder) -> str:
    image = image_words(order.build_number, order.digest)
    again = f" Build the commit of build #{order.build_number} again." if order.build_number else ""
    return f"{quoted(order.tag)} was not moved: the image of {image} is no longer in the registry.{again}"


def _size(order: TagOrder, client: RegistryClient, manifest: Manifest) -> int | None:
    repositories = [pk for pk in (order.repository_id, order.source_id) if pk]
    known = Build.objects.filter(repository__in=repositories, digest=order.digest).exclude(size_bytes=None)
    size = known.values_list("size_bytes", flat=True).first()
    if size is not None:
        return size
    try:
        return client.image_facts(order.repository.registry_path, manifest.digest).size_bytes
    except RegistryError as error:
        if error.kind is RegistryErrorKind.NOT_FOUND:
            raise
        return None  # a nicety
