"""A worker's turn at tags that are to go: each under the publish lock of its repository, as long as it did not move."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum

import structlog

from builds.actions.tag_deleting import (
    Left,
    Waits,
    check_deletion,
    fail_deletion,
    finish_deletion,
    hold_lease,
    is_where_it_was,
    leave,
    put_back,
    siblings_of,
    take_deletion,
)
from builds.core.deletion_words import moved_words, unsupported_words
from builds.core.tag_words import image_words
from builds.pipeline.probe import one_at_a_time
from lib.humanize import quoted
from lib.queue import enqueue
from registry.actions import PublishLock, publish_lock
from registry.client import RegistryClient, RegistryError, RegistryErrorKind, Taken, give_tag_back, take_tag_away
from registry.models import Registry, TagDeletion
from registry.opening import open_client

log = structlog.get_logger(__name__)
LOCK_WAIT_S = 20.0
DELETE_S = 40.0
AGAIN_S = 10.0
TURN_S = 60.0
"""After that others have their turn."""


class Ended(StrEnum):
    """How a turn at one tag ended: over, to be tried again, or so that the next tag would end alike."""

    OVER = "over"
    AGAIN = "again"
    HOPELESS = "hopeless"


# What is true of one tag of a registry and account is true of the others.
_HOPELESS = {RegistryErrorKind.UNAUTHORIZED, RegistryErrorKind.DENIED, RegistryErrorKind.CLOCK}


class Clients:
    """One client for each registry, as long as a turn lasts."""

    def __init__(self) -> None:
        self._open: dict[int, RegistryClient] = {}
        self._stack = ExitStack()

    def of(self, registry: Registry) -> RegistryClient:
        if registry.pk not in self._open:
            self._open[registry.pk] = self._stack.enter_context(open_client(registry))
        return self._open[registry.pk]

    def close(self) -> None:
        self._stack.close()


@contextmanager
def clients() -> Iterator[Clients]:
    """Clients that are closed with the turn."""
    made = Clients()
    try:
        yield made
    finally:
        made.close()


def delete_tags() -> None:
    """Delete what people asked for, one after the other: a registry that hangs holds no more than one process."""
    began, deletion = time.monotonic(), None
    with one_at_a_time("tag-deletions.lock") as mine, clients() as opened:
        while mine and time.monotonic() - began < TURN_S and (deletion := take_deletion()):
            carry_out(deletion, opened)
    if deletion is not None:
        enqueue("builds.delete_tags", expires_s=60)


def carry_out(deletion: TagDeletion, opened: Clients) -> Ended:
    """One deletion that was taken. Dying anywhere leaves it to its next turn, which does the same once more."""
    repository = deletion.repository
    try:
        client = opened.of(repository.registry).within(DELETE_S)
        with publish_lock(repository.pk, wait_s=LOCK_WAIT_S) as lock:
            return _delete(deletion, client, lock)
    except Left as left:
        leave(deletion, str(left))
    except Waits as wait:
        put_back(deletion, str(wait), wait_s=AGAIN_S, counts=False)
        return Ended.AGAIN
    except TimeoutError:
        sentence = "A build is putting its tags, and none goes meanwhile; this comes right after it."
        put_back(deletion, sentence, wait_s=AGAIN_S, counts=False)
        return Ended.AGAIN
    except RegistryError as error:
        return _refused(deletion, error)
    except Exception as error:  # a bug of ours must not leave it open for ever
        log.exception("a tag could not be deleted", deletion=deletion.pk)
        fault = f"Imageyard itself met a fault ({type(error).__name__}) that its log tells more of. Ask again later."
        fail_deletion(deletion, fault)
    return Ended.OVER


def _delete(deletion: TagDeletion, client: RegistryClient, lock: PublishLock) -> Ended:
    """All under the lock."""
    repository = deletion.repository
    try:
        tag = check_deletion(deletion)
    except Left:
        if deletion.turns > 1 and is_where_it_was(deletion):
            give_tag_back(client, repository.registry_path, deletion.tag, deletion.digest, mark=deletion.mark)
        raise
    if tag is None:
        leave(deletion, f"{quoted(deletion.tag)} was gone already.")
        return Ended.OVER
    if not (hold_lease(deletion) and lock.renew()):
        return Ended.OVER  # somebody else has it
    outcome = take_tag_away(
        client,
        repository.registry_path,
        deletion.tag,
        deletion.digest,
        mark=deletion.mark,
        siblings=siblings_of(deletion),
    )
    if outcome.taken is Taken.UNSUPPORTED:
        fail_deletion(deletion, unsupported_words(deletion.tag, repository.registry.host))
        return Ended.HOPELESS
    if outcome.taken is Taken.MOVED:
        # Somebody pushed past Imageyard; the row follows when the registry tells of it.
        raise Left(moved_words(deletion.tag, image_words(None, outcome.found)))
    if not finish_deletion(deletion, lock):
        log.warning("the right to delete a tag was lost", deletion=deletion.pk)
    return Ended.OVER


def _refused(deletion: TagDeletion, error: RegistryError) -> Ended:
    if error.retryable:
        put_back(deletion, error.message, wait_s=AGAIN_S)
        return Ended.AGAIN
    fail_deletion(deletion, f"{error.message} {quoted(deletion.tag)} is still there.")
    return Ended.HOPELESS if error.kind in _HOPELESS else Ended.OVER
