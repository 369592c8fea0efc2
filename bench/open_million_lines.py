"""Opening a finished log of 1,000,000 lines in Chromium until its first lines stand there, against one of 100 lines."""

from __future__ import annotations

import re
import shutil
import time
from statistics import median

from playwright.sync_api import Page, sync_playwright

from bench.base import Bench, Figure, bench, say
from bench.million_lines import DOCKERFILE, LINES, NONCE
from bench.pages_large import _log_in
from tests.yard import Linked

ROUNDS = 7
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def run() -> dict[str, Figure]:
    with bench() as here, sync_playwright() as playwright:
        long, short = _build(here, "acme/long", LINES), _build(here, "acme/short", 100)
        cookies = [
            {"name": cookie.name, "value": cookie.value, "url": here.yard.url} for cookie in _log_in(here).cookies.jar
        ]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        context = browser.new_context()
        context.add_cookies(cookies)
        page = context.new_page()
        took: dict[str, list[float]] = {long: [], short: []}
        for turn in range(ROUNDS + 1):
            for address in (long, short):
                seconds = _open(page, address)
                if turn:
                    took[address].append(seconds)
        browser.close()
    say(f"open-million-lines: {median(took[long]):.3f} s, 100 lines {median(took[short]):.3f} s")
    return {"open-million-lines": Figure(median(took[long]), median(took[short]))}


def _build(here: Bench, path: str, lines: int) -> str:
    """The address of a finished build whose step printed `lines` lines."""
    rules = [{"ref_type": "branch", "pattern": "main", "tags": ["latest"], "build_args": {"BASE": here.base_image}}]
    linked: Linked = here.yard.link(path, rules=rules)
    commit = linked.git.commit(
        {"Dockerfile": DOCKERFILE.replace(str(LINES), str(lines)).replace("ARG TURN\n", f"ENV TURN={path}-{NONCE}\n")}
    )
    build = linked.build_push(commit, timeout_s=300)
    assert build["state"] == "succeeded", build["error"]
    step = max(build["steps"], key=lambda step: step["lines"])
    assert step["lines"] == lines
    return f"{here.yard.url}{re.sub('^https?://[^/]+', '', build['url'])}?step={step['index']}"


def _open(page: Page, address: str) -> float:
    page.goto("about:blank")
    began = time.monotonic()
    page.goto(address)
    page.get_by_text("the quick brown fox").first.wait_for()
    return time.monotonic() - began
