"""The last stage: putting all tags or none, and writing the success down.

It is prepared while the image is exported, and where nothing comes between push and tags they are put as soon as the
image is in the registry: buildx sums up for a while after that, and nobody needs to wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Self

import structlog
from django.db import connection, transaction
from django.utils import timezone

from builds.actions import lifecycle
from builds.actions.overview import show_readme
from builds.actions.runs import renew_lease
from builds.core.errors import BuildError, ErrorKind, Stopped
from builds.core.states import State
from builds.engine.git import Checkout
from builds.models import Build
from builds.pipeline.hooks import Hooks
from builds.pipeline.job import Job
from builds.pipeline.tagmoves import TagMoves
from builds.pipeline.tags import Looked, look_for_tags, verdict_of
from lib.beside import beside
from registry.actions import PublishLock, TagPut, publish_lock
from registry.actions.comparisons import compare_soon
from registry.client import Manifest, RegistryClient, RegistryError, RegistryErrorKind, put_tags
from registry.models import Registry, Tag
from registry.opening import open_client

log = structlog.get_logger(__name__)
# Under the publish lock: better no size than a late end.
SIZE_WAIT_S = 10.0
# Opening the connection ahead of time is a nicety.
OPEN_WAIT_S = 2.0
# The lock itself lasts for 90 s.
RENEW_S = 20.0


def client_for(registry: Registry, job: Job) -> RegistryClient:
    """A client that logs in as the registry's account, and that a stopped run does not keep waiting."""
    return open_client(registry, wait=partial(_wait, job))


def _wait(job: Job, seconds: float) -> None:
    job.stop.wait(seconds)
    job.stop.check()


@dataclass(frozen=True, slots=True)
class _Put:
    """Tags that are out, under a lock that is still held."""

    lock: PublishLock
    manifest: Manifest
    puts: list[TagPut]
    problems: tuple[str, ...]
    since: datetime


class Publisher:
    """The publication of one run. A context manager: it holds the connection to the registry, and the lock to the end.

    As `builds.pipeline.listen.Milestones` it is told how far buildx is.
    """

    def __init__(self, job: Job, checkout: Checkout, hooks: Hooks) -> None:
        self._job = job
        self._checkout = checkout
        self._hooks = hooks
        self._stack = ExitStack()
        self._moves = TagMoves(job, checkout)
        self._client: RegistryClient | None = None
        self._looked: Looked | None = None
        self._put: _Put | None = None
        self._is_publishing = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def is_put(self) -> bool:
        """Whether the tags are out. Only `publish` makes a success of that, whatever the run is told meanwhile."""
        return self._put is not None

    def exporting(self) -> None:
        """The image is done and on its way: what the publication needs beforehand, and what takes its time."""
        if self._looked is not None:
            return
        looked = self._look()
        with suppress(RegistryError):
            self._open().within(OPEN_WAIT_S).ping()
        self._moves.decide(verdict_of(self._job.build, looked).tags)  # Git is asked now, and need not be later

    def pushed(self, digest: str) -> None:
        """The image is in the registry. What the registry refuses is left to `publish`, which tells of it."""
        if self._put is not None:
            return
        try:
            self._begin()
            self._put_tags(digest)
        except (BuildError, RegistryError, TimeoutError) as error:
            log.info("tags are put later", build=self._job.build.pk, reason=str(error))

    def publish(self, *, resumes: bool = False) -> None:
        """Put the pushed image under its tags. After a crash the next attempt comes here again, which is harmless.

        `resumes`: an earlier attempt pushed the image. Raises BuildError for a registry that refuses.
        """
        job, build = self._job, self._job.build
        self._begin()
        self._hooks.before_push()
        if not build.is_pushed:
            _keep_unpushed(job)
            return
        self._look()
        try:
            self._put_and_write_down()
            self._stack.close()  # others of the repository may move tags now
        except RegistryError as error:
            # The image of an earlier attempt is gone: let the next one build it.
            is_lost = error.kind is RegistryErrorKind.NOT_FOUND and resumes
            if error.kind is RegistryErrorKind.NOT_FOUND:
                job.note(publication={}, digest="")
            raise BuildError(ErrorKind.REGISTRY, error.message, retryable=error.retryable or is_lost) from error
        except TimeoutError as error:
            message = "Another build of this repository holds the right to move tags and does not end."
            raise BuildError(ErrorKind.PLATFORM, message, retryable=True) from error

    def _begin(self) -> None:
        if not self._is_publishing:
            self._job.advance(State.PUBLISHING)
            self._is_publishing = True

    def _look(self) -> Looked:
        if self._looked is None:
            self._looked = look_for_tags(self._job)
        return self._looked

    def _open(self) -> RegistryClient:
        if self._client is None:
            self._client = self._stack.enter_context(client_for(self._job.build.repository.registry, self._job))
        return self._client

    def _put_and_write_down(self) -> None:
        """The log is complete before the build says that it is over."""
        build, logbook = self._job.build, self._job.logbook
        with logbook.own_step("Publish", since=self._put.since if self._put else None) as say:
            put = self._put or self._put_tags(build.digest or build.build_tag)
            for tag in put.puts:
                say(f"{build.repository.image}:{tag.name}\n" if tag.moved else f"{tag.sentence}\n")
            for sentence in put.problems:
                say(f"{sentence}\n")
        if self._hooks.has("post_push"):
            with _kept(put.lock):
                self._hooks.after_push()
        size = _size(self._open(), build.repository.registry_path, put.manifest)
        logbook.close()
        with transaction.atomic():
            _hold(put.lock)
            done = lifecycle.succeed(
                self._job.run,
                build,
                put.puts,
                digest=put.manifest.digest,
                media_type=put.manifest.media_type,
                size_bytes=size,
            )
        if not done:
            raise Stopped("lost")
        if any(self._hooks.has(name) for name in ("push", "post_push")):
            compare_soon(build.repository_id)  # what hooks push by themselves nobody tells of
        if all(tag.moved for tag in put.puts):
            show_readme(build, self._checkout.readme)

    def _put_tags(self, reference: str) -> _Put:
        """Under the lock, which is held from then on; where it does not come to that, let go."""
        job, build, since = self._job, self._job.build, timezone.now()
        with ExitStack() as attempt:
            lock = attempt.enter_context(publish_lock(build.repository_id, wait=partial(_wait, job)))
            manifest = self._open().manifest(build.repository.registry_path, reference)
            verdict = verdict_of(build, self._look())
            # `hooks/push` has put what it wanted; the build tag is there all the same.
            puts = self._moves.decide(
                () if self._hooks.has("push") else verdict.tags,
                digest=manifest.digest,
                points_at=partial(self._open().head, build.repository.registry_path),
            )
            _check_fence(job)
            _hold(lock)
            _put(job, self._open(), manifest, puts)
            self._stack.push(attempt.pop_all())
        self._put = _Put(lock, manifest, puts, verdict.problems, since)
        return self._put


def _keep_unpushed(job: Job) -> None:
    """The end of a stranger's build: it builds, and that is all the world sees of it."""
    with job.logbook.own_step("Publish") as say:
        say("Not pushed: the code is of a pull request that nobody of this repository has taken over.\n")
        _check_fence(job)
    job.logbook.close()
    if not lifecycle.succeed(job.run, job.build, [], digest="", media_type="", size_bytes=None):
        raise Stopped("lost")


@contextmanager
def _kept(lock: PublishLock) -> Iterator[None]:
    """Renew the lock from a thread as long as the block lasts, which may be longer than the lock does."""

    def renew(over: threading.Event) -> None:
        try:
            while not over.wait(RENEW_S) and lock.renew():
                pass
        finally:
            connection.close()

    with beside(renew, name="publish-lock"):
        yield


def _hold(lock: PublishLock) -> None:
    if not lock.renew():
        message = "Another build of this repository took over the right to move tags, because this one took so long."
        raise BuildError(ErrorKind.PLATFORM, message, retryable=True)


def _put(job: Job, client: RegistryClient, manifest: Manifest, puts: list[TagPut]) -> None:
    build = job.build
    moving = [put.name for put in puts if put.moved and put.name != build.build_tag]
    # From here on only another attempt can make it all or none, should this worker die.
    job.note(digest=manifest.digest, publication={"digest": manifest.digest, "tags": moving})
    try:
        outcome = put_tags(client, build.repository.registry_path, manifest, moving, _previous(build, moving))
    except Stopped:
        job.note(publication={"digest": manifest.digest})
        raise
    if outcome.error is not None:
        job.note(publication={"digest": manifest.digest, **({"tags": list(outcome.stuck)} if outcome.stuck else {})})
        retryable = isinstance(outcome.error, RegistryError) and outcome.error.retryable
        raise BuildError(ErrorKind.REGISTRY, outcome.sentence, retryable=retryable)


def _check_fence(job: Job) -> None:
    """The last look before the world sees the tags: a run that lost its lease, or was cancelled, puts none."""
    lease = renew_lease(job.run)
    if not lease.held:
        raise Stopped("lost")
    if lease.cancel_requested:
        raise Stopped("cancelled")
    job.stop.check()


def _previous(build: Build, names: list[str]) -> dict[str, str | None]:
    known = dict(Tag.objects.filter(repository=build.repository, name__in=names).values_list("name", "digest"))
    return {name: known.get(name) for name in names}


def _size(client: RegistryClient, path: str, manifest: Manifest) -> int | None:
    try:
        return client.within(SIZE_WAIT_S).image_facts(path, manifest.digest).size_bytes
    except RegistryError:
        return None  # the image is there and so are its tags; its size is a nicety
