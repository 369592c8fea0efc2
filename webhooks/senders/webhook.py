"""Signed webhooks: one POST as Standard Webhooks 1.0 describes it, to an address that the guard has passed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Collection
from datetime import datetime

from lib.addresses import AddressRefused
from lib.guarded import make_guarded_client
from lib.http import ExchangeError, Limits, exchange
from webhooks.senders.base import MOST_RESPONSE, Outcome, retry_after_s

PREFIX = "whsec_"
_GOOD, _REDIRECT = 2, 3  # the hundreds of a status
# Short: whoever sends may be the only process that is left for upkeep. A receiver that thinks longer is asked again.
_LIMITS = Limits(total_s=8.0, max_bytes=256 * 1024)


def new_signing_secret() -> str:
    """A secret as Standard Webhooks writes it: `whsec_` and the Base64 of 32 random bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,<Base64 of HMAC-SHA256 over id.timestamp.body>`. Raises ValueError for a secret that is none.

    Source: Standard Webhooks 1.0.0, spec/standard-webhooks.md, "Signature scheme"; the key is what the Base64 after
    `whsec_` stands for.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("the signing secret is not Base64") from error
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def send_webhook(
    url: str, secret: str, message_id: str, body: bytes, *, now: datetime, trusted_hosts: Collection[str]
) -> Outcome:
    """POST `body` once. A redirect is not followed: it is an answer like any other that is not 2xx."""
    timestamp = int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, message_id, timestamp, body),
    }
    try:
        with make_guarded_client(trusted_hosts) as client:
            answer = exchange(client, "POST", url, headers=headers, content=body, limits=_LIMITS)
    except AddressRefused as refused:
        return Outcome(False, refused.message, may_pass=refused.retryable)
    except ExchangeError as error:
        return Outcome(False, f"The receiver could not be told: {error.reason}.", may_pass=True)
    response = answer.body.decode(errors="replace")[:MOST_RESPONSE]
    if answer.status // 100 == _GOOD:
        return Outcome(True, f"Delivered: the receiver answered {answer.status}.", answer.status, response)
    wait_s = retry_after_s(answer.headers.get("retry-after", ""), now)
    return Outcome(False, _said_no(answer.status), answer.status, response, wait_s)


def _said_no(status: int) -> str:
    if status // 100 == _REDIRECT:
        return (
            f"The receiver answered {status}, a redirect. None is followed: the body is for the address that you "
            "gave. Give the address it leads to."
        )
    return f"The receiver answered {status}."
