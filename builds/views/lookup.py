"""Finding what an address names, for the person who asks: a stranger finds nothing, a reader may change nothing."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from accounts.access import Access
from accounts.models import Role
from accounts.views.lookup import access_in, person
from builds.models import Source
from registry.models import Repository

__all__ = ["access_to", "find_repository", "find_source", "person"]


def access_to(request: HttpRequest, repository: Repository) -> Access:
    """The access of the person who asks; looked up once for each request and namespace."""
    return access_in(request, repository.namespace)


def find_repository(request: HttpRequest, namespace: str, name: str, *, role: Role | None = None) -> Repository:
    """The repository at `namespace/name`, with its namespace and registry.

    Raises Http404 where the person may not see it, PermissionDenied where `role` is asked and not held.
    """
    rows = Repository.objects.visible_to(request.user).select_related("namespace", "registry")
    repository = rows.filter(namespace__name=namespace, name=name).first()
    if repository is None:
        raise Http404(f"There is no repository {namespace}/{name}, or it is private and you are not a member.")
    if role is not None:
        mine = access_to(request, repository).role
        if mine is None or mine < role:
            raise PermissionDenied(
                f"You need the {role.label} role in {namespace} to do that. Ask an owner of {namespace} for it."
            )
    return repository


def find_source(repository: Repository) -> Source | None:
    """The source of a repository, None before one is linked."""
    source = Source.objects.filter(repository=repository).first()
    if source is not None:
        source.repository = repository  # spares the query for what is at hand
    return source
