"""Registries that are not Imageyard's own: made, changed and removed by people. Trying them is a worker's errand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.models import Namespace, User
from lib.refusal import Refused
from registry.actions.accounts_there import asked_fields, check_password, check_username, has_password, ring
from registry.core.kinds import DEFAULT_TEMPLATE, Kind, canonical_host, host_problem, path_problem, template_problem
from registry.models import Registry

MOST = 100
"""Registries of one namespace, or of all."""
MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryDraft:
    """A registry as somebody wants it. `password` of None keeps what is stored."""

    name: str
    host: str
    kind: str = Kind.PLAIN.value
    scheme: str = "https"
    username: str = ""
    password: str | None = field(default=None, repr=False)
    path_template: str = DEFAULT_TEMPLATE
    test_path: str = ""


def save_registry(
    actor: User, draft: RegistryDraft, registry: Registry | None = None, *, namespace: Namespace | None = None
) -> Registry:
    """Make a registry or change one, and have a worker check it. Raises Refused with what is wrong.

    `namespace` is whose it becomes, None for everybody's; it stays what it is when one is changed.
    """
    kind, host = _check(draft)
    row = registry or Registry(namespace=namespace)
    _check_account(draft, kind, row)
    if registry is None and Registry.objects.filter(namespace=namespace).count() >= MOST:
        raise Refused(f"There are {MOST} registries already. Remove one that nothing uses.")
    is_elsewhere = registry is not None and (registry.host, registry.scheme) != (host, draft.scheme)
    if is_elsewhere and registry is not None:
        _check_move(registry, draft, host)
    fields: dict[str, Any] = {
        "name": draft.name.strip(),
        "kind": kind.value,
        "host": host,
        "scheme": draft.scheme,
        "username": draft.username.strip(),
        "path_template": draft.path_template.strip() or DEFAULT_TEMPLATE,
        "test_path": draft.test_path.strip(),
        **asked_fields(),
    }
    if draft.password is not None:
        fields["password"] = draft.password.strip()
    if not fields["username"]:
        fields["password"] = ""
    for name, value in fields.items():
        setattr(row, name, value)
    try:
        with transaction.atomic():
            row.save()
            audit.record(actor, "registry.save", row, f"{row.get_kind_display()}, account {row.username or 'nobody'}")
            ring(row)
    except IntegrityError as error:
        raise Refused(_taken(row), code="conflict") from error
    return row


def _check(draft: RegistryDraft) -> tuple[Kind, str]:
    if not draft.name.strip():
        raise Refused("Give the registry a name, to tell it from others.")
    if draft.kind not in {kind.value for kind in Kind}:
        raise Refused(f"Registries are one of these kinds: {', '.join(Kind)}.")
    if draft.scheme not in Registry.Scheme.values:
        raise Refused("Registries speak https or http.")
    kind, host = Kind(draft.kind), canonical_host(draft.host)
    wrong = host_problem(kind, host) or template_problem(kind, draft.path_template.strip() or DEFAULT_TEMPLATE)
    if not wrong and draft.test_path.strip():
        wrong = path_problem(kind, draft.test_path.strip())
    if wrong:
        raise Refused(wrong)
    return kind, host


def _check_account(draft: RegistryDraft, kind: Kind, row: Registry) -> None:
    check_username(draft.username)
    check_password(draft.password)
    is_known = bool(draft.password) or (draft.password is None and has_password(row))
    if draft.username.strip() and not is_known:
        raise Refused("Give the password or token of the account, too.")
    if draft.password and not draft.username.strip():
        raise Refused("Say whose password it is: the user name is empty.")
    if kind is Kind.ECR and row.namespace_id is not None and not draft.username.strip():
        # The role of the machine is the operator's; whoever administers a namespace is not.
        raise Refused("Give an access key: the role of the machine is for the registries that superusers keep.")


def _check_move(registry: Registry, draft: RegistryDraft, host: str) -> None:
    if registry.host != host and (used := _users_of(registry)):
        raise Refused(
            f"{_listed(used)} {'has' if len(used) == 1 else 'have'} images at {registry.host}: another host would be "
            "another registry. Add that one beside this, and choose it for them.",
            code="conflict",
        )
    if draft.password is None and has_password(registry):
        # A credential stays with the server it was given for; another one is never sent it.
        raise Refused("This is another server: give the password for it, too. The stored one is not sent there.")


def delete_registry(actor: User, registry: Registry) -> None:
    """Forget a registry with its account. Refused where something uses it, with the list."""
    if registry.is_own or registry.is_default:
        raise Refused("New repositories go there, as IMAGEYARD_REGISTRY says: it stays.", code="conflict")
    with transaction.atomic():
        Registry.objects.select_for_update().filter(pk=registry.pk).first()
        if used := _users_of(registry):
            raise Refused(
                f"{_listed(used)} {'uses' if len(used) == 1 else 'use'} {registry.host}. Choose another registry for "
                "them first.",
                code="conflict",
            )
        audit.record(actor, "registry.delete", registry)
        Registry.objects.filter(pk=registry.pk).delete()


def _users_of(registry: Registry) -> list[str]:
    """The repositories whose images are there, and those that are copied there."""
    main = registry.repositories.select_related("namespace").order_by("namespace__name", "name")[: MOST_NAMED + 1]
    copied = registry.destinations.select_related("repository__namespace").order_by("pk")[: MOST_NAMED + 1]
    return sorted({*(row.path for row in main), *(row.repository.path for row in copied)})


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    return f"{shown} and others" if len(names) > MOST_NAMED else shown


def _taken(row: Registry) -> str:
    if Registry.objects.filter(name=row.name).exclude(pk=row.pk).exists():
        return f"There is a registry called “{row.name}” already. Choose another name."
    return f"{row.host} is there already. Change that one: a registry has one account here."
