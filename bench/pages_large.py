"""The pages people open most, with 10,000 repositories and 1,000,000 builds, against 10 and 100."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import httpx

from bench.base import Bench, Figure, bench, say

LARGE = (int(os.environ.get("BENCH_REPOSITORIES", "10000")), int(os.environ.get("BENCH_BUILDS", "1000000")))
SMALL = (10, 100)
ROUNDS = 15
TABS = ("timeline", "dockerfile", "cache", "image", "inputs", "compare")
CHECKOUT = Path(__file__).resolve().parent.parent
R = "/r/large/r00005"
PAGES = [
    "/",
    "/queue",
    *(f"{R}{page}" for page in ("", "/builds", "/tags", "/tags/latest", "/rules", "/deliveries", "/compare/6...7")),
    *(f"{R}/builds/7{tab}" for tab in ("", *(f"?tab={name}" for name in TABS))),
]


def run() -> dict[str, Figure]:
    with ExitStack() as stack:
        small = stack.enter_context(bench())
        _fill(small, SMALL)
        large = stack.enter_context(bench())
        _fill(large, LARGE)
        visits = [(_log_in(small), small.yard.url), (_log_in(large), large.yard.url)]
        ratios = []
        for page in PAGES:
            took: list[list[float]] = [[], []]
            for _ in range(ROUNDS):
                for which, (client, url) in enumerate(visits):
                    took[which].append(_open(client, url + page))
            ratios.append((median(took[1]), median(took[0])))
            say(f"pages-large {page}: {ratios[-1][0] * 1000:.1f} ms, small {ratios[-1][1] * 1000:.1f} ms")
    # The worst page is the one that people meet.
    ours, yardstick = max(ratios, key=lambda pair: pair[0] / pair[1])
    return {"pages-large": Figure(ours, yardstick)}


def _fill(here: Bench, size: tuple[int, int]) -> None:
    say(f"Generating {size[0]:,} repositories and {size[1]:,} builds.")
    command = [sys.executable, "-m", "bench.generated", *map(str, size)]
    subprocess.run(command, cwd=CHECKOUT, env=here.yard.environ, check=True)


def _log_in(here: Bench) -> httpx.Client:
    """A session of the administrator, whose password is set for this."""
    script = (
        "from accounts.models import User; u = User.objects.get(username='admin'); u.set_password('bench'); u.save()"
    )
    command = [sys.executable, "manage.py", "shell", "-c", script]
    subprocess.run(command, cwd=CHECKOUT, env=here.yard.environ, check=True, capture_output=True)
    client = httpx.Client(follow_redirects=True, timeout=60)
    form = client.get(f"{here.yard.url}/accounts/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)
    assert token
    data = {"login": "admin", "password": "bench", "csrfmiddlewaretoken": token[1]}
    answer = client.post(str(form.url), data=data, headers={"Referer": str(form.url)})
    assert answer.status_code == 200, answer.text
    return client


def _open(client: httpx.Client, url: str) -> float:
    began = time.monotonic()
    answer = client.get(url)
    assert answer.status_code == 200, f"{url}: {answer.status_code}"
    assert "login" not in str(answer.url)
    return time.monotonic() - began
