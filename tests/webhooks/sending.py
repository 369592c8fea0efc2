"""A forge for tests: makes GitHub's payloads, signs them, and posts them to a source's webhook address."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.test import Client

from builds.models import Source
from lib.crypto import sign_sha256

COMMIT = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"
BEFORE = "0f1e2d3c4b5a69788796a5b4c3d2e1f001234567"
ZEROS = "0" * 40


def push_payload(ref: Any = "refs/heads/main", after: Any = COMMIT, **fields: Any) -> dict[str, Any]:
    """A push of GitHub's; `fields` replace those of the payload, `message` that of the newest commit."""
    message = fields.pop("message", "Fix login")
    head = {"id": after, "message": message, "author": {"name": "A. Author", "email": "author@acme.test"}}
    return {
        "ref": ref,
        "before": BEFORE,
        "after": after,
        "created": False,
        "deleted": False,
        "forced": False,
        "compare": "https://forge.example.com/acme/web/compare/0f1e2d3c4b5a...a1b2c3d4e5f6",
        "commits": [head],
        "head_commit": head,
        "repository": {"id": 42, "full_name": "acme/web", "default_branch": "main"},
        "sender": {"login": "alice"},
        **fields,
    }


def headers_for(source: Source, body: bytes, event: str = "push", delivery: str | None = None) -> dict[str, str]:
    return {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery or str(uuid.uuid4()),
        "X-Hub-Signature-256": "sha256=" + sign_sha256(source.webhook_secret.encode(), body),
        "User-Agent": "GitHub-Hookshot/0123456",
    }


def post(
    source: Source,
    payload: Any = None,
    *,
    event: str = "push",
    delivery: str | None = None,
    headers: dict[str, str | None] | None = None,
    content_type: str = "application/json",
    path: str | None = None,
    client: Client | None = None,
) -> Any:
    """Post a signed delivery; `payload` is bytes or what becomes JSON, `headers` changes or (None) removes some."""
    payload = push_payload() if payload is None else payload
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    sent: dict[str, str | None] = {**headers_for(source, body, event, delivery), **(headers or {})}
    return (client or Client(raise_request_exception=False)).post(
        path or f"/webhooks/{source.forge}/{source.pk}",
        data=body,
        content_type=content_type,
        headers={name: value for name, value in sent.items() if value is not None},
    )
