"""Point 5 in a browser: from a build to another repository by keyboard, and a copy that tells how far it is."""

from __future__ import annotations

import os

import pytest

from tests.browser.page_site import browser, opened, sample  # noqa: F401 — fixtures

pytestmark = pytest.mark.browser
SITE = "/r/acme/site"


@pytest.fixture(scope="module")
def full(sample):  # noqa: F811
    sample.scene("every_page")
    return sample


@pytest.fixture(params=[1280, 390])
def look(full, browser, request):  # noqa: F811
    page, problems = opened(full, browser, viewport={"width": request.param, "height": 860})
    page.width = request.param
    yield page
    page.context.close()
    assert problems == []


def shot(look, name: str) -> None:
    if folder := os.environ.get("IMAGEYARD_SHOTS"):
        for scheme in ("light", "dark"):
            look.emulate_media(color_scheme=scheme)
            look.screenshot(path=f"{folder}/{name}-{look.width}-{scheme}.png", full_page=True)


def fits(look) -> bool:
    return look.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_build_is_promoted_by_keyboard(look):
    look.goto(f"{SITE}/builds/2")
    look.focus("#build-tag")
    look.keyboard.press("Enter")
    look.wait_for_selector("text=Put a tag on build #2")
    shot(look, "choose")
    look.focus("#repository")
    look.keyboard.press("Control+A")
    look.keyboard.type("acme/web")
    look.keyboard.press("Tab")
    look.keyboard.type("stable")
    look.keyboard.press("Enter")
    look.wait_for_selector("text=Copy signatures and SBOMs that refer to the image")
    assert look.url.endswith("/r/acme/web/tags/stable/move?from=acme%2Fsite&build=2")
    assert "Promote acme/site to acme/web:stable" in look.inner_text("main")
    assert fits(look)
    shot(look, "confirm")


def test_what_cannot_be_is_refused_where_it_is_typed(look):
    look.goto(f"{SITE}/tags/latest")
    look.click("#tag-promote")
    look.fill("#repository", "acme/nothing")
    look.keyboard.press("Enter")
    look.wait_for_selector("text=There is no repository acme/nothing")
    assert look.input_value("#tag") == "latest"
    assert fits(look)
    shot(look, "refused")


def test_a_copy_tells_how_far_it_is_and_what_came_of_it(look, full):
    tag, page = f"of-{look.width}", f"/r/acme/web/tags/of-{look.width}"
    full.scene("copying", tag=tag, done=3_100_000, total=12_400_000)
    look.goto(page)
    look.wait_for_selector("text=Copied 3.1 MB of 12.4 MB.")
    shot(look, "copying")
    full.scene("copying", tag=tag, done=9_900_000, total=12_400_000)
    look.wait_for_selector("text=Copied 9.9 MB of 12.4 MB.")
    assert look.evaluate("document.querySelector('progress').position") == pytest.approx(9.9 / 12.4)
    assert fits(look)
    full.scene("promoted", tag=tag)
    look.wait_for_selector("#tag-hand >> text=was promoted from acme/site build #2")
    look.reload()
    assert look.locator("#tag-history a", has_text="acme/site build #2").get_attribute("href") == f"{SITE}/builds/2"
    shot(look, "promoted")
    look.goto(f"{SITE}/builds/2")
    look.wait_for_selector(f"text=acme/web:{tag}")
    assert fits(look)
    shot(look, "source")
