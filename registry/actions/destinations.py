"""Where the images of a repository go: its main registry, and any number of further ones."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts import audit
from accounts.models import User
from lib.refusal import Refused
from registry.core.kinds import Kind, path_problem
from registry.models import Destination, Registry, Repository

MOST = 10
"""Further registries of one repository."""
_PARTS = 2


def set_main_registry(actor: User, repository: Repository, registry: Registry, remote_path: str = "") -> None:
    """Let images go to `registry` from the next build on; those that are there stay where they are. Raises Refused."""
    _check_usable(repository, registry)
    path = _path(actor, repository, registry, remote_path)
    with transaction.atomic():
        Registry.objects.select_for_update().filter(pk=registry.pk).first()
        if repository.destinations.filter(registry__host=registry.host).exists():
            raise Refused(f"{registry.host} is among the further registries. Remove it there first.", code="conflict")
        _check_free(repository, registry, path)
        kept = "" if path == repository.path else path
        Repository.objects.filter(pk=repository.pk).update(registry=registry, remote_path=kept)
        audit.record(actor, "repository.registry", repository, f"{registry.host}/{path}")
    repository.registry, repository.remote_path = registry, kept


def save_destination(
    actor: User,
    repository: Repository,
    registry: Registry,
    remote_path: str = "",
    *,
    is_on: bool = True,
    destination: Destination | None = None,
) -> Destination:
    """Add a further registry, or change one. `remote_path` of "": as the registry maps names. Raises Refused."""
    _check_usable(repository, registry)
    if destination is None and repository.destinations.count() >= MOST:
        raise Refused(f"A repository is copied to at most {MOST} registries.")
    kept = destination.remote_path if destination else ""
    path = kept if kept and remote_path.strip() in ("", kept) else _path(actor, repository, registry, remote_path)
    row = destination or Destination(repository=repository, registry=registry)
    row.remote_path, row.is_on = path, is_on
    try:
        with transaction.atomic():
            Registry.objects.select_for_update().filter(pk=registry.pk).first()
            if registry.host == repository.registry.host:
                raise Refused(f"The images are at {registry.host} already: it is the main registry.", code="conflict")
            _check_free(repository, registry, path, but=row.pk)
            row.save()
            audit.record(actor, "destination.save", repository, f"{row.image}, {'on' if is_on else 'off'}")
    except IntegrityError as error:
        raise Refused(f"Images are copied to {registry.host} already. Change that one.", code="conflict") from error
    return row


def remove_destination(actor: User, destination: Destination) -> None:
    """Copy nothing there any more. What is there stays there."""
    with transaction.atomic():
        audit.record(actor, "destination.delete", destination.repository, destination.image)
        Destination.objects.filter(pk=destination.pk).delete()


def _check_usable(repository: Repository, registry: Registry) -> None:
    if not Registry.objects.usable_in(repository.namespace).filter(pk=registry.pk).exists():
        raise Refused(f"{repository.namespace.name} has no such registry.", code="not_found")


def may_choose_path(actor: User, repository: Repository, registry: Registry) -> bool:
    """Whose account it is says where it writes: superusers for everybody's, the namespace for its own."""
    if registry.is_own:
        return False
    return actor.is_superuser or registry.namespace_id == repository.namespace_id


def _path(actor: User, repository: Repository, registry: Registry, wanted: str) -> str:
    mapped = registry.path_for(repository.namespace.name, repository.name)
    path = wanted.strip().strip("/") or mapped
    if registry.is_own and path != repository.path:
        raise Refused(f"In Imageyard's own registry it is {repository.path}.")
    if path != mapped and not may_choose_path(actor, repository, registry):
        raise Refused(
            f"In {registry.host} it is `{mapped}`: whoever keeps that registry says where images go, since its account "
            "may write more than this.",
            code="forbidden",
        )
    if wrong := path_problem(Kind(registry.kind), path):
        raise Refused(wrong)
    return path


def _check_free(repository: Repository, registry: Registry, path: str, *, but: int | None = None) -> None:
    """Two repositories in one place would take each other's tags."""
    space, _, name = path.partition("/")
    by_name = Q(remote_path="", namespace__name=space, name=name) if path.count("/") == _PARTS - 1 else Q(pk=None)
    mains = Repository.objects.filter(Q(remote_path=path) | by_name, registry__host=registry.host)
    other = mains.exclude(pk=repository.pk).select_related("namespace").first()
    if other is None:
        rows = Destination.objects.filter(registry__host=registry.host, remote_path=path).exclude(pk=but or 0)
        row = rows.select_related("repository__namespace").first()
        other = row.repository if row else None
    if other is not None:
        raise Refused(f"{registry.host}/{path} is where the images of another repository go.", code="conflict")
