"""Making a namespace. It is never made by whoever merely names it."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import audit
from accounts.models import NAMESPACE_NAME, Membership, Namespace, Role, User
from lib.refusal import Refused

LONGEST = 64


def make_namespace(actor: User, name: str) -> Namespace:
    """The new namespace `name`, with `actor` as its owner. Superusers make any, others that of their own username.

    Raises Refused: a name that cannot stand in an image name, one that is taken, one that is not the actor's to take.
    """
    try:
        NAMESPACE_NAME(name)
    except ValidationError as error:
        raise Refused(f"“{name[:LONGEST]}” cannot stand in an image name. {error.message}") from error
    if len(name) > LONGEST:
        raise Refused(f"A namespace has at most {LONGEST} characters.")
    is_own = actor.username.lower() == name
    if not (actor.is_superuser or is_own):
        raise Refused(
            f"You can make the namespace of your own name. Ask an administrator of Imageyard to make {name}.",
            code="forbidden",
        )
    kind = Namespace.Kind.USER if is_own else Namespace.Kind.ORGANIZATION
    with transaction.atomic():
        space, made = Namespace.objects.get_or_create(name=name, defaults={"kind": kind})
        if not made:
            raise Refused(f"The name {name} is taken. Choose another one.", code="conflict")
        Membership.objects.create(namespace=space, user=actor, role=Role.OWNER)
        audit.record(actor, "namespace.create", space)
    return space
