"""What a user may do in a namespace. Objects are looked up through querysets; this answers for one namespace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q

from accounts.models import Membership, Namespace, Role


@dataclass(frozen=True, slots=True)
class Access:
    """What the person who asks may do in a namespace."""

    role: Role | None

    @property
    def is_member(self) -> bool:
        return self.role is not None

    @property
    def can_write(self) -> bool:
        """Start and stop builds, change rules."""
        return self.role is not None and self.role >= Role.WRITE

    @property
    def can_admin(self) -> bool:
        """Change the source, its secrets, the visibility; members and robots; delete."""
        return self.role is not None and self.role >= Role.ADMIN


def role_of(user: Any, namespace: Namespace) -> Role | None:
    """The role of `user` in `namespace`; owner for a superuser, None for a stranger."""
    if not user.is_authenticated:
        return None
    if user.is_superuser:
        return Role.OWNER
    row = Membership.objects.filter(user=user, namespace=namespace).first()
    return Role(row.role) if row else None


def member_of(namespace: str, user: Any, role: Role) -> Q:
    """The condition that `user` has at least `role` in the namespace at the end of the path `namespace`.

    For rows that are few among very many: it is asked of each row, where a list of namespaces would have a database
    begin at the repositories of each. A superuser has every role, a stranger none.
    """
    if not user.is_authenticated:
        return Q(pk__in=[])
    if user.is_superuser:
        return Q()
    return Q(Exists(Membership.objects.filter(namespace=OuterRef(namespace), user=user, role__gte=role)))


def has_role(user: Any, namespace: Namespace, role: Role) -> bool:
    """Whether `user` has at least `role` in `namespace`."""
    mine = role_of(user, namespace)
    return mine is not None and mine >= role
