"""Accounts that read private base images: made, changed, removed, and found for a namespace's builds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import audit
from accounts.models import Namespace, User
from lib.crypto import UndecryptableError
from lib.refusal import Refused
from registry.actions.accounts_there import asked_fields, check_password, check_username, has_password, ring
from registry.core.kinds import Kind, canonical_host, host_problem, kind_of_host
from registry.core.reference import BadReferenceError, parse_image_name
from registry.models import PullCredential, Registry

MOST = 50
"""Credentials of one namespace: every build of it carries all of them."""
# A build that uses one says so; more often is not worth a write.
_USE_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialDraft:
    """An account as somebody wants it. `password` of None keeps what is stored."""

    host: str
    username: str
    scheme: str = "https"
    password: str | None = field(default=None, repr=False)
    test_image: str = ""


def save_credential(
    actor: User, namespace: Namespace | None, draft: CredentialDraft, credential: PullCredential | None = None
) -> PullCredential:
    """Make a credential or change one, and have a worker check it. `namespace` of None: for all. Raises Refused."""
    host = _check(draft)
    row = credential or PullCredential(namespace=namespace)
    if not draft.username.strip():
        raise Refused("Give the user name of the account.")
    if not draft.password and not (draft.password is None and has_password(row)):
        raise Refused("Give the password or token of the account, too.")
    if credential is None and PullCredential.objects.filter(namespace=namespace).count() >= MOST:
        raise Refused(f"There are {MOST} accounts already. Remove one that no base image needs.")
    if credential is not None and draft.password is None and (row.host, row.scheme) != (host, draft.scheme):
        raise Refused("This is another server: give the password for it, too. The stored one is not sent there.")
    fields: dict[str, Any] = {
        "host": host,
        "scheme": draft.scheme,
        "username": draft.username.strip(),
        "test_image": draft.test_image.strip(),
        **asked_fields(),
    }
    if draft.password is not None:
        fields["password"] = draft.password.strip()
    for name, value in fields.items():
        setattr(row, name, value)
    try:
        with transaction.atomic():
            row.save()
            audit.record(actor, "credential.save", row.namespace or "all namespaces", str(row))
            ring(row)
    except IntegrityError as error:
        raise Refused(f"There is an account for {host} already. Change that one.", code="conflict") from error
    return row


def _check(draft: CredentialDraft) -> str:
    host = canonical_host(draft.host)
    wrong = host_problem(kind_of_host(host), host)
    if wrong:
        raise Refused(wrong)
    if kind_of_host(host) is Kind.ECR:
        raise Refused("Passwords of Amazon ECR end after 12 hours: add it under Registries, with an access key.")
    if draft.scheme not in Registry.Scheme.values:
        raise Refused("Registries speak https or http.")
    check_username(draft.username)
    check_password(draft.password)
    if draft.test_image.strip():
        try:
            parse_image_name(f"{host}/{draft.test_image.strip()}")
        except BadReferenceError as error:
            raise Refused(str(error)) from error
    return host


def delete_credential(actor: User, credential: PullCredential) -> None:
    """Forget an account with its password."""
    with transaction.atomic():
        audit.record(actor, "credential.delete", credential.namespace or "all namespaces", str(credential))
        PullCredential.objects.filter(pk=credential.pk).delete()


def credentials_for(namespace_id: int, hosts: Collection[str] | None = None) -> dict[str, PullCredential]:
    """The accounts that builds of a namespace read with, by host: its own before those for all.

    One whose password can no longer be decrypted is left out: its check says so.
    """
    rows = PullCredential.objects.filter(Q(namespace=namespace_id) | Q(namespace=None))
    if hosts is not None:
        rows = rows.filter(host__in=hosts)
    return {row.host: row for row in sorted(readable(rows), key=lambda row: row.namespace_id is not None)}


def readable(rows: QuerySet[PullCredential]) -> list[PullCredential]:
    """Those whose password can be read; one query where all can."""
    try:
        return list(rows)
    except UndecryptableError:
        return [row for row in rows.defer("password") if _is_readable(row)]


def _is_readable(row: PullCredential) -> bool:
    try:
        return bool(row.password)
    except UndecryptableError:
        return False


def note_credentials_used(credentials: Collection[PullCredential]) -> None:
    """A build took them along."""
    now = timezone.now()
    late = Q(last_used_at=None) | Q(last_used_at__lt=now - _USE_EVERY)
    PullCredential.objects.filter(late, pk__in=[row.pk for row in credentials]).update(last_used_at=now)
