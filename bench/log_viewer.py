"""The log viewer in Chromium over 1,000,000 lines (58 MB), and the search behind it. Logs are written, not built.

* `log-first-paint`: until the first lines stand there, against a log of 100 lines
* `log-frame`, `log-frame-wrapped`: the time of a frame while scrolling, the slowest of 20, against 1/60 s
* `log-memory-mb`: the tab's heap after it went through the whole log four times, against twice
* `log-search`, `log-search-regex`, `log-search-coloured`: one search of all lines, against `zstdcat | grep`
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bench.base import Figure, say
from bench.open_million_lines import FLAGS
from imageyard.supervisor.parts import Redis
from tests.browser.build_site import Site, log_in, serving
from tests.real_parts import running

LINES = 1_000_000
ROUNDS = 5
PLAIN = "%07d the quick brown fox jumps over the lazy dog again"
COLOURED = "\x1b[32m%07d\x1b[0m the quick \x1b[1mbrown\x1b[22m fox jumps over the lazy dog"
LONG = "%07d " + "a line that is too long for the pane and is wrapped, " * 12
FRAME_S = 1 / 60

SCROLL = """(step) => new Promise((done) => {
  const pane = document.querySelector("[data-log-pane]");
  const times = []; let last = performance.now(); const end = last + 4000;
  const frame = (now) => { times.push(now - last); last = now; pane.scrollTop += step;
    if (now < end) requestAnimationFrame(frame); else done(times.slice(1)); };
  requestAnimationFrame(frame); })"""
STANDS = """() => { const rows = [...document.querySelectorAll(".log-row")];
  return rows.length > 10 && !rows.some((row) => row.classList.contains("is-unread")); }"""


def run() -> dict[str, Figure]:
    with _site() as site, sync_playwright() as playwright:
        long = site.scene("many", lines=LINES, line=PLAIN, path="acme/long")
        short = site.scene("many", lines=100, line=PLAIN, path="acme/short")
        wrapped = site.scene("many", lines=50_000, line=LONG, path="acme/wrapped")
        coloured = site.scene("many", lines=LINES, line=COLOURED, path="acme/coloured")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = _page(browser, site)
        figures = {"log-first-paint": _first_paint(page, long["url"], short["url"])}
        figures["log-memory-mb"] = _memory(page, long["url"])
        figures["log-frame"] = _frames(page, long["url"])
        page.keyboard.press("w")
        figures["log-frame-wrapped"] = _frames(page, wrapped["url"])
        figures |= _searches(page, site, long, coloured)
        browser.close()
    return figures


@contextmanager
def _site() -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="iy-log-", dir="/tmp"))
    redis = Redis(folder)
    try:
        with running(redis), serving(folder, redis.url) as site:
            site.begin("tests.browser.build_scenes")
            yield site
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _page(browser: Browser, site: Site) -> Page:
    page = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 860}).new_page()
    log_in(site, page)
    return page


def _open(page: Page, address: str) -> float:
    page.goto("about:blank")
    began = time.monotonic()
    page.goto(address)
    _until(page, STANDS)
    return time.monotonic() - began


def _until(page: Page, expression: str) -> None:
    while not page.evaluate(expression):
        time.sleep(0.005)


def _first_paint(page: Page, long: str, short: str) -> Figure:
    took: dict[str, list[float]] = {long: [], short: []}
    for turn in range(ROUNDS + 1):
        for address in (long, short):
            seconds = _open(page, f"{address}?step=8")
            if turn:
                took[address].append(seconds)
    return Figure(statistics.median(took[long]), statistics.median(took[short]))


def _memory(page: Page, address: str) -> Figure:
    """Each time a hundred places are looked at, until their lines stand there."""
    _open(page, f"{address}?step=8")
    tools = page.context.new_cdp_session(page)
    heaps = [_heap(tools)]
    for _ in range(4):
        for place in range(100):
            page.evaluate(
                "(part) => { const p = document.querySelector('[data-log-pane]');"
                " p.scrollTop = part * (p.scrollHeight - p.clientHeight); }",
                place / 99,
            )
            _until(page, STANDS)
        heaps.append(_heap(tools))
    say(
        f"log-memory: {', '.join(f'{heap / 1e6:.1f}' for heap in heaps)} MB after opening and each time through the log"
    )
    return Figure(heaps[-1] / 1e6, heaps[2] / 1e6)


def _heap(tools: CDPSession) -> float:
    tools.send("HeapProfiler.collectGarbage")
    return float(tools.send("Runtime.getHeapUsage")["usedSize"])


def _frames(page: Page, address: str) -> Figure:
    """The 95th percentile of the time between frames, at three lines a frame (180 a second)."""
    _open(page, f"{address}?step=8")
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable")
    before = _work(tools)
    times = [ms / 1000 for ms in page.evaluate(SCROLL, 60)]
    work = (_work(tools) - before) / len(times)
    slow = statistics.quantiles(times, n=20)[18]
    say(
        f"{address}: {len(times) / sum(times):.1f} frames a second while scrolling, "
        f"95 % within {slow * 1000:.1f} ms, slowest {max(times) * 1000:.1f} ms, of which {work * 1000:.1f} ms are work"
    )
    return Figure(slow, FRAME_S)


def _work(tools: CDPSession) -> float:
    """Seconds that the page's thread has spent on scripts, styles and layout."""
    parts = {"ScriptDuration", "LayoutDuration", "RecalcStyleDuration"}
    metrics = tools.send("Performance.getMetrics")["metrics"]
    return sum(float(metric["value"]) for metric in metrics if metric["name"] in parts)


def _searches(page: Page, site: Site, plain: dict[str, Any], coloured: dict[str, Any]) -> dict[str, Figure]:
    """No line has what is asked for, so that all are searched; the text is in none but looks like many."""
    return {
        "log-search": Figure(_search(page, plain, "lazy cat"), _grep(site, plain, "-ci", "lazy cat")),
        "log-search-regex": Figure(
            _search(page, plain, "fox.*(cat|cow)$", regex=1), _grep(site, plain, "-ciE", "fox.*(cat|cow)$")
        ),
        "log-search-coloured": Figure(_search(page, coloured, "brown cat"), _grep(site, coloured, "-ci", "brown cat")),
    }


def _search(page: Page, build: dict[str, Any], text: str, **options: int) -> float:
    took: list[float] = []
    for _ in range(ROUNDS):
        seconds, searched = 0.0, 0
        start: str | None = ""
        while start is not None:
            began = time.monotonic()
            answer = page.request.get(f"{build['url']}/log/search", params={"q": text, "start": start, **options})
            seconds += time.monotonic() - began
            found = json.loads(answer.body())
            searched, start = found["searched"], found["next"]
        assert searched == LINES
        assert not found["matches"]
        took.append(seconds)
    return statistics.median(took)


def _grep(site: Site, build: dict[str, Any], flags: str, text: str) -> float:
    stored = next(Path(site.environ["IMAGEYARD_HOME"]).rglob(f"{build['id']}/1/*.log.zst"))
    took = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        zstdcat = subprocess.Popen(["zstdcat", str(stored)], stdout=subprocess.PIPE)
        subprocess.run(["grep", flags, text], stdin=zstdcat.stdout, stdout=subprocess.DEVNULL, check=False)
        zstdcat.wait()
        took.append(time.monotonic() - began)
    return statistics.median(took)
