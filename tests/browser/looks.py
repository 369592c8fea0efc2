"""Looks at pages with axe in both schemes, wide and on a phone, with one opening of each. Not a test."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, ViewportSize
from playwright.sync_api import TimeoutError as TooLate

from tests.browser.build_site import CHECKOUT, Site
from tests.browser.page_site import opened
from tests.scenes import Scene

Scheme = Literal["light", "dark"]
AXE = (CHECKOUT / "node_modules/axe-core/axe.min.js").read_text()
# The narrowest is 1280 pixels at 400 %, and 640 at 200 %.
WIDE, PHONE, NARROW = (ViewportSize(width=one, height=two) for one, two in ((1280, 860), (390, 844), (320, 512)))
# What a script measures as it begins.
MEASURED = "[data-log], [data-shell-screen]"
# A page may be wider than the window only within a box of its own that scrolls.
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
MOVING = """document.getAnimations().filter((one) => one.playState === 'running'
    && one.effect.getComputedTiming().duration > 1).length"""
# What axe finds, of its best practices too, whatever their weight: by all of its rules on the whole page (of those, all
# but `STILL` in the second scheme), or after a turn of the window by that of contrast alone. Its selectors are a third of
# its time, and made only where there is something to tell.
#
# Contrast is half of its time, and is measured of each look once. A look is the own styles of a text, and those of all
# around it that change what is behind. Of a text whose look was measured and found good, on this page or on one before,
# no more is asked, unless something painted that is not around it lies there too, or it leaves what is around it.
TURNED: dict[str, Any] = {"whole": False, "still": []}
# What says the same of a document in each scheme and width: it reads the head, `lang`, or the sheets of styles as such.
STILL = [
    *["css-orientation-lock", "document-title", "html-has-lang", "html-lang-valid", "html-xml-lang-mismatch"],
    *["meta-refresh", "meta-viewport", "meta-viewport-large", "no-autoplay-audio"],
]
_LOOK = """async ({whole, still}) => {
  const OWN = ['color', 'fontSize', 'fontWeight', 'textShadow'];
  const BEHIND = {backgroundColor: 'rgba(0, 0, 0, 0)', backgroundImage: 'none', opacity: '1', mixBlendMode: 'normal',
    filter: 'none', backdropFilter: 'none', clipPath: 'none', maskImage: 'none'};
  const good = new Set((sessionStorage.getItem('looks-found-good') ?? '').split('\\n'));
  const behind = new Map();
  const looks = new Map();
  const painted = [];
  const texts = [];
  for (const one of document.querySelectorAll('html, body, body *')) {
    const style = getComputedStyle(one);
    const its = Object.entries(BEHIND).map(([name, none]) => style[name] === none ? '' : style[name]);
    behind.set(one, (behind.get(one.parentElement) ?? '') + (its.some(Boolean) ? `${its.join()}/` : ''));
    const field = one.matches('input:not([type=checkbox], [type=radio], [type=range], [type=color]), select, textarea');
    const text = field || [...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    const paints = its[0] || its[1];
    if (!text && !paints || !one.checkVisibility({visibilityProperty: true})) continue;
    const box = one.getBoundingClientRect();
    // Too small, or before the page's begin, it is for a screen reader alone, or comes with the focus.
    if (box.width <= 1 || box.height <= 1 || box.bottom + scrollY <= 0 || box.right + scrollX <= 0) continue;
    if (paints && one.parentElement && one !== document.body) painted.push([one, box]);
    // Axe asks for no contrast of what cannot be used.
    if (!text || one.matches('option, :disabled, [aria-disabled=true]')) continue;
    texts.push([one, box]);
    looks.set(one, `${OWN.map((name) => style[name]).join()}/${behind.get(one)}`.replaceAll(' ', ''));
  }
  const clipped = (one, within) => {
    for (let at = one.parentElement; at; at = at === within ? null : at.parentElement) {
      if (getComputedStyle(at).overflow !== 'visible') return true;
    }
    return false;
  };
  const alone = ([one, box]) => !painted.some(([other, its]) => other.contains(one)
    ? (box.left < its.left - 1 || box.right > its.right + 1 || box.top < its.top - 1 || box.bottom > its.bottom + 1)
      && !clipped(one, other)
    : box.left < its.right - 1 && its.left < box.right - 1 && box.top < its.bottom - 1 && its.top < box.bottom - 1
      && !one.contains(other));
  const settled = new Set(texts.filter(alone).map(([one]) => one));
  const asked = texts.map(([one]) => one).filter((one) => !(settled.has(one) && good.has(looks.get(one))));
  const told = [];
  const look = async (where, options) => {
    const found = await axe.run(where, {...options, selectors: false});
    if (found.violations.length) told.push(...(await axe.run(where, options)).violations.map((one) => `${one.impact}: ${one.id}: `
      + `${one.help} ${one.nodes.slice(0, 3).map((node) => node.target.join(' ')).join(', ')}`));
    return found;
  };
  if (whole) {
    const others = Object.fromEntries(['color-contrast', ...still].map((rule) => [rule, {enabled: false}]));
    await look(document, {resultTypes: ['violations'], rules: others});
  }
  if (asked.length) {
    const all = new Set(asked);
    const outermost = asked.filter((one) => {
      for (let around = one.parentElement; around; around = around.parentElement) if (all.has(around)) return false;
      return true;
    });
    const {passes, incomplete} = await look(outermost.length > 60 ? document : {include: outermost}, {
      runOnly: ['color-contrast'], resultTypes: ['violations', 'passes', 'incomplete'], elementRef: true});
    for (const node of [...passes, ...incomplete].flatMap((one) => one.nodes)) {
      // What axe takes to be hidden has passed too, without a measure. What lies on a picture is not for it to measure.
      const measured = node.any.some(({data}) => data?.contrastRatio > 1 && data.fgColor && data.bgColor && !data.messageKey
        || ['bgImage', 'bgGradient'].includes(data?.messageKey));
      if (measured && settled.has(node.element)) good.add(looks.get(node.element));
    }
    sessionStorage.setItem('looks-found-good', [...good].join('\\n'));
  }
  return told;
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
        schemes: tuple[Scheme, Scheme] = ("light", "dark")
        for scene in theirs:
            page.goto(scene.address, wait_until="load")
            found += [f"{scene}: {line}" for line in [*faults_in_both_schemes(page, *schemes), *said]]
            said.clear()
            schemes = schemes[1], schemes[0]
        page.context.close()
    return found


def faults_in_both_schemes(page: Page, first: Scheme, second: Scheme) -> list[str]:
    """The page is open, wide and in the first scheme; at the end it is wide and in the second, as the next one begins.

    The whole of axe looks once in each scheme, wide in one and on a phone in the other. After a turn of the window, and
    that in both schemes, contrast is looked at alone.
    """
    told = follows(page, first)
    told += seen(page, first, WIDE, {"whole": True, "still": []})
    told += too_wide(page, NARROW)
    told += seen(page, first, PHONE, TURNED)
    page.emulate_media(color_scheme=second)
    if page.locator(MEASURED).count():
        page.reload(wait_until="load")
    told += seen(page, second, PHONE, {"whole": True, "still": STILL})
    told += seen(page, second, WIDE, TURNED)
    told += follows(page, second)
    if moving := page.evaluate(MOVING):
        told.append(f"{moving} animations run for somebody who asked for none")
    return told


def follows(page: Page, scheme: Scheme) -> list[str]:
    """A page opened right after the scheme was changed is now and then told of it only when it is there."""
    follows = f"document.documentElement.dataset.bsTheme === '{scheme}'"
    if page.evaluate(follows):
        return []
    try:
        page.wait_for_function(follows, timeout=5_000)
    except TooLate:
        return [f"it does not follow the system into the {scheme}"]
    return []


def seen(page: Page, scheme: Scheme, size: ViewportSize, how: dict[str, Any]) -> list[str]:
    told = too_wide(page, size)
    return told + [f"{scheme}, {size['width']} pixels: {line}" for line in page.evaluate(_LOOK, how)]


def too_wide(page: Page, size: ViewportSize) -> list[str]:
    page.set_viewport_size(size)
    return [f"wider than {size['width']} pixels"] * page.evaluate(TOO_WIDE)
