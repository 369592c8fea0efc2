"""What happens to repositories: made, changed, deleted."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from accounts import audit
from accounts.access import has_role, role_of
from accounts.actions import make_namespace
from accounts.models import NAMESPACE_NAME, Namespace, Role, User
from lib.refusal import Refused
from registry.actions.registries import default_registry
from registry.models import REPOSITORY_NAME, Repository


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
        space = make_namespace(actor, name)
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


def delete_repository(actor: User, repository: Repository) -> None:
    """Remove the repository with its rules, builds and logs. Images stay in the registry."""
    with transaction.atomic():
        audit.record(actor, "repository.delete", repository)
        try:
            repository.delete()
        except ProtectedError as error:
            raise Refused(f"{repository} is still in use and was not deleted.", code="conflict") from error
