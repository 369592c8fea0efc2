"""A Chromium that containers beside it do not disturb.

Each RUN step on this machine makes and removes a network interface. Chromium then ends its requests with
ERR_NETWORK_CHANGED, as it would on a laptop that changes its Wi-Fi. What is not about that is not tested by it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from playwright.sync_api import APIRequestContext, APIResponse, Browser, BrowserContext, Error, Page, Route

TRIES = 4


def steady(browser: Browser) -> Browser:
    """Make every page of `browser` load its parts past Chromium's network, and open an address again where need be."""
    make_context = browser.new_context
    # Sheets and scripts stay as they are while tests run; Chromium keeps nothing of what passes by its network. They are
    # kept by Playwright's own process, in a context that lives as long as the browser, and given by name.
    keeper = make_context().request
    kept: dict[str, APIResponse] = {}

    def new_context(**options: Any) -> BrowserContext:
        context = make_context(**options)
        context.route("**/static/**", partial(_fetch, keeper, kept))
        context.on("page", _open_again)
        return context

    browser.new_context = new_context  # type: ignore[method-assign]
    return browser


def _fetch(keeper: APIRequestContext, kept: dict[str, APIResponse], route: Route) -> None:
    url = route.request.url
    try:
        answer = kept.get(url) or keeper.get(url)
        if answer.ok:
            kept[url] = answer
        route.fulfill(response=answer)
    except Error:
        # The server is down, which a test may want, or the page is being closed, and nobody waits for an answer.
        with suppress(Error):
            route.abort()


def _open_again(page: Page) -> None:
    page.goto = _again(page.goto)  # type: ignore[method-assign]
    page.reload = _again(page.reload)  # type: ignore[method-assign]
    page.wait_for_function = partial(_until, page)  # type: ignore[method-assign]


def _until(page: Page, expression: str, *, arg: Any = None, timeout: float = 30_000) -> None:
    """Ask until it holds. Playwright's own asks from within the page, where our policy allows no `eval`."""
    give_up = time.monotonic() + timeout / 1000
    while not page.evaluate(expression, arg):
        assert time.monotonic() < give_up, f"it did not come to this: {expression}"
        page.wait_for_timeout(20)


def _again(act: Callable[..., Any]) -> Callable[..., Any]:
    def acting(*arguments: Any, **options: Any) -> Any:
        for _ in range(TRIES - 1):
            try:
                return act(*arguments, **options)
            except Error as error:
                if "ERR_NETWORK_CHANGED" not in str(error):
                    raise
        return act(*arguments, **options)

    return acting
