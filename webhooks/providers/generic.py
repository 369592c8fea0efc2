"""The webhook of scripts and of Git servers without webhooks: a small JSON of our own, signed or with a bearer token.

The format is documented in docs/generic-git.md, and the post-receive hook that the settings page shows sends it.
"""

from __future__ import annotations

from typing import Any

from builds.core.json_values import dicts, items, table
from builds.core.refnames import quoted
from webhooks.providers import payload, proof
from webhooks.providers.base import (
    MOST_CHANGES,
    Event,
    ForgeRepository,
    FormatError,
    Headers,
    Ignored,
    Ping,
    PushEvent,
)
from webhooks.providers.reading import MAX_MESSAGE, as_event, no_commit, read_ref

_UNSIGNED = (
    "The request proves nothing. Send `X-Imageyard-Signature-256: sha256=` and the HMAC-SHA256 of the body under the "
    "secret of this source, or `Authorization: Bearer` and the secret itself."
)
_MALFORMED = (
    "The header `X-Imageyard-Signature-256` is not a signature: it must read `sha256=` and 64 lower-case hexadecimal "
    "digits."
)
_WRONG = (
    "The signature does not fit: it was made with another secret than this source has, or over other bytes than came. "
    "Sign the body exactly as it is sent."
)
_WRONG_BEARER = (
    "The bearer token is not the secret of this source. Make a new secret in the settings and give it to the script."
)
_SIGNATURE = "x-imageyard-signature-256"
_BEARER = "bearer "


class Generic:
    """Whatever can run curl."""

    forge = "generic"
    name = "The Git server"
    stops_calling = False

    def event_name(self, headers: Headers) -> str:
        return proof.event_name(headers, "x-imageyard-event") or "push"

    def delivery_id(self, headers: Headers) -> str:
        """The sender's own id, where it wants that sending again is harmless."""
        return proof.delivery_id(headers, "x-imageyard-delivery")

    def signature_problem(self, secret: str, headers: Headers, body: bytes) -> str | None:
        """Whatever the request offers must be right, and it must offer something."""
        if not secret:
            return proof.no_secret("your script")
        signature, credential = headers.get(_SIGNATURE, ""), headers.get("authorization", "")
        has_token = credential.lower().startswith(_BEARER)
        if not signature and not has_token:
            return _UNSIGNED + proof.another_forge(headers, self.forge)
        if signature and not proof.is_same(signature, f"sha256={proof.hmac_sha256(secret, body)}"):
            return _WRONG if signature.startswith("sha256=") and proof.is_hex(signature[7:]) else _MALFORMED
        if has_token and not proof.is_same(credential[len(_BEARER) :].strip(" "), secret):
            return _WRONG_BEARER
        return None

    def read(self, headers: Headers, body: bytes) -> Event:
        # A script joins bytes of commit messages together, whose encoding nobody promised; the refs are still right.
        text = body.decode("utf-8", "replace").encode()
        document = payload.read_object(text, headers.get("content-type", ""))
        event = headers.get("x-imageyard-event", "").strip() or document.get("event") or "push"
        sender, repository = payload.text(document.get("sender")), _repository(document)
        if event == "ping":
            return Ping(sender=sender, repository=repository)
        if event != "push":
            reason = f"The event {quoted(payload.text(event, 64))} is not known. Send `push` or `ping`."
            return Ignored(reason=reason, sender=sender, repository=repository)
        given = document.get("changes", [document])
        if not isinstance(given, list) or len(dicts(given)) != len(items(given)):
            raise FormatError("`changes` must be a list of objects, one for each ref.")
        changes = [_change(change, sender, repository) for change in dicts(given)[:MOST_CHANGES]]
        return as_event(changes, given, sender, repository)


def _change(change: dict[str, Any], sender: str, repository: ForgeRepository) -> PushEvent | Ignored:
    ref = read_ref(change.get("ref"))
    if isinstance(ref, Ignored):
        return Ignored(reason=ref.reason, sender=sender, repository=repository)
    before, after = change.get("before"), change.get("after")
    deleted = change.get("deleted") is True or payload.is_no_commit(after)
    # `after` is what Git's hook is told, of an annotated tag the tag object; `commit` is what it stands on.
    commit = "" if deleted else payload.commit(change.get("commit")) or payload.commit(after)
    if not deleted and not commit:
        raise no_commit(ref, "after")
    return PushEvent(
        ref=ref,
        commit=commit,
        before=payload.commit(before),
        forced=change.get("forced") is True,
        created=payload.is_no_commit(before),
        deleted=deleted,
        message=payload.text(change.get("message"), MAX_MESSAGE),
        author=payload.text(change.get("author")),
        sender=sender,
        url=payload.web_address(change.get("url")),
        repository=repository,
    )


def _repository(document: dict[str, Any]) -> ForgeRepository:
    """Empty unless the sender says: the address and its secret are of one source already."""
    given = table(document.get("repository"))
    url = payload.text(given.get("clone_url"), 1000)
    return ForgeRepository(
        id=payload.identifier(given.get("id")),
        full_name=payload.text(given.get("name")),
        default_branch=payload.text(given.get("default_branch")),
        host=payload.host(url),
        clone_urls=payload.addresses(url),
    )
