"""A web process under uvicorn with a database of its own, scenes to show on it, and Chromium to look with."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from imageyard.supervisor.ports import free_port
from tests.browser.scene_loop import PASSWORD
from tests.browser.steady import steady

CHECKOUT = Path(__file__).resolve().parents[2]
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]


@dataclass
class Site:
    """`web` can be stopped and started again; `scenes` is the process that writes what is shown.

    `scenes_of` is the module with the scenes that are asked for, and `sessions` has a session by each person's name.
    """

    url: str
    environ: dict[str, str]
    log: Path
    web: subprocess.Popen[bytes]
    scenes: subprocess.Popen[str]
    scenes_of: str = ""
    sessions: dict[str, str] = field(default_factory=dict)

    def begin(self, scenes_of: str) -> None:
        """Nothing is left of what was before: there are the people of this module."""
        self.scenes_of = scenes_of
        self.sessions = self.scene("begin", module="tests.browser.scene_loop", of=scenes_of)

    def scene(self, name: str, *, module: str = "", **arguments: Any) -> dict[str, Any]:
        return ask(self.scenes, module or self.scenes_of, name, **arguments)

    def restart_web(self) -> None:
        self.stop_web()
        self.web = start_web(self.environ, self.log)
        wait_for(self.url, self.web)

    def stop_web(self) -> None:
        self.web.terminate()
        self.web.wait(20)


def ask(scenes: subprocess.Popen[str], module: str, name: str, **arguments: Any) -> dict[str, Any]:
    assert scenes.stdin is not None
    assert scenes.stdout is not None
    scenes.stdin.write(json.dumps([module, name, arguments]) + "\n")
    scenes.stdin.flush()
    answer = scenes.stdout.readline()
    assert answer, f"the scene {name} ended its process"
    return dict(json.loads(answer))


def start_web(environ: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    port = environ["IMAGEYARD_HTTP"].rpartition(":")[2]
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "imageyard.asgi:application",
        "--port",
        port,
        "--lifespan",
        "off",
        "--log-level",
        "warning",
    ]
    return subprocess.Popen(
        [*command, "--timeout-graceful-shutdown", "1"], cwd=CHECKOUT, env=environ, stderr=log.open("a")
    )


def wait_for(url: str, web: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 40
    while time.monotonic() < give_up:
        assert web.poll() is None, "the web process ended"
        try:
            if httpx.get(f"{url}/healthz", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise AssertionError("the web process does not answer")


@contextmanager
def serving(home: Path, redis_url: str) -> Iterator[Site]:
    """A site whose home is below `home`, with nobody in it."""
    port = free_port()
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("IMAGEYARD_", "DJANGO_"))},
        "IMAGEYARD_HOME": str(home / "home"),
        "IMAGEYARD_HTTP": f"127.0.0.1:{port}",
        "REDIS_URL": redis_url,
        "DJANGO_SETTINGS_MODULE": "imageyard.settings",
    }
    command = [sys.executable, "-c", "from tests.browser.scene_loop import main; main()"]
    with subprocess.Popen(
        command, cwd=CHECKOUT, env=environ, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as scenes:
        # First, for it also makes the keys in the home.
        ask(scenes, "tests.browser.scene_loop", "tables")
        log = home / "web.log"
        site = Site(f"http://127.0.0.1:{port}", environ, log, start_web(environ, log), scenes)
        try:
            wait_for(site.url, site.web)
            yield site
        finally:
            site.stop_web()
            scenes.kill()


@contextmanager
def web_beside(site: Site, **more: str) -> Iterator[Site]:
    """Another web process of the same site, with these variables."""
    port = free_port()
    environ = {**site.environ, "IMAGEYARD_HTTP": f"127.0.0.1:{port}", **more}
    beside = replace(site, url=f"http://127.0.0.1:{port}", environ=environ, web=start_web(environ, site.log))
    try:
        wait_for(beside.url, beside.web)
        yield beside
    finally:
        beside.stop_web()


@pytest.fixture(scope="session")
def served(redis_url: str, tmp_path_factory) -> Iterator[Site]:
    """The processes behind `site` and `sample`, which begin anew for each file."""
    with serving(tmp_path_factory.mktemp("site"), redis_url) as made:
        yield made


@pytest.fixture(scope="module")
def site(served: Site) -> Site:
    served.begin("tests.browser.build_scenes")
    return served


@pytest.fixture(scope="session")
def launched(chromium: str) -> Iterator[tuple[Browser, asyncio.AbstractEventLoop]]:
    """One Chromium for all files, and the event loop in which Playwright waits for it."""
    with sync_playwright() as playwright:
        loop = asyncio.get_running_loop()
        browser = steady(playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS))
        asyncio._set_running_loop(None)
        yield browser, loop
        asyncio._set_running_loop(loop)
        browser.close()


@pytest.fixture(scope="module")
def browser(launched: tuple[Browser, asyncio.AbstractEventLoop]) -> Iterator[Browser]:
    """Playwright's loop counts as running for one file: meanwhile no other test of the process may have its own."""
    asyncio._set_running_loop(launched[1])
    yield launched[0]
    asyncio._set_running_loop(None)


def page_of(site: Site, browser: Browser) -> Iterator[Page]:
    """A page of the administrator, who is logged in; what a script complains about fails the test."""
    context = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    log_in(site, page)
    yield page
    context.close()
    assert not problems, problems


def log_in(site: Site, page: Page, username: str = "admin") -> None:
    """Give the browser a session, as the form of the log-in does."""
    page.context.add_cookies([{"name": "sessionid", "value": site.sessions[username], "url": site.url}])


def log_in_by_form(page: Page, username: str = "admin") -> None:
    page.goto("/accounts/login/")
    page.fill("[name=login]", username)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/")
