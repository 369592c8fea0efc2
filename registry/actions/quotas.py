"""Quotas: set by administrators, and what is refused because of them. The last image is never deleted by a quota.

Pushes go by what was measured last, a few minutes ago: two at once may overshoot by what is under way.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts import audit
from accounts.access import has_role
from accounts.models import Namespace, Role, User
from lib.humanize import format_size
from lib.refusal import Refused
from registry.core.quota import QuotaUse, first_over
from registry.models import Quota, Repository, StorageUse

MOST_BYTES = 2**60
# A client that is refused tries again and again: it is written down once in a while.
TOLD_EVERY = timedelta(minutes=10)


def set_namespace_quota(actor: User, namespace: Namespace, limit_bytes: int | None) -> None:
    """How much a namespace may take up; None is no limit. Superusers only. Raises Refused."""
    if not actor.is_superuser:
        raise Refused(
            "Only administrators of Imageyard set the quota of a namespace. Ask one of them.", code="forbidden"
        )
    _check(limit_bytes)
    _set(actor, namespace, limit_bytes, namespace=namespace)


def set_repository_quota(actor: User, repository: Repository, limit_bytes: int | None) -> None:
    """How much of its namespace's quota a repository may take up; administrators of the namespace. Raises Refused."""
    if not has_role(actor, repository.namespace, Role.ADMIN):
        sentence = f"You need the admin role in {repository.namespace} to set the quota of a repository."
        raise Refused(sentence, code="forbidden")
    _check(limit_bytes)
    above = Quota.objects.filter(namespace=repository.namespace_id).first()
    if above is not None and limit_bytes is not None and limit_bytes > above.limit_bytes:
        raise Refused(
            f"The quota of {repository.namespace} is {format_size(above.limit_bytes)}: that of a repository in it "
            "cannot be larger."
        )
    _set(actor, repository, limit_bytes, repository=repository)


def quota_of_namespace(namespace: Namespace) -> QuotaUse:
    """What a namespace takes up, and may."""
    quota = Quota.objects.filter(namespace=namespace).first()
    use = StorageUse.objects.filter(namespace=namespace).first()
    return QuotaUse(namespace.name, use.total_bytes if use else 0, quota.limit_bytes if quota else None)


def quotas_of(repository: Repository) -> tuple[QuotaUse, QuotaUse]:
    """That of the repository, then that of its namespace. Two queries."""
    mine = Q(repository=repository) | Q(namespace=repository.namespace_id)
    limits = {row.repository_id is not None: row.limit_bytes for row in Quota.objects.filter(mine)}
    used = {row.repository_id is not None: row.total_bytes for row in StorageUse.objects.filter(mine)}
    return (
        QuotaUse(repository.path, used.get(True, 0), limits.get(True)),
        QuotaUse(repository.namespace.name, used.get(False, 0), limits.get(False)),
    )


def push_refusal(repository: Repository) -> str:
    """Why nothing more may be pushed to the repository; "" where it may. Needs its namespace loaded."""
    full = first_over(*quotas_of(repository))
    return full.refusal if full else ""


def full_paths(paths: Collection[str]) -> set[str]:
    """Those of `acme/web`, … that are full, or whose namespace is; also of repositories that are not there yet.

    One query for any number of them.
    """
    spaces = {path.partition("/")[0] for path in paths}
    over = _full_quotas().filter(Q(namespace__name__in=spaces) | Q(repository__namespace__name__in=spaces))
    full = {str(quota.namespace or quota.repository) for quota in over}
    return {path for path in paths if path in full or path.partition("/")[0] in full}


def note_refused_push(user: User, path: str) -> None:
    """Write down that somebody's push was refused: the docker client shows no reason, pages and audit do."""
    now = timezone.now()
    space, _, name = path.partition("/")
    rows = _full_quotas().filter(Q(namespace__name=space) | Q(repository__namespace__name=space, repository__name=name))
    for quota in rows:
        late = Q(refused_at=None) | Q(refused_at__lt=now - TOLD_EVERY)
        with transaction.atomic():
            fresh = Quota.objects.filter(late, pk=quota.pk)
            if fresh.update(refused_at=now, refused_by=user.get_username()):
                audit.record(user, "quota.refused", path, f"of {quota.namespace or quota.repository} is used up")


def _full_quotas() -> QuerySet[Quota]:
    rows = Quota.objects.filter(
        Q(namespace__storage_use__total_bytes__gte=F("limit_bytes"))
        | Q(repository__storage_use__total_bytes__gte=F("limit_bytes"))
        | Q(limit_bytes=0)
    )
    return rows.select_related("namespace", "repository__namespace")


def _check(limit_bytes: int | None) -> None:
    if limit_bytes is not None and not 0 <= limit_bytes < MOST_BYTES:
        raise Refused("A quota is a number of bytes, from 0 on; leave it empty for no limit.")


def _set(actor: User, target: object, limit_bytes: int | None, **of: Any) -> None:
    with transaction.atomic():
        if limit_bytes is None:
            Quota.objects.filter(**of).delete()
        else:
            values = {"limit_bytes": limit_bytes, "set_at": timezone.now(), "set_by": actor.get_username()}
            Quota.objects.update_or_create(**of, defaults=values)
        audit.record(actor, "quota.set", target, format_size(limit_bytes) if limit_bytes is not None else "no limit")
