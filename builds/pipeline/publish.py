"""The last stage: which tags may move, putting them all or none, and writing the success down."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from django.db import connection, transaction

from builds.actions import lifecycle
from builds.actions.overview import show_readme
from builds.actions.runs import renew_lease
from builds.core.errors import BuildError, ErrorKind, Stopped
from builds.core.moves import Candidate, Holder, Relation, decide_move
from builds.core.plan import PlannedTag
from builds.engine.git import Checkout
from builds.models import Build
from builds.pipeline.checkout import commit_relation
from builds.pipeline.hooks import Hooks
from builds.pipeline.job import Job
from builds.pipeline.tags import Looked, look_for_tags, verdict_of
from registry.actions import PublishLock, TagPut, publish_lock
from registry.client import Manifest, RegistryClient, RegistryError, RegistryErrorKind, put_tags
from registry.models import Registry, Tag

# Under the publish lock: better no size than a late end.
SIZE_WAIT_S = 10.0
# The lock itself lasts for 90 s.
RENEW_S = 20.0


def open_client(registry: Registry, job: Job) -> RegistryClient:
    """A client that logs in as the registry's account, and that a stopped run does not keep waiting."""
    return RegistryClient(
        registry.host, registry.scheme, registry.username, registry.password, wait=partial(_wait, job)
    )


def _wait(job: Job, seconds: float) -> None:
    job.stop.wait(seconds)
    job.stop.check()


def publish(job: Job, checkout: Checkout, hooks: Hooks, *, resumes: bool = False) -> None:
    """Put the pushed image under its tags. After a crash the next attempt comes here again, which is harmless.

    `resumes`: an earlier attempt pushed the image. Raises BuildError for a registry that refuses.
    """
    build = job.build
    if not build.is_pushed:
        _keep_unpushed(job)
        return
    looked = look_for_tags(job)
    with open_client(build.repository.registry, job) as client:
        try:
            with publish_lock(build.repository_id, wait=partial(_wait, job)) as lock:
                _publish(job, checkout, hooks, client, lock, looked)
        except RegistryError as error:
            # The image of an earlier attempt is gone: let the next one build it.
            is_lost = error.kind is RegistryErrorKind.NOT_FOUND and resumes
            if error.kind is RegistryErrorKind.NOT_FOUND:
                job.note(publication={}, digest="")
            raise BuildError(ErrorKind.REGISTRY, error.message, retryable=error.retryable or is_lost) from error
        except TimeoutError as error:
            message = "Another build of this repository holds the right to move tags and does not end."
            raise BuildError(ErrorKind.PLATFORM, message, retryable=True) from error


def _keep_unpushed(job: Job) -> None:
    """The end of a stranger's build: it builds, and that is all the world sees of it."""
    with job.logbook.own_step("Publish") as say:
        say("Not pushed: the code is of a pull request that nobody of this repository has taken over.\n")
        _check_fence(job)
    job.logbook.close()
    if not lifecycle.succeed(job.run, job.build, [], digest="", media_type="", size_bytes=None):
        raise Stopped("lost")


def _publish(
    job: Job, checkout: Checkout, hooks: Hooks, client: RegistryClient, lock: PublishLock, looked: Looked
) -> None:
    """Under the lock: put, then write down. The log is complete before the build says that it is over."""
    build = job.build
    path = build.repository.path
    with job.logbook.own_step("Publish") as say:
        manifest = client.manifest(path, build.digest or build.build_tag)
        job.note(digest=manifest.digest, publication={"digest": manifest.digest})
        verdict = verdict_of(build, looked)
        # `hooks/push` has put what it wanted; the build tag is there all the same.
        puts = decide(job, checkout, () if hooks.has("push") else verdict.tags)
        _check_fence(job)
        _hold(lock)
        _put(job, client, manifest, puts)
        for put in puts:
            say(f"{build.repository.image}:{put.name}\n" if put.moved else f"{put.sentence}\n")
        for sentence in verdict.problems:
            say(f"{sentence}\n")
    if hooks.has("post_push"):
        with _kept(lock):
            hooks.after_push()
    size = _size(client, path, manifest)
    job.logbook.close()
    with transaction.atomic():
        _hold(lock)
        done = lifecycle.succeed(
            job.run, build, puts, digest=manifest.digest, media_type=manifest.media_type, size_bytes=size
        )
    if not done:
        raise Stopped("lost")
    if all(put.moved for put in puts):
        show_readme(build, checkout.readme)


@contextmanager
def _kept(lock: PublishLock) -> Iterator[None]:
    """Renew the lock from a thread as long as the block lasts, which may be longer than the lock does."""
    over = threading.Event()

    def renew() -> None:
        try:
            while not over.wait(RENEW_S) and lock.renew():
                pass
        finally:
            connection.close()

    thread = threading.Thread(target=renew, name="publish-lock", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _hold(lock: PublishLock) -> None:
    if not lock.renew():
        message = "Another build of this repository took over the right to move tags, because this one took so long."
        raise BuildError(ErrorKind.PLATFORM, message, retryable=True)


def _put(job: Job, client: RegistryClient, manifest: Manifest, puts: list[TagPut]) -> None:
    build = job.build
    moving = [put.name for put in puts if put.moved and put.name != build.build_tag]
    # From here on only another attempt can make it all or none, should this worker die.
    job.note(publication={"digest": manifest.digest, "tags": moving})
    try:
        outcome = put_tags(client, build.repository.path, manifest, moving, _previous(build, moving))
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


def decide(job: Job, checkout: Checkout, tags: tuple[PlannedTag, ...]) -> list[TagPut]:
    """For each tag whether this build may have it: a floating tag never goes back."""
    build = job.build
    candidate = Candidate(build.number, build.commit, build.ref_type, build.ref, forced=build.forced)  # type: ignore[arg-type]
    puts = [TagPut(build.build_tag, moved=True, sentence="The build tag, which never moves.")]
    holders = _holders(build, [tag.name for tag in tags])
    relations: dict[str, Relation] = {}
    for tag in tags:
        holder = holders.get(tag.name)
        relation: Relation = "unknown"
        if holder is not None:
            if holder.commit not in relations:
                relations[holder.commit] = commit_relation(job, checkout.commit, holder.commit)
            relation = relations[holder.commit]
        move = decide_move(holder, candidate, relation, tag=tag.name)
        puts.append(TagPut(tag.name, move.moves, move.sentence))
    return puts


def _holders(build: Build, names: list[str]) -> dict[str, Holder]:
    """The builds that have the tags now. A tag that was pushed by hand has no holder and may be taken."""
    tags = Tag.objects.filter(repository=build.repository, name__in=names).exclude(build_number=None)
    numbers = {tag.name: tag.build_number for tag in tags if tag.build_number is not None}
    builds = Build.objects.filter(repository=build.repository, number__in=numbers.values())
    by_number = {b.number: Holder(b.number, b.commit, b.ref_type, b.ref, forced=b.forced) for b in builds}  # type: ignore[arg-type]
    return {name: by_number[number] for name, number in numbers.items() if number in by_number}


def _previous(build: Build, names: list[str]) -> dict[str, str | None]:
    known = dict(Tag.objects.filter(repository=build.repository, name__in=names).values_list("name", "digest"))
    return {name: known.get(name) for name in names}


def _size(client: RegistryClient, path: str, manifest: Manifest) -> int | None:
    try:
        return client.within(SIZE_WAIT_S).image_facts(path, manifest.digest).size_bytes
    except RegistryError:
        return None  # the image is there and so are its tags; its size is a nicety
