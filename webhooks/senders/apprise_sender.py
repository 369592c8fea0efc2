"""Messages by apprise, each sent by a guarded process of its own, which ends with it. Nothing is sent from here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

from lib.redact import redact_text
from webhooks.senders.base import MOST_RESPONSE, Outcome, retry_after_s
from webhooks.senders.targets import SERVICES, apprise_problem, service_of

_TIMEOUT_S = 30
_ROOT = Path(__file__).resolve().parents[2]
# Nothing of ours: no key, no proxy, no home with a .netrc in it.
_KEPT = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "TZ")
_MIN_SECRET = 6


def send_message(
    url: str, title: str, body: str, *, tone: str, app_url: str, now: datetime, trusted_hosts: Collection[str]
) -> Outcome:
    """Send one message to one service of apprise; `tone` is "good", "bad" or "". Sentences hold no part of `url`."""
    problem = apprise_problem(url)
    if problem:
        return Outcome(False, problem, may_pass=False)
    order = {
        "url": url, "title": harmless(title), "body": harmless(body), "tone": tone, "app_url": app_url,
        "schemes": sorted(SERVICES), "trusted_hosts": sorted(trusted_hosts),
    }  # fmt: skip
    told = _run(json.dumps(order).encode())
    service = service_of(url) or "The service"
    if told is None:
        return Outcome(False, f"{service} did not take the message in time.")
    if not told.get("understood"):
        return Outcome(False, f"This is no address that apprise knows of {service}: check its parts.", may_pass=False)
    status = told.get("status")
    status = status if isinstance(status, int) else None
    response = redact_text(str(told.get("response", "")), list(_parts(url)))[:MOST_RESPONSE]
    if told.get("ok"):
        return Outcome(True, f"Delivered: {service} took it.", status, response)
    if told.get("refused"):
        return Outcome(False, str(told["refused"]), may_pass=bool(told.get("refusal_may_pass")))
    said = f"{service} did not take the message" + (f": it answered {status}." if status else ".")
    return Outcome(False, said, status, response, retry_after_s(str(told.get("retry_after", "")), now))


def _run(order: bytes) -> dict[str, object] | None:
    """What the process told; None where it ended without a word."""
    environ = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environ |= {"HOME": "/nonexistent", "PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "webhooks.senders.apprise_process"]
    try:
        done = subprocess.run(  # our own module; what a stranger gave comes by stdin
            command, input=order, capture_output=True, timeout=_TIMEOUT_S, env=environ, cwd=_ROOT, check=False
        )
        told = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return None
    return told if isinstance(told, dict) else None


def _parts(url: str) -> Iterable[str]:
    """Pieces of an address that may be tokens: an answer that repeats them must not show them."""
    pieces = url.partition("://")[2]
    for mark in "/?&=@:,":
        pieces = pieces.replace(mark, " ")
    yield from (form for piece in pieces.split() if len(piece) >= _MIN_SECRET for form in {piece, unquote(piece)})


def harmless(text: str) -> str:
    """Text in which nobody is called: a branch named `@everyone` must wake no one up."""
    return text.replace("@", "@\u200b").replace("<!", "<\u200b!")
