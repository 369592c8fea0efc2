"""A web process under uvicorn with a database of its own, scenes to show on it, and Chromium to look with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from imageyard.supervisor.ports import free_port
from tests.browser.steady import steady

CHECKOUT = Path(__file__).resolve().parents[2]
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]


@dataclass
class Site:
    """`web` can be stopped and started again; `scenes` is the process that writes what is shown."""

    url: str
    environ: dict[str, str]
    log: Path
    web: subprocess.Popen[bytes]
    scenes: subprocess.Popen[str]

    def scene(self, name: str, **arguments: Any) -> dict[str, Any]:
        assert self.scenes.stdin is not None
        assert self.scenes.stdout is not None
        self.scenes.stdin.write(json.dumps([name, arguments]) + "\n")
        self.scenes.stdin.flush()
        answer = self.scenes.stdout.readline()
        assert answer, f"the scene {name} ended its process"
        return dict(json.loads(answer))

    def restart_web(self) -> None:
        self.stop_web()
        self.web = start_web(self.environ, self.log)
        wait_for(self.url, self.web)

    def stop_web(self) -> None:
        self.web.terminate()
        self.web.wait(20)


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
def serving(home: Path, redis_url: str, scenes_of: str, **more: str) -> Iterator[Site]:
    """A site whose home is below `home`; `scenes_of` is the module that writes what is shown on it. `more`: variables."""
    port = free_port()
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("IMAGEYARD_", "DJANGO_"))},
        "IMAGEYARD_HOME": str(home / "home"),
        "IMAGEYARD_HTTP": f"127.0.0.1:{port}",
        "REDIS_URL": redis_url,
        "DJANGO_SETTINGS_MODULE": "imageyard.settings",
        **more,
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=CHECKOUT, env=environ, check=True)
    command = [sys.executable, "-m", scenes_of]
    scenes = subprocess.Popen(
        command, cwd=CHECKOUT, env=environ, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    site = Site(f"http://127.0.0.1:{port}", environ, home / "web.log", start_web(environ, home / "web.log"), scenes)
    try:
        wait_for(site.url, site.web)
        site.scene("people")
        yield site
    finally:
        site.stop_web()
        scenes.kill()
        scenes.wait()


@pytest.fixture(scope="session")
def site(redis_url: str, tmp_path_factory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("site"), redis_url, "tests.browser.build_scenes") as made:
        yield made


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Ends with its module: as long as Playwright runs, no other test of the process may have an event loop."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield steady(browser)
        browser.close()


def page_of(site: Site, browser: Browser) -> Iterator[Page]:
    """A page of the administrator, who is logged in; what a script complains about fails the test."""
    context = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    log_in(page)
    yield page
    context.close()
    assert not problems, problems


def log_in(page: Page, username: str = "admin") -> None:
    page.goto("/accounts/login/")
    page.fill("[name=login]", username)
    page.fill("[name=password]", "correct horse battery")
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/")
