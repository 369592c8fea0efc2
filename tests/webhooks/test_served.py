"""A real uvicorn with the whole application: what a forge sees on the wire, and what it costs in memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from imageyard.supervisor.ports import free_port, http_status
from tests.yard import PLAIN, until

CHECKOUT = Path(__file__).resolve().parents[2]
MB = 1_000_000
MAKE_SOURCE = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0, skip_checks=True)
from tests.factories import make_rule, make_source
source = make_source(); make_rule(source); print(source.pk)
"""


@dataclass
class Web:
    process: subprocess.Popen
    url: str

    def memory_mb(self) -> float:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / MB

    def post(self, content) -> int:
        return httpx.post(self.url, content=content, timeout=60, trust_env=False, **PLAIN).status_code


@pytest.fixture(scope="module")
def web(redis_url: str, tmp_path_factory) -> Iterator[Web]:
    port = free_port()
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("IMAGEYARD_", "DATABASE_"))},
        "IMAGEYARD_HOME": str(tmp_path_factory.mktemp("home")),
        "IMAGEYARD_HTTP": f"127.0.0.1:{port}",
        "REDIS_URL": redis_url,
        "DJANGO_SETTINGS_MODULE": "imageyard.settings",
        "PYTHONWARNINGS": "ignore",
    }
    python = {"cwd": CHECKOUT, "env": environ}
    made = subprocess.run([sys.executable, "-c", MAKE_SOURCE], check=True, capture_output=True, text=True, **python)
    serve = [sys.executable, "-m", "uvicorn", "imageyard.asgi:application", "--port", str(port), "--lifespan", "off"]
    process = subprocess.Popen([*serve, "--log-level", "error"], cwd=CHECKOUT, env=environ)
    web = Web(process, f"http://127.0.0.1:{port}/webhooks/github/{made.stdout.strip()}")
    try:
        until(lambda: http_status("127.0.0.1", port, "/healthz"), timeout_s=60, what="web")
        yield web
    finally:
        process.terminate()
        process.wait(10)


def endless(size_mb: int) -> Iterator[bytes]:
    """A body without a length."""
    for _ in range(size_mb):
        yield b" " * MB


def test_w14_what_is_too_large_it_answers_with_413_in_flat_memory(web):
    before = web.memory_mb()
    with ThreadPoolExecutor(6) as senders:
        with_length = [senders.submit(web.post, b" " * 27 * MB) for _ in range(6)]
        without = [senders.submit(web.post, endless(60)) for _ in range(6)]
    assert [sent.result() for sent in with_length + without] == [413] * 12
    assert web.memory_mb() - before < 60


def test_w08_an_unsigned_request_it_answers_with_401(web):
    assert web.post(b"{}") == 401


def test_w10_a_get_it_answers_with_405(web):
    assert httpx.get(web.url, trust_env=False, **PLAIN).status_code == 405


def test_an_unknown_source_it_answers_with_404_and_a_sentence(web):
    answer = httpx.post(web.url.rpartition("/")[0] + "/nobody", content=b"{}", trust_env=False, **PLAIN)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith("No source has this webhook address.")
