"""What people ask of tags: rolled back, put on another image, promoted from another repository, held, released.

One order at a time for each tag. A worker carries it out (`builds.actions.tag_turns`); whether it may be is looked at
when it is asked and once more under the publish lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts import audit
from accounts.models import User
from builds import live
from builds.actions.fixed_tags import fixed_tags_of
from builds.actions.origins import order_origin, origin_of, tag_place
from builds.core.refnames import quoted
from builds.core.states import State
from builds.core.tag_words import fixed_words, image_words, overtaken_words
from builds.core.tags import is_reserved, why_illegal
from builds.models import Build, TagOrder
from lib.clock import database_now
from lib.queue import enqueue
from lib.refusal import Refused
from registry.actions.quotas import push_refusal
from registry.core.origin import Origin
from registry.core.reference import is_valid_tag
from registry.models import Repository, Tag, TagMove

OPEN = (TagOrder.State.ASKED, TagOrder.State.DOING)


@dataclass(frozen=True, slots=True)
class Target:
    """An image that the registry had: its digest, and the build that made it, where one did.

    `origin` is where it came from, if that is another repository. `source` is that repository, where the image has to
    be copied from it before a tag can be put.
    """

    digest: str
    build_number: int | None = None
    origin: Origin | None = None
    source: Repository | None = None

    @property
    def words(self) -> str:
        return image_words(self.build_number, self.digest, self.origin)


def find_target(repository: Repository, *, build: int | None = None, digest: str = "") -> Target:
    """The image of a build that succeeded, or one that a tag of this repository had. Raises Refused for any other."""
    if build is not None:
        row = Build.objects.filter(repository=repository, number=min(build, 2**31 - 1)).only("state", "digest").first()
        if row is None:
            raise Refused(f"{repository.path} has no build #{build}.", code="not_found")
        if row.state != State.SUCCEEDED or not row.digest:
            raise Refused(f"Build #{build} has no image in the registry, so no tag can be put on it.")
        return Target(row.digest, build)
    maker = Build.objects.filter(repository=repository, digest=digest, state=State.SUCCEEDED).order_by("-number")
    number = maker.values_list("number", flat=True).first()
    if number is None and not _had(repository).filter(Q(to_digest=digest) | Q(from_digest=digest)).exists():
        raise Refused(
            f"No tag of {repository.path} ever pointed to `{digest[:80]}`, and no build made it. "
            "Take a digest from the history of a tag.",
            code="not_found",
        )
    return Target(digest, number, None if number else origin_of(repository.pk, digest))


def find_elsewhere(repository: Repository, source: Repository, *, build: int | None = None, digest: str = "") -> Target:
    """The same of `source`, another repository, for a tag of `repository`. Raises Refused."""
    found = find_target(source, build=build, digest=digest)
    if source.pk == repository.pk:
        return found
    return Target(found.digest, None, Origin(source.path, found.build_number, source.pk), source)


def _had(repository: Repository) -> Any:
    return TagMove.objects.filter(repository=repository, moved=True)


def deleted_from(repository: Repository, name: str) -> str:
    """Where a tag pointed that was deleted: it can be put back there. "" where it was not, or is there again."""
    last = _had(repository).filter(tag=name).first()
    return last.from_digest if last is not None and not last.to_digest else ""


def check_tag(repository: Repository, name: str, target: Target) -> Tag | None:
    """Where the tag points now. Raises Refused where nobody may put it on `target`."""
    if not is_valid_tag(name):
        raise Refused(f"{quoted(name)} cannot be a tag: {why_illegal(name)}.")
    tag = Tag.objects.filter(repository=repository, name=name).first()
    if is_reserved(name) and (tag is not None or deleted_from(repository, name) != target.digest):
        raise Refused(f"{quoted(name)} is the tag of a build, and those never move. Choose another tag.")
    pattern = fixed_tags_of(repository.pk).pattern_of(name)
    if pattern and tag is not None and tag.digest != target.digest:
        raise Refused(fixed_words(name, pattern, tag_place(tag)), code="conflict")
    return tag


def ask_tag(
    actor: User,
    repository: Repository,
    name: str,
    target: Target,
    *,
    hold: bool | None = None,
    seen: str | None = None,
    with_referrers: bool = True,
) -> TagOrder:
    """Have a tag put on an image. `hold`: afterwards held, released, or (None) as it was.

    `seen` is the digest that the tag had when the person looked. Asking the same again gives the order that is open.
    An image of another repository is copied first, `with_referrers` with its signatures and the like.
    Raises Refused: a tag that never moves, one that moved meanwhile, one that somebody else is moving.
    """
    tag = check_tag(repository, name, target)
    if target.source is not None and (full := push_refusal(repository)):
        raise Refused(full, code="conflict")
    now = tag.digest if tag else ""
    if seen is not None and seen != now:
        raise Refused(overtaken_words(name, tag_place(tag) or "nothing", target.words), code="conflict")
    is_back = (
        target.source is None
        and _had(repository).filter(Q(to_digest=target.digest) | Q(from_digest=target.digest), tag=name).exists()
    )
    try:
        with transaction.atomic():
            order = TagOrder.objects.create(
                repository=repository,
                tag=name,
                digest=target.digest,
                build_number=target.build_number,
                from_digest=now,
                from_build=tag.build_number if tag else None,
                source=target.source,
                source_path=target.source.path if target.source else "",
                source_build=target.origin.build_number if target.source and target.origin else None,
                with_referrers=with_referrers,
                kind=TagMove.Kind.ROLLBACK if is_back else TagMove.Kind.PROMOTE,
                hold=hold,
                by=actor.username,
                not_before=database_now(),
            )
            before = tag_place(tag) or "nothing"
            held = {True: ", held", False: ", released"}.get(hold, "")  # type: ignore[arg-type]
            audit.record(actor, f"tag.{order.kind}", repository, f"{name}: {before} → {target.words}{held}")
            ring(is_copy=order.is_copy)
            wake_after(order)
    except IntegrityError:
        return _open_one(repository, name, target, hold)
    return order


def _open_one(repository: Repository, name: str, target: Target, hold: bool | None) -> TagOrder:
    """The order that is in the way: the same one, or somebody else's."""
    order = TagOrder.objects.filter(repository=repository, tag=name, state__in=OPEN).first()
    path = target.source.path if target.source else ""
    if order is not None and (order.digest, order.hold, order.source_path) == (target.digest, hold, path):
        return order
    if order is None:  # it ended between the two looks
        raise Refused(f"{quoted(name)} was moved at this moment. Look where it points, and ask again.", code="conflict")
    at = image_words(order.build_number, order.digest, order_origin(order))
    raise Refused(
        f"{order.by} is moving {quoted(name)} to {at} at this moment. Wait until it is done.", code="conflict"
    )


def release_tag(actor: User, repository: Repository, name: str) -> None:
    """Let builds move the tag again. Raises Refused where nobody holds it."""
    rows = Tag.objects.filter(repository=repository, name=name).exclude(held_since=None)
    with transaction.atomic():
        if not rows.update(held_by="", held_since=None):
            raise Refused(f"{quoted(name)} is not held; builds move it.", code="conflict")
        audit.record(actor, "tag.release", repository, name)
        transaction.on_commit(lambda: live.wake(f"repository:{repository.pk}"))


def ring(*, is_copy: bool) -> None:
    """Have a worker look at what is asked."""
    enqueue("builds.copy_images" if is_copy else "builds.move_tags", expires_s=60)


def topic(order: TagOrder) -> str:
    """Which pages follow it."""
    return f"repository:{order.repository_id}"


def wake_after(order: TagOrder) -> None:
    """Wake them once the transaction is over."""
    transaction.on_commit(lambda: live.wake(topic(order)))
