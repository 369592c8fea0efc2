"""Asking a forge about a connection: whether its token is taken, and which repositories it sees."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from lib.humanize import plural
from webhooks.errands.access import forge_of
from webhooks.errands.pauses import note_success
from webhooks.forges import WANTS, Account, ForgeError, RemoteRepository
from webhooks.models import Asked, ForgeConnection, ListedRepository

MOST = 5_000
"""Repositories of one connection that are kept; an organization with more narrows it down to one owner."""


def check_connection(connection_id: int) -> None:
    """Ask whose token it is, and write the answer into the row."""
    connection = _asked(connection_id, "check_state")
    if connection is None:
        return
    try:
        with forge_of(connection) as forge:
            account = forge.check()
    except ForgeError as error:
        _write(connection, "check", Asked.FAILED, error.sentence)
        return
    note_success(connection)
    if account.missing:
        _write(connection, "check", Asked.FAILED, _missing_sentence(connection, account))
    else:
        _write(connection, "check", Asked.GOOD, f"{connection.forge_name} takes it: {account.login}.")


def _missing_sentence(connection: ForgeConnection, account: Account) -> str:
    named = ", ".join(f"`{scope}`" for scope in account.missing)
    word = "scope" if len(account.missing) == 1 else "scopes"
    return (
        f"{connection.forge_name} takes the token of {account.login}, and it lacks the {word} {named}. It needs "
        f"{WANTS[connection.forge]}. Make a new one and put it here."
    )


def list_repositories(connection_id: int) -> None:
    """Ask which repositories the connection sees, and keep them in place of those it saw before."""
    connection = _asked(connection_id, "list_state")
    if connection is None:
        return
    try:
        with forge_of(connection) as forge:
            found = list(forge.repositories(MOST + 1))
    except ForgeError as error:
        _write(connection, "list", Asked.FAILED, error.sentence)
        return
    note_success(connection)
    with transaction.atomic():
        connection.repositories.all().delete()
        # A forge that lists one twice, because the pages moved while they were read, is forgiven.
        by_name = {one.full_name: one for one in found[:MOST] if one.full_name and len(one.full_name) <= 255}  # noqa: PLR2004 — the column's
        ListedRepository.objects.bulk_create([_row(connection, one) for one in by_name.values()], batch_size=500)
        _write(connection, "list", Asked.GOOD, _list_sentence(connection, len(found), len(by_name)))


def _row(connection: ForgeConnection, found: RemoteRepository) -> ListedRepository:
    return ListedRepository(
        connection=connection,
        forge_id=found.id[:64],
        full_name=found.full_name,
        clone_url=found.clone_url[:1000],
        ssh_url=found.ssh_url[:1000],
        default_branch=found.default_branch[:255],
        is_private=found.is_private,
        may_admin=found.may_admin,
    )


def _list_sentence(connection: ForgeConnection, found: int, kept: int) -> str:
    if found > MOST:
        return (
            f"{connection.forge_name} has more than {MOST:,} repositories for this token, and the rest is not listed. "
            "Name an owner in the connection, or type the repository's name."
        )
    if not kept:
        return (
            f"{connection.forge_name} lists no repository for this token. Give it access to some; an App is installed "
            "for chosen repositories."
        )
    return f"{connection.forge_name} lists {plural(kept, 'repository', 'repositories')}."


def _asked(connection_id: int, state: str) -> ForgeConnection | None:
    """The connection where somebody still waits for the answer; a second ring finds that nobody does."""
    return ForgeConnection.objects.filter(pk=connection_id, **{state: Asked.ASKED}).first()


def _write(connection: ForgeConnection, what: str, state: str, sentence: str) -> None:
    at: dict[str, Any] = {"checked_at" if what == "check" else "listed_at": timezone.now()}
    fields = {f"{what}_state": state, f"{what}_sentence": sentence, **at}
    ForgeConnection.objects.filter(pk=connection.pk).update(**fields)
