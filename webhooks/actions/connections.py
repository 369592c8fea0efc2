"""Connections to forges: made, changed and removed by people; what a worker asks with them is only asked for here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.models import Namespace, User
from lib.queue import enqueue
from lib.refusal import Refused
from webhooks.actions.statuses import wake_statuses
from webhooks.forges.addresses import api_url, server_problem
from webhooks.forges.github_app import key_problem
from webhooks.models import Asked, ForgeConnection

_Kind = ForgeConnection.Kind
MOST = 100
"""Connections of one namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionDraft:
    """A connection as somebody wants it. `server` as a browser shows it, "" for the one that everybody means.

    `token` and `private_key` of None keep what is stored.
    """

    name: str
    forge: str
    server: str = ""
    kind: str = _Kind.TOKEN
    owner: str = ""
    username: str = ""
    token: str | None = field(default=None, repr=False)
    app_id: str = ""
    installation_id: str = ""
    private_key: str | None = field(default=None, repr=False)


def save_connection(
    actor: User, namespace: Namespace, draft: ConnectionDraft, connection: ForgeConnection | None = None
) -> ForgeConnection:
    """Make a connection or change one, and have a worker check it. Raises Refused with what is wrong."""
    _check(draft, connection)
    address = api_url(draft.forge, draft.server)
    row = connection or ForgeConnection(namespace=namespace)
    if connection is None and namespace.connections.count() >= MOST:
        raise Refused(f"A namespace has at most {MOST} connections. Remove one that nothing uses.")
    is_elsewhere = connection is not None and (connection.api_url, connection.forge) != (address, draft.forge)
    if is_elsewhere and (draft.token if draft.kind == _Kind.TOKEN else draft.private_key) is None:
        # A credential stays with the server it was given for; another one is never sent it.
        raise Refused(
            "This is another server: give the token or the key for it, too. The stored one is not sent there."
        )
    fields: dict[str, Any] = {
        "name": draft.name.strip(),
        "forge": draft.forge,
        "api_url": address,
        "kind": draft.kind,
        "owner": draft.owner.strip().strip("/"),
        "username": draft.username.strip(),
        "app_id": draft.app_id.strip() if draft.kind == _Kind.APP else "",
        "installation_id": draft.installation_id.strip() if draft.kind == _Kind.APP else "",
    }
    fields |= _secrets(draft, is_elsewhere=is_elsewhere)
    for name, value in fields.items():
        setattr(row, name, value)
    # Whatever stopped it before may be over with what was changed: it is tried at once.
    row.paused_until, row.failures, row.failing_sentence = None, 0, ""
    row.check_state, row.check_sentence = Asked.ASKED, ""
    try:
        with transaction.atomic():
            row.save()
            audit.record(actor, "connection.save", namespace, f"{row.name}: {row.forge} {row.api_url}")
            wake_statuses(row)
            enqueue("webhooks.check_connection", row.pk, expires_s=60)
    except IntegrityError as error:
        raise Refused(f"{namespace.name} has a connection called “{row.name}” already.", code="conflict") from error
    return row


def _secrets(draft: ConnectionDraft, *, is_elsewhere: bool) -> dict[str, str]:
    """What is stored of the token and the key: the new one, the old one, or, of the kind that is not used, none."""
    is_app = draft.kind == _Kind.APP
    given = draft.private_key if is_app else draft.token
    used, other = ("private_key", "token") if is_app else ("token", "private_key")
    cleaned = {} if given is None else {used: given.replace("\r\n", "\n").strip()}
    return {other: "", **cleaned} if cleaned or is_elsewhere else {other: ""}


def _check(draft: ConnectionDraft, connection: ForgeConnection | None) -> None:
    if draft.forge not in ForgeConnection.Forge.values:
        raise Refused(f"Connections are for one of these forges: {', '.join(ForgeConnection.Forge.values)}.")
    if not draft.name.strip():
        raise Refused("Give the connection a name, to tell it from others.")
    if not draft.server and not api_url(draft.forge, ""):
        raise Refused("Say where the forge is: `https://git.example.com`.")
    if draft.server and (wrong := server_problem(draft.forge, draft.server)):
        raise Refused(wrong)
    if draft.forge == ForgeConnection.Forge.BITBUCKET and not draft.owner.strip():
        raise Refused("Say which workspace it is for: Bitbucket lists repositories by workspace alone.")
    if draft.kind == _Kind.APP:
        _check_app(draft, connection)
    elif not draft.token and not (connection and connection.kind == _Kind.TOKEN and draft.token is None):
        raise Refused("Paste the access token.")
    elif draft.token and ("\n" in draft.token.strip() or not draft.token.isascii()):
        raise Refused("The token is one line of letters and digits; what was pasted is more.")


def _check_app(draft: ConnectionDraft, connection: ForgeConnection | None) -> None:
    if draft.forge != ForgeConnection.Forge.GITHUB:
        raise Refused("Only GitHub has Apps. Use an access token for the others.")
    for name, number in (("App ID", draft.app_id), ("installation ID", draft.installation_id)):
        if not (number.strip().isascii() and number.strip().isdigit()):
            raise Refused(f"The {name} is a number; GitHub shows it in the settings of the App.")
    if draft.private_key:
        if wrong := key_problem(draft.private_key):
            raise Refused(wrong)
    elif not (connection and connection.kind == _Kind.APP and draft.private_key is None):
        raise Refused("Paste the private key of the App, the whole `.pem` file.")


def delete_connection(actor: User, connection: ForgeConnection) -> None:
    """Forget a connection with its token. Webhooks and keys stay at the forge, and go on working."""
    with transaction.atomic():
        audit.record(actor, "connection.delete", connection.namespace, connection.name)
        ForgeConnection.objects.filter(pk=connection.pk).delete()


def request_check(connection: ForgeConnection) -> None:
    """Have a worker ask the forge; the row says `asked` until it did."""
    with transaction.atomic():
        ForgeConnection.objects.filter(pk=connection.pk).update(check_state=Asked.ASKED)
        enqueue("webhooks.check_connection", connection.pk, expires_s=60)
    connection.check_state = Asked.ASKED


def request_listing(connection: ForgeConnection) -> None:
    """Have a worker list the repositories anew."""
    with transaction.atomic():
        ForgeConnection.objects.filter(pk=connection.pk).update(list_state=Asked.ASKED)
        enqueue("webhooks.list_repositories", connection.pk, expires_s=60)
    connection.list_state = Asked.ASKED
