"""A Chromium that containers beside it do not disturb.

Each RUN step on this machine makes and removes a network interface. Chromium then ends its requests with
ERR_NETWORK_CHANGED, as it would on a laptop that changes its Wi-Fi. What is not about that is not tested by it.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from playwright.sync_api import APIRequestContext, Browser, BrowserContext, CDPSession, Error, Page, Route

TRIES = 4


def steady(browser: Browser) -> Browser:
    """Make every page of `browser` load its parts past Chromium's network, and open an address again where need be."""
    make_context = browser.new_context
    parts = Parts(make_context().request)

    def new_context(**options: Any) -> BrowserContext:
        context = make_context(**options)
        make_page = context.new_page

        def new_page() -> Page:
            page = _opens_again(make_page())
            parts.give_to(page)
            return page

        context.new_page = new_page  # type: ignore[method-assign]
        return context

    browser.new_context = new_context  # type: ignore[method-assign]
    return browser


class Parts:
    """Sheets and scripts, which stay as they are while tests run: the server is asked once for all pages.

    They are given by the protocol itself. A route of Playwright's stops every request, and has Chromium forget what a
    page loaded: a third of what it takes to open the next one. So there is one only where a test has its own.
    """

    def __init__(self, server: APIRequestContext) -> None:
        self.server = server
        self.kept: dict[str, dict[str, Any]] = {}

    def give_to(self, page: Page) -> None:
        session, make_route = page.context.new_cdp_session(page), page.route

        def route(*arguments: Any, **options: Any) -> None:
            session.send("Fetch.disable")
            page.context.route("**/static/**", self._by_route)
            make_route(*arguments, **options)

        page.route = route  # type: ignore[method-assign]
        session.on("Fetch.requestPaused", partial(self._by_protocol, session))
        session.send("Fetch.enable", {"patterns": [{"urlPattern": "*/static/*"}]})

    def _by_protocol(self, session: CDPSession, asked: dict[str, Any]) -> None:
        which = {"requestId": asked["requestId"]}
        try:
            told = self._answer(asked["request"]["url"])
            headers = [{"name": name, "value": value} for name, value in told["headers"].items()]
            answer = {"responseCode": told["status"], "responseHeaders": headers, "body": told["base64"]}
            session.send("Fetch.fulfillRequest", which | answer)
        except Error:
            # The server is down, which a test may want, or the page is being closed, and nobody waits for an answer.
            with suppress(Error):
                session.send("Fetch.failRequest", which | {"errorReason": "ConnectionRefused"})

    def _by_route(self, route: Route) -> None:
        try:
            told = self._answer(route.request.url)
            route.fulfill(status=told["status"], headers=told["headers"], body=base64.b64decode(told["base64"]))
        except Error:
            with suppress(Error):
                route.abort()

    def _answer(self, url: str) -> dict[str, Any]:
        if url in self.kept:
            return self.kept[url]
        answer = self.server.get(url)
        # The body comes unpacked.
        packed = {"content-encoding", "content-length", "transfer-encoding"}
        headers = {name: value for name, value in answer.headers.items() if name not in packed}
        told = {"status": answer.status, "headers": headers, "base64": base64.b64encode(answer.body()).decode()}
        if answer.ok:
            self.kept[url] = told
        return told


def _opens_again(page: Page) -> Page:
    page.goto = _again(page.goto)  # type: ignore[method-assign]
    page.reload = _again(page.reload)  # type: ignore[method-assign]
    page.wait_for_function = partial(_until, page)  # type: ignore[method-assign]
    return page


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
