"""What happens to repositories: made, described, deleted, locked for a publication, and their tags moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic, sleep

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F, ProtectedError, Q
from django.utils import timezone

from accounts import audit
from accounts.access import has_role, role_of
from accounts.models import NAMESPACE_NAME, Membership, Namespace, Role, User
from lib.clock import database_now
from lib.crypto import new_secret, sign_sha256
from lib.refusal import Refused
from registry.core.readme import first_sentence
from registry.models import REPOSITORY_NAME, Registry, Repository, Tag, TagMove

LOCK_FOR = timedelta(seconds=90)


def default_registry() -> Registry:
    """The registry that images go to unless told otherwise; made from the environment at first use."""
    found = Registry.objects.filter(is_default=True).first()
    if found is not None and found.host == settings.REGISTRY_HOST:
        return found
    registry, _ = Registry.objects.get_or_create(
        host=settings.REGISTRY_HOST, defaults={"name": settings.REGISTRY_HOST, "scheme": settings.REGISTRY_SCHEME}
    )
    with transaction.atomic():
        list(Registry.objects.select_for_update().order_by("pk"))  # two processes at their first start
        Registry.objects.filter(is_default=True).exclude(pk=registry.pk).update(is_default=False)
        Registry.objects.filter(pk=registry.pk).update(is_default=True, scheme=settings.REGISTRY_SCHEME)
    registry.refresh_from_db()
    return registry


def create_repository(
    actor: User, namespace: str, name: str, *, description: str = "", visibility: str = "private"
) -> Repository:
    """A new image repository. An administrator's call makes the namespace too where it is new.

    Raises Refused: a name that no registry takes, a namespace that is not the actor's, a name that is taken.
    """
    _check_names(namespace, name, visibility)
    with transaction.atomic():
        space = _namespace_for(actor, namespace)
        if Repository.objects.filter(namespace=space, name=name).exists():
            raise Refused(f"{namespace}/{name} is there already. Choose another name.", code="conflict")
        try:
            with transaction.atomic():
                repository = Repository.objects.create(
                    namespace=space,
                    name=name,
                    description=description[:200],
                    visibility=visibility,
                    registry=default_registry(),
                )
        except IntegrityError as error:
            raise Refused(f"{namespace}/{name} is there already. Choose another name.", code="conflict") from error
        audit.record(actor, "repository.create", repository)
    return repository


def _check_names(namespace: str, name: str, visibility: str) -> None:
    for validator, value in ((NAMESPACE_NAME, namespace), (REPOSITORY_NAME, name)):
        try:
            validator(value)
        except ValidationError as error:
            raise Refused(f"“{value[:64]}” cannot stand in an image name. {error.message}") from error
    if len(namespace) > 64 or len(name) > 128:  # noqa: PLR2004
        raise Refused("A namespace has at most 64 characters and a repository name at most 128.")
    if visibility not in Repository.Visibility.values:
        raise Refused(f"Visibility is private or public, not “{visibility}”.")


def _namespace_for(actor: User, name: str) -> Namespace:
    space = Namespace.objects.filter(name=name).first()
    if space is None or role_of(actor, space) is None:
        # A stranger is told the same of a namespace that is there and of one that is not.
        own = space is None and actor.username.lower() == name
        if not (actor.is_superuser or own):
            raise Refused(
                f"There is no namespace {name}, or you are not a member. Ask an administrator to add you.",
                code="not_found",
            )
        kind = Namespace.Kind.USER if own else Namespace.Kind.ORGANIZATION
        space, made = Namespace.objects.get_or_create(name=name, defaults={"kind": kind})
        if made:
            Membership.objects.create(namespace=space, user=actor, role=Role.OWNER)
            audit.record(actor, "namespace.create", space)
    if not has_role(actor, space, Role.WRITE):
        raise Refused(f"You need the write role in {name} to make repositories there.", code="forbidden")
    return space


def update_repository(actor: User, repository: Repository, *, description: str, visibility: str) -> None:
    """Change what the repository says of itself. Raises Refused for an unknown visibility."""
    if visibility not in Repository.Visibility.values:
        raise Refused(f"Visibility is private or public, not “{visibility}”.")
    with transaction.atomic():
        Repository.objects.filter(pk=repository.pk).update(description=description[:200], visibility=visibility)
        audit.record(actor, "repository.update", repository, f"visibility {visibility}")


def set_overview(actor: User, repository: Repository, *, shows_readme: bool, syncs_description: bool) -> None:
    """Whether the README is shown, and whether the description follows it."""
    with transaction.atomic():
        changed = {"shows_readme": shows_readme, "syncs_description": syncs_description}
        Repository.objects.filter(pk=repository.pk).update(**changed)
        audit.record(actor, "repository.overview", repository, ", ".join(name for name, on in changed.items() if on))


def take_readme(repository: Repository, markdown: str) -> None:
    """The README that came with a build, and with it the description where the repository wants that."""
    Repository.objects.filter(pk=repository.pk).update(readme=markdown)
    if sentence := first_sentence(markdown):
        Repository.objects.filter(pk=repository.pk, syncs_description=True).update(description=sentence)


def renew_badge_token(actor: User, repository: Repository) -> None:
    """Badge addresses of a private repository that were given away stop working."""
    with transaction.atomic():
        Repository.objects.filter(pk=repository.pk).update(badge_revision=F("badge_revision") + 1)
        audit.record(actor, "repository.badges", repository)


def badge_token(repository: Repository) -> str:
    """What stands in the badge addresses of a private repository. It opens the badges and nothing else."""
    words = f"badge of {repository.pk}, {repository.badge_revision}".encode()
    return sign_sha256(settings.SECRET_KEY.encode(), words)[:32]


def delete_repository(actor: User, repository: Repository) -> None:
    """Remove the repository with its rules, builds and logs. Images stay in the registry."""
    with transaction.atomic():
        audit.record(actor, "repository.delete", repository)
        try:
            repository.delete()
        except ProtectedError as error:
            raise Refused(f"{repository} is still in use and was not deleted.", code="conflict") from error


@dataclass(frozen=True, slots=True)
class PublishLock:
    """The right to move tags of one repository, as long as `renew` says so."""

    repository_id: int
    key: str

    def renew(self) -> bool:
        """Hold it for 90 s from now; False where it ran out and somebody else took it.

        Within a transaction nobody else can take it before that ends.
        """
        rows = Repository.objects.filter(pk=self.repository_id, publish_lock=self.key)
        return bool(rows.update(publish_lock_until=database_now() + LOCK_FOR))


@contextmanager
def publish_lock(
    repository_id: int, *, wait_s: float = 60.0, wait: Callable[[float], None] = sleep
) -> Iterator[PublishLock]:
    """Hold the right to move tags of one repository, across all workers.

    Taken by conditional update; a holder that died lets go after 90 s. `wait` sleeps between looks and may raise to
    stop them. Raises TimeoutError after `wait_s`.
    """
    key = new_secret(16)
    give_up = monotonic() + wait_s
    rows = Repository.objects.filter(pk=repository_id)
    while True:
        now = database_now()
        free = rows.filter(Q(publish_lock="") | Q(publish_lock_until__lt=now))
        if free.update(publish_lock=key, publish_lock_until=now + LOCK_FOR):
            break
        if monotonic() > give_up:
            raise TimeoutError("another publication to this repository does not end")
        wait(0.1)
    try:
        yield PublishLock(repository_id, key)
    finally:
        rows.filter(publish_lock=key).update(publish_lock="", publish_lock_until=None)


@dataclass(frozen=True, slots=True)
class TagPut:
    """One tag of a publication: put (`moved`) or left where it was, and why."""

    name: str
    moved: bool
    sentence: str


def record_tags(
    repository: Repository,
    puts: Sequence[TagPut],
    *,
    digest: str,
    media_type: str,
    size_bytes: int | None,
    build_number: int | None,
    kind: str = TagMove.Kind.BUILD,
    by: str = "",
) -> None:
    """Write down where the tags point now, and the history. Inside the caller's transaction; again is harmless.

    `kind` and `by` say who moved them: a build, or the person who rolled back or promoted.
    """
    now = timezone.now()
    before = {tag.name: tag for tag in Tag.objects.filter(repository=repository, name__in=[put.name for put in puts])}
    for put in puts:
        old = before.get(put.name)
        if put.moved and old is not None and old.digest == digest and old.build_number == build_number:
            continue
        TagMove.objects.create(
            repository=repository,
            tag=put.name,
            at=now,
            from_digest=old.digest if old else "",
            to_digest=digest,
            build_number=build_number,
            moved=put.moved,
            sentence=put.sentence[:300],
            kind=kind,
            by=by,
        )
        if put.moved:
            Tag.objects.update_or_create(
                repository=repository,
                name=put.name,
                defaults={
                    "digest": digest,
                    "media_type": media_type,
                    "size_bytes": size_bytes,
                    "build_number": build_number,
                    "pushed_at": now,
                },
            )
