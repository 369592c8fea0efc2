"""Holding the tags that are known against what the registry has, repository by repository, and mending what differs.

What a look finds is only a reason to look again: under the publish lock each difference is asked for once more, and
only what the registry says then is written. A registry that fails, or answers in part, removes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import structlog

from registry.actions.comparisons import (
    due_of,
    end_comparison,
    end_turn,
    every,
    fail_comparison,
    go_on_later,
    keep_watch,
    storage_folder,
    take_watch,
)
from registry.actions.locks import publish_lock
from registry.actions.looks import Found, note_found
from registry.client import RegistryClient, RegistryError
from registry.core.errors import RegistryErrorKind
from registry.core.patience import Patience
from registry.core.tag_key import BUILD, tag_key
from registry.errands.truth import Truth, heads, storage_of, truth_by_asking, truth_on_disk, unknown_on_disk
from registry.models import Registry, RegistryWatch, Repository, Tag, TagComparison
from registry.opening import open_client
from registry.storage.layout import Storage

log = structlog.get_logger(__name__)
TURN_S = 60.0
MOST_ASKED = 2000
"""Requests in one turn at a registry; the rest of the tags has its turn after the other repositories."""
AT_ONCE = 100
"""Tags that are mended under one hold of the publish lock: builds come in between."""
LOCK_WAIT_S = 15.0
PATIENCE = Patience(attempts=2, total_s=10.0)
_WITNESSES = 5


def compare_tags() -> None:
    """Take one registry after the other as long as the turn lasts; what is left is due and rung for."""
    give_up = time.monotonic() + TURN_S
    while time.monotonic() < give_up and (watch := take_watch()) is not None:
        _Turn(watch, give_up).run()


class _Turn:
    """One turn at one registry."""

    def __init__(self, watch: RegistryWatch, give_up: float) -> None:
        self._watch = watch
        self._registry: Registry = watch.registry
        self._give_up = give_up
        self._asked = 0
        self._storage: Storage | None = None
        self._is_sane: bool | None = None

    def run(self) -> None:
        sentence, unknown = "", None
        try:
            self._storage = storage_of(self._registry, storage_folder(self._registry))
            with open_client(self._registry, patience=PATIENCE) as client:
                self._compare_what_is_due(client)
            unknown = self._unknown()
        except RegistryError as error:
            sentence = error.message
        except Exception as error:  # a bug of ours must not keep other registries from their turn
            log.exception("tags could not be compared", registry=self._registry.host)
            sentence = f"Imageyard itself met a fault ({type(error).__name__}) that its log tells more of."
        end_turn(
            self._watch,
            is_by_disk=self._storage is not None,
            sentence=sentence,
            unknown=unknown,
            has_asked_enough=self._asked >= MOST_ASKED,
        )

    def _compare_what_is_due(self, client: RegistryClient) -> None:
        while time.monotonic() < self._give_up and self._asked < MOST_ASKED and keep_watch(self._watch):
            row = due_of(self._registry)
            if row is None:
                return
            try:
                self._compare(row, client)
            except TimeoutError:
                fail_comparison(row, "A build was putting its tags all the while.")
            except RegistryError as error:
                fail_comparison(row, error.message)
                if error.kind in (
                    RegistryErrorKind.NETWORK,
                    RegistryErrorKind.UNAVAILABLE,
                    RegistryErrorKind.RATE_LIMIT,
                ):
                    raise  # the next repository would wait for the same answer

    def _compare(self, row: TagComparison, client: RegistryClient) -> None:
        repository = row.repository
        known = dict(Tag.objects.filter(repository=repository).values_list("name", "digest"))
        truth = self._look(repository, known, client, row.cursor)
        self._asked += truth.asked
        differ = {tag: known.get(tag, "") for tag in sorted(truth.looked) if _differs(tag, known, truth)}
        sentence = ""
        if known and not truth.digests and not row.cursor and not truth.rest and not self._may_empty(row, client):
            sentence = (
                f"The registry has none of the {len(known)} tags that are known here. That looks more like another or "
                "an empty storage than like as many deletions, so none was removed."
            )
            differ = {}
        mended = self._mend(repository, differ, client)
        if truth.rest:
            go_on_later(row, truth.rest, tags=len(truth.looked), mended=mended)
        else:
            end_comparison(row, tags=len(truth.looked), mended=mended, every=every(self._registry), sentence=sentence)

    def _look(self, repository: Repository, known: Mapping[str, str], client: RegistryClient, behind: str) -> Truth:
        path = repository.registry_path
        if self._storage is not None:
            return truth_on_disk(self._storage, path, known)
        return truth_by_asking(client, path, known, behind=behind, most=max(1, MOST_ASKED - self._asked))

    def _may_empty(self, row: TagComparison, client: RegistryClient) -> bool:
        """Whether to believe that a repository has lost all its tags at once.

        Of others' registries never without a person: an account that may not see them is told the same. The own one is
        believed where it still has a tag of another repository.
        """
        if row.may_empty:
            return True
        if not self._registry.is_own:
            return False
        if self._is_sane is None:
            others = Tag.objects.filter(repository__registry=self._registry).exclude(repository=row.repository)
            others = others.select_related("repository__namespace").order_by("-pushed_at")[:_WITNESSES]
            self._is_sane = any(client.head(tag.repository.registry_path, tag.name) for tag in others)
        return self._is_sane

    def _mend(self, repository: Repository, differ: Mapping[str, str], client: RegistryClient) -> int:
        """How many were mended. A hundred under each hold of the lock, which a build may want."""
        mended, tags = 0, list(differ)
        for first in range(0, len(tags), AT_ONCE):
            some = tags[first : first + AT_ONCE]
            with publish_lock(repository.pk, wait_s=LOCK_WAIT_S) as lock:
                found = heads(client, repository.registry_path, some, {})
                for tag in some:
                    mended += note_found(repository, tag, differ[tag], Found(found[tag]), lock)
            self._asked += len(some)
            if not keep_watch(self._watch):
                break
        return mended

    def _unknown(self) -> list[str] | None:
        if self._storage is None:
            return None
        rows = Repository.objects.filter(registry=self._registry).select_related("namespace")
        return unknown_on_disk(self._storage, {row.registry_path for row in rows})


def _differs(tag: str, known: Mapping[str, str], truth: Truth) -> bool:
    """A build's own tag that is not known belongs to a build that is not over, or that failed: builds write theirs."""
    if tag not in known and tag_key(tag).startswith(BUILD):
        return False
    return known.get(tag, "") != truth.digests.get(tag, "")
