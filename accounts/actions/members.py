"""Who belongs to a namespace, with which role. It always keeps an owner who can log in."""

from __future__ import annotations

from django.db import transaction

from accounts import audit
from accounts.access import role_of
from accounts.models import Membership, Namespace, Role, User
from lib.refusal import Refused


def find_person(username: str) -> User:
    """The person with this username. Raises Refused for a robot, and where there is nobody."""
    user = User.objects.filter(username=username).first() if "\0" not in username else None
    if user is None:
        raise Refused(
            f"Nobody here has the username “{username[:150]}”. An administrator of Imageyard makes accounts.",
            code="not_found",
        )
    if user.is_robot:
        raise Refused(f"{user} is a robot. What it may do stands on the page of robots.")
    return user


def set_member(actor: User, namespace: Namespace, user: User, role: Role) -> Membership:
    """Make `user` a member with this role, or change the role. The same again changes nothing.

    Raises Refused: only owners make or change owners, the last owner stays one, and a disabled account joins nothing.
    """
    with transaction.atomic():
        before = _locked(namespace, user)
        had = Role(before.role) if before else None
        if had == role and before is not None:
            return before
        _check_rank(actor, namespace, had, role)
        if before is None and not user.is_active:
            raise Refused(f"The account {user} is disabled. An administrator of Imageyard can enable it.")
        if had == Role.OWNER:
            _check_owner_left(namespace, user)
        row, _ = Membership.objects.update_or_create(namespace=namespace, user=user, defaults={"role": role})
        was = f", was {had.label}" if had else ""
        audit.record(actor, "member.set", namespace, f"{user}: {role.label}{was}")
    return row


def remove_member(actor: User, namespace: Namespace, user: User) -> None:
    """Take `user` out of the namespace; anybody may leave by themselves. Again is harmless.

    Raises Refused: only owners remove owners, and the last owner stays.
    """
    with transaction.atomic():
        row = _locked(namespace, user)
        if row is None:
            return
        if user != actor:
            _check_rank(actor, namespace, Role(row.role), None)
        if row.role == Role.OWNER:
            _check_owner_left(namespace, user)
        row.delete()
        audit.record(actor, "member.remove", namespace, f"{user}: was {Role(row.role).label}")


def _locked(namespace: Namespace, user: User) -> Membership | None:
    """The membership, once nobody else changes members of this namespace: two owners may remove each other at once."""
    if user.is_robot:
        raise Refused(f"{user} is a robot. What it may do stands on the page of robots.")
    Namespace.objects.select_for_update().get(pk=namespace.pk)
    return Membership.objects.filter(namespace=namespace, user=user).first()


def _check_rank(actor: User, namespace: Namespace, had: Role | None, gets: Role | None) -> None:
    mine = role_of(actor, namespace)
    if actor.is_robot or mine is None or mine < Role.ADMIN:
        raise Refused(f"You need the admin role in {namespace} to change its members.", code="forbidden")
    if mine < Role.OWNER and Role.OWNER in (had, gets):
        raise Refused(f"Only an owner of {namespace} makes, changes or removes owners.", code="forbidden")


def _check_owner_left(namespace: Namespace, leaves: User) -> None:
    owners = Membership.objects.filter(namespace=namespace, role=Role.OWNER, user__is_active=True)
    if not owners.exclude(user=leaves).exists():
        raise Refused(f"{leaves} is the last owner of {namespace}. Make somebody else an owner first.", code="conflict")
