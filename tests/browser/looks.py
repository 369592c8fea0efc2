"""Looks at pages with axe in both schemes, wide and on a phone, with one opening of each. Not a test."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.build_site import CHECKOUT, Site
from tests.browser.page_site import opened
from tests.scenes import Scene

AXE = (CHECKOUT / "node_modules/axe-core/axe.min.js").read_text()
# The narrowest is 1280 pixels at 400 %, and 640 at 200 %.
WIDE, PHONE, NARROW = ({"width": width, "height": height} for width, height in ((1280, 860), (390, 844), (320, 512)))
# What a script measures as it begins.
MEASURED = "[data-log], [data-shell-screen]"
# A page may be wider than the window only within a box of its own that scrolls.
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
MOVING = """document.getAnimations().filter((one) => one.playState === 'running'
    && one.effect.getComputedTiming().duration > 1).length"""
# What axe finds, of its best practices too, whatever their weight: by all of its rules, or after a turn of the window by
# that of contrast alone, on what looks other than before the turn or was not to be seen. Its selectors are a third of
# its time, and made only where there is something to tell.
_LOOK = """async (afterTurn) => {
  const looks = new Map();
  for (const one of document.querySelectorAll('body, body *')) {
    const style = getComputedStyle(one);
    const own = one.checkVisibility({visibilityProperty: true}) && [style.color, style.backgroundColor,
      style.backgroundImage, style.opacity, style.fontSize, style.fontWeight, style.position, style.clipPath];
    looks.set(one, own && [looks.get(one.parentElement) ?? '', ...own].join());
  }
  const others = [...looks].filter(([one, look]) => look && look !== globalThis.looksBefore?.get(one));
  globalThis.looksBefore = looks;
  if (afterTurn && others.length === 0) return [];
  const changed = new Set(others.map(([one]) => one));
  const where = afterTurn ? {include: [...changed].filter((one) => !changed.has(one.parentElement))} : document;
  const options = {resultTypes: ['violations'], ...(afterTurn ? {runOnly: ['color-contrast']} : {})};
  const found = (await axe.run(where, {...options, selectors: false})).violations;
  if (found.length === 0) return [];
  return (await axe.run(where, options)).violations.map((one) =>
    `${one.impact}: ${one.id}: ${one.help} ${one.nodes.slice(0, 3).map((node) => node.target.join(' ')).join(', ')}`);
}"""


@pytest.fixture(scope="module")
def filled(sample: Site) -> Site:
    sample.scene("every_page")
    return sample


def faults_of(scenes: Iterable[Scene], site: Site, browser: Browser) -> list[str]:
    """What is wrong with these pages, each opened once by the person it is for, who wants no motion."""
    by_user: dict[str, list[Scene]] = {}
    for scene in scenes:
        by_user.setdefault(scene.user, []).append(scene)
    found: list[str] = []
    for user, theirs in by_user.items():
        page, said = opened(site, browser, user, color_scheme="light", viewport=WIDE, reduced_motion="reduce")
        # Told once: to hand it over for each page, and to read it anew there, took twice the time.
        page.add_init_script(AXE)
        for scene in theirs:
            page.goto(scene.address, wait_until="load")
            found += [f"{scene}: {line}" for line in [*faults_in_both_schemes(page), *said]]
            said.clear()
        page.context.close()
    return found


def faults_in_both_schemes(page: Page) -> list[str]:
    """The page is open, wide and light, and is so again at the end.

    The whole of axe looks once in each scheme, wide in one and on a phone in the other. After a turn of the window, and
    that in both schemes, the contrast is looked at anew of what the turn shows or makes look otherwise.
    """
    told = seen(page, "light", WIDE)
    told += seen(page, "light", PHONE, after_turn=True)
    told += too_wide(page, NARROW)
    page.emulate_media(color_scheme="dark")
    if page.locator(MEASURED).count():
        page.set_viewport_size(PHONE)
        page.reload(wait_until="load")
    told += seen(page, "dark", PHONE)
    told += seen(page, "dark", WIDE, after_turn=True)
    if page.evaluate("document.documentElement.dataset.bsTheme") != "dark":
        told.append("it does not follow the system into the dark")
    if moving := page.evaluate(MOVING):
        told.append(f"{moving} animations run for somebody who asked for none")
    page.emulate_media(color_scheme="light")
    return told


def seen(page: Page, scheme: str, size: dict[str, int], *, after_turn: bool = False) -> list[str]:
    told = too_wide(page, size)
    return told + [f"{scheme}, {size['width']} pixels: {line}" for line in page.evaluate(_LOOK, after_turn)]


def too_wide(page: Page, size: dict[str, int]) -> list[str]:
    page.set_viewport_size(size)
    return [f"wider than {size['width']} pixels"] * page.evaluate(TOO_WIDE)
