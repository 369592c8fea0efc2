"""The webhook's answer at 200 requests a second, against a bare Django view with one insert under the same server.

Each push is signed, judged by a rule and written to the ledger; none may be lost. The bare view is served by the same
uvicorn, on a database of its own of the same kind.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx

from bench.base import Figure, bench, say
from imageyard.supervisor.ports import free_port
from tests.yard import Linked

RATE = 200
SECONDS = 10
CHECKOUT = Path(__file__).resolve().parent.parent


def run() -> dict[str, Figure]:
    with bench() as here:
        linked = here.yard.link("acme/hooks")
        ours = asyncio.run(_load(linked.webhook_url, lambda number: _delivery(linked, number)))
        listed = _count(linked)
        assert listed == RATE * SECONDS, f"{RATE * SECONDS} deliveries were answered and {listed} are in the ledger"
        with _bare_view(here.folder) as url:
            theirs = asyncio.run(_load(url, lambda number: _delivery(linked, number)))
    say(f"webhook-answer p50 at {RATE}/s: {median(ours):.4f} s, bare view {median(theirs):.4f} s")
    return {"webhook-answer": Figure(median(ours), median(theirs))}


def _delivery(linked: Linked, number: int) -> tuple[bytes, dict[str, str]]:
    """A signed push of a branch that no rule builds, so that the queue stays out of it."""
    commit = f"{number:040x}"
    payload = {
        "ref": f"refs/heads/topic-{number}",
        "before": "0" * 40,
        "after": commit,
        "head_commit": {"id": commit, "message": "change", "author": {"name": "A"}},
        "commits": [],
        "repository": {"id": 42, "full_name": linked.path, "default_branch": "main"},
        "sender": {"login": "acme-dev"},
    }
    body = json.dumps(payload).encode()
    signature = hmac.new(linked.secret.encode(), body, hashlib.sha256).hexdigest()
    return body, {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={signature}",
    }


async def _load(url: str, make) -> list[float]:  # noqa: ANN001
    """Send at a steady rate, whatever the answers take; the seconds of each."""
    requests = [make(number) for number in range(RATE * SECONDS)]
    took: list[float] = []
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx.AsyncClient(timeout=30, limits=limits) as client:

        async def one(body: bytes, headers: dict[str, str]) -> None:
            began = time.monotonic()
            answer = await client.post(url, content=body, headers=headers)
            assert answer.status_code == 202, f"{answer.status_code} {answer.text}"
            took.append(time.monotonic() - began)

        began = time.monotonic()
        tasks = []
        for number, request in enumerate(requests):
            await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
            tasks.append(asyncio.create_task(one(*request)))
        await asyncio.gather(*tasks)
    return took


def _count(linked: Linked) -> int:
    count, cursor = 0, ""
    while cursor is not None:
        page = linked.yard.get(f"/repositories/{linked.path}/deliveries?limit=200&cursor={cursor}")
        count += len(page["items"])
        cursor = page["next"]
    return count


@contextmanager
def _bare_view(folder: Path) -> Iterator[str]:
    port = free_port()
    environ = {**os.environ, "BENCH_DATABASE": str(folder / "bare.sqlite3")}
    command = [sys.executable, "-m", "uvicorn", "bench.bare_view:application", "--port", str(port)]
    process = subprocess.Popen([*command, "--log-level", "warning"], cwd=CHECKOUT, env=environ)
    url = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(100):
            try:
                httpx.get(url, timeout=1)
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)
