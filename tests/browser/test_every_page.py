"""Every scene in a real browser: axe, widths down to 320 pixels, no complaint of the policy, and no motion.

One browser, and one page of it for each scheme; what is found on all scenes is told at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.build_site import CHECKOUT, Site
from tests.browser.page_site import opened
from tests.scenes import Scene, scenes

pytestmark = pytest.mark.browser

AXE = (CHECKOUT / "node_modules/axe-core/axe.min.js").read_text()
# A page may be wider than the window only within a box of its own that scrolls.
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
MOVING = """document.getAnimations().filter((one) => one.playState === 'running'
    && one.effect.getComputedTiming().duration > 1).length"""
# The narrowest is 1280 pixels at 400 %, and 640 at 200 %.
WIDE, PHONE, NARROW = ({"width": width, "height": height} for width, height in ((1280, 860), (390, 844), (320, 512)))


@pytest.fixture(scope="module")
def filled(sample: Site) -> Site:
    sample.scene("every_page")
    return sample


def walk(site: Site, browser: Browser, **options: Any) -> Iterator[tuple[Scene, Page, list[str]]]:
    """Open every scene as the person it is for, and give it with what its scripts and its policy said."""
    by_user: dict[str, list[Scene]] = {}
    for scene in scenes():
        by_user.setdefault(scene.user, []).append(scene)
    for user, theirs in by_user.items():
        page, said = opened(site, browser, user, **options)
        for scene in theirs:
            page.goto(scene.address, wait_until="load")
            yield scene, page, said
            said.clear()
        page.context.close()


def violations(page: Page, only: str = "") -> list[str]:
    """What axe finds, of its best practices too, whatever their weight. `only` is one of its rules."""
    options = {"resultTypes": ["violations"], **({"runOnly": [only]} if only else {})}
    return [
        f"{found['impact']}: {found['id']}: {found['help']} {[node['target'] for node in found['nodes']][:3]}"
        for found in page.evaluate("(options) => axe.run(options).then((r) => r.violations)", options)
    ]


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("scheme", "first", "then"), [("light", WIDE, PHONE), ("dark", PHONE, WIDE)])
def test_it_keeps_every_page_in_its_width_and_free_of_what_axe_and_the_policy_find(
    filled, browser, scheme, first, then
):
    """Point 11, in both schemes, wide and on a phone, at 400 %, and for who wants no motion.

    The whole of axe looks once in each scheme; after a turn of the window only at contrast, which alone is another.
    """
    found: list[str] = []
    for scene, page, said in walk(filled, browser, color_scheme=scheme, viewport=first, reduced_motion="reduce"):
        page.evaluate(AXE)
        told = violations(page)
        told += [f"wider than {first['width']} pixels"] * page.evaluate(TOO_WIDE)
        page.set_viewport_size(then)
        told += violations(page, "color-contrast")
        told += [f"wider than {then['width']} pixels"] * page.evaluate(TOO_WIDE)
        if scheme == "light":
            page.set_viewport_size(NARROW)
            told += [f"wider than {NARROW['width']} pixels"] * page.evaluate(TOO_WIDE)
        if moving := page.evaluate(MOVING):
            told.append(f"{moving} animations run for somebody who asked for none")
        page.set_viewport_size(first)
        found += [f"{scene}: {line}" for line in [*told, *said]]
    assert not found, "\n".join(found)


# Each state's word on its tint, its bar on a card and on the page. Bars are told apart by words too, never by colour.
_CONTRAST = """() => {
  const light = (name) => {
    const probe = document.createElement('span');
    probe.style.color = name.startsWith('--') ? `var(${name})` : name;
    document.body.append(probe);
    const canvas = new OffscreenCanvas(1, 1).getContext('2d');
    canvas.fillStyle = getComputedStyle(probe).color;
    canvas.fillRect(0, 0, 1, 1);
    probe.remove();
    const parts = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const ratio = (one, other) => {
    const [bright, dark] = [light(one), light(other)].sort((a, b) => b - a);
    return Math.round(100 * (bright + 0.05) / (dark + 0.05)) / 100;
  };
  const card = getComputedStyle(document.querySelector('.card')).backgroundColor;
  const found = {};
  for (const state of ['ok', 'bad', 'run', 'idle', 'warn']) {
    found[state] = [ratio(`--iy-${state}`, `--iy-${state}-tint`), ratio(`--iy-${state}-solid`, card)];
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_gives_words_of_states_4_5_and_their_bars_3_to_1(filled, browser, scheme):
    """Point 11: what axe does not see, for it looks at text alone."""
    page, _ = opened(filled, browser, color_scheme=scheme)
    page.goto("/")
    found = page.evaluate(_CONTRAST)
    page.context.close()
    assert {state: pair for state, pair in found.items() if pair[0] < 4.5 or pair[1] < 3} == {}


def test_it_keeps_buttons_pills_and_the_focus_where_the_system_chooses_the_colours(filled, browser):
    """Point 11: with forced colours every control has an edge, and what has the focus a ring."""
    page, _ = opened(filled, browser, forced_colors="active")
    for address in ("/", "/queue", "/r/acme/site/builds/3", "/r/acme/hello/rules"):
        page.goto(address)
        bare = page.evaluate(
            """() => [...document.querySelectorAll('main .btn-primary, main .form-control, main .form-select')]
            .filter((one) => one.checkVisibility() && getComputedStyle(one).borderTopStyle === 'none')
            .map((one) => one.outerHTML.slice(0, 100))"""
        )
        assert not bare, bare
        for _ in range(3):
            page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", address
    page.context.close()
