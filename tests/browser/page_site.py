"""A web process with the sample set behind it, and Chromium in both colour schemes. Not a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.browser.build_site import Site, browser, log_in

__all__ = ["browser", "page", "plain", "sample"]


@pytest.fixture(scope="module")
def sample(served: Site) -> Site:
    served.begin("tests.browser.page_scenes")
    return served


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
        log_in(site, page, user)
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
