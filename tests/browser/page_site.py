"""A web process with the sample set behind it, and Chromium in both colour schemes. Not a test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from imageyard.supervisor.ports import free_port
from tests.browser.build_site import CHECKOUT, Site, browser, log_in, start_web, wait_for

__all__ = ["browser", "page", "plain", "sample"]


@pytest.fixture(scope="module")
def sample(redis_url: str, tmp_path_factory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("sample")
    port = free_port()
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("IMAGEYARD_", "DJANGO_"))},
        "IMAGEYARD_HOME": str(home / "home"),
        "IMAGEYARD_HTTP": f"127.0.0.1:{port}",
        "REDIS_URL": redis_url,
        "DJANGO_SETTINGS_MODULE": "imageyard.settings",
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=CHECKOUT, env=environ, check=True)
    command = [sys.executable, "-m", "tests.browser.page_scenes"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    scenes = subprocess.Popen(command, cwd=CHECKOUT, env=environ, **pipes)
    site = Site(f"http://127.0.0.1:{port}", environ, home / "web.log", start_web(environ, home / "web.log"), scenes)
    try:
        wait_for(site.url, site.web)
        site.scene("people")
        yield site
    finally:
        site.stop_web()
        scenes.kill()
        scenes.wait()


def opened(site: Site, browser: Browser, user: str = "admin", **options) -> tuple[Page, list[str]]:
    """A page on which `user` is logged in, and the list of what scripts, parts and the content policy complain about.

    Nobody is, where `user` is "". An address that is not there is no complaint: tests ask for some.
    """
    context = browser.new_context(base_url=site.url, **{"viewport": {"width": 1280, "height": 860}, **options})
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if is_complaint(said) else None)
    if user:
        log_in(page, user)
    return page, problems


def is_complaint(said: ConsoleMessage) -> bool:
    """An error of the console, but for an answer that says itself what is wrong, and a server that a test stopped."""
    asked = "Failed to load resource" in said.text or "WebSocket connection to" in said.text
    # htmx says so of a request that the next letter one types makes needless.
    given_up = said.text.startswith(("htmx:afterRequest", "htmx:sendAbort"))
    return said.type == "error" and not given_up and (not asked or "/static/" in said.text)


@pytest.fixture
def page(sample: Site, browser: Browser) -> Iterator[Page]:
    page, problems = opened(sample, browser)
    yield page
    page.context.close()
    assert not problems, problems


@pytest.fixture
def plain(sample: Site, browser: Browser) -> Iterator[Page]:
    """A browser that runs no scripts."""
    page, _ = opened(sample, browser, java_script_enabled=False)
    yield page
    page.context.close()
