"""A person debugs a failed step in a real browser: one click, a shell, keys that arrive and a policy that holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.functional.conftest import shared_yard, yard  # noqa: F401 — fixtures
from tests.functional.shells import Person
from tests.functional.test_debug_images import failed
from tests.yard import Yard, fresh

WAIT_MS = 90_000


@pytest.fixture(scope="module")
def step(yard: Yard, base_image: str) -> str:  # noqa: F811
    """The address of a failed build."""
    linked, build = failed(yard, fresh(base_image, "ARG WHO=you", "RUN touch /made", "RUN echo hi $WHO && false"))
    return f"/r/{linked.path}/builds/{build['number']}"


@pytest.fixture
def page(yard: Yard, browser: Browser) -> Iterator[Page]:  # noqa: F811
    person = Person(yard)
    context = browser.new_context(base_url=yard.url, viewport={"width": 1280, "height": 860})
    cookies = [{"name": name, "value": value, "url": yard.url} for name, value in person.web.cookies.items()]
    context.add_cookies(cookies)  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


@pytest.mark.timeout(400)
def test_one_click_makes_the_image_and_a_shell_on_it_takes_what_is_typed(page: Page, step: str):
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.goto(step)
    page.click("#build-debug")
    page.locator("#shell-open").click(timeout=WAIT_MS)  # comes by itself when the image is ready
    says = page.locator("[data-shell-says]")
    expect(says).to_have_text("Open", timeout=WAIT_MS)
    expect(page.locator("[data-shell-left]")).to_contain_text("left")
    page.keyboard.type("ls /made; echo $WHO-$((40+2))\n")
    rows = page.locator(".xterm-rows")
    expect(rows).to_contain_text("you-42", timeout=WAIT_MS)
    expect(rows).to_contain_text("/made")
    page.keyboard.press("F6")
    expect(page.locator("[data-shell-paste]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(rows).to_contain_text("echo hi $WHO && false")
    page.reload()
    expect(rows).to_contain_text("you-42", timeout=WAIT_MS)  # what was shown is there again
    page.click(".shell-close button")
    expect(page.locator(".debug")).to_contain_text("You closed it.")
    assert problems == []
