"""Every page by keyboard alone: what can be pressed is reached, in the order of the page, seen to be, and never a trap."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.looks import filled  # noqa: F401 — a fixture
from tests.browser.page_site import opened
from tests.scenes import Scene, scenes

pytestmark = pytest.mark.browser

# Marks what a keyboard should reach: not what is hidden, switched off, or another button of the same radio group.
_COUNT = """() => {
  const asked = 'a[href], button, input:not([type=hidden]), select, textarea, summary, iframe, [tabindex]';
  const groups = new Set();
  let count = 0;
  for (const one of document.querySelectorAll(asked)) {
    if (one.disabled || one.tabIndex < 0 || !one.checkVisibility({visibilityProperty: true})) continue;
    if (one.closest('[inert]')) continue;
    if (one.type === 'radio') {
      const group = one.form?.id + '/' + one.name;
      const chosen = document.querySelector(`input[type=radio][name="${CSS.escape(one.name)}"]:checked`);
      if (groups.has(group) || (chosen && chosen !== one)) continue;
      groups.add(group);
    }
    one.dataset.tabStop = String(count++);
  }
  return count;
}"""
# What the skip link passes over.
_BEFORE = """() => [...document.querySelectorAll('[data-tab-stop]:not(.skip-link)')]
  .filter((one) => document.querySelector('main').compareDocumentPosition(one) & Node.DOCUMENT_POSITION_PRECEDING)
  .map((one) => Number(one.dataset.tabStop))"""
_STILL_THERE = """(numbers) => numbers.map((number) => document.querySelector(`[data-tab-stop="${number}"]`))
  .filter((one) => one).slice(0, 5).map((one) => one.outerHTML.slice(0, 120))"""
# Notes at the end of each press, when what got the focus is in sight, where the focus is.
_NOTE = """() => {
  const where = () => {
    const one = document.activeElement;
    if (!one || one === document.body || one === document.documentElement) return null;
    const box = one.getBoundingClientRect();
    // A field that is drawn by its label shows the ring there.
    const rings = [one, one.nextElementSibling, one.closest('label, summary, .log, .shell')].filter(Boolean);
    const ring = rings.some((element) => {
      const style = getComputedStyle(element);
      return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1) || style.boxShadow !== 'none';
    }) || (one.ownerSVGElement && [...one.children].some((part) => {
      const style = getComputedStyle(part);
      return style.stroke !== 'none' && parseFloat(style.strokeWidth) >= 1.5;
    }));
    const middle = [box.left + box.width / 2, box.top + box.height / 2];
    return {
      stop: one.dataset.tabStop === undefined ? null : Number(one.dataset.tabStop),
      what: `<${one.tagName.toLowerCase()} class="${one.className.baseVal ?? one.className}"> ${one.textContent.trim().slice(0, 40)}`,
      seen: Boolean(one.closest('.xterm')) || box.width > 0 && box.height > 0 && middle[0] >= 0 && middle[0] <= innerWidth
        && middle[1] >= 0 && middle[1] <= innerHeight,
      ring,
      terminal: Boolean(one.closest('.xterm')),
    };
  };
  globalThis.stops = where() ? [where()] : [];
  window.addEventListener('keyup', () => stops.push(where()), true);
  return document.querySelector('.xterm') !== null;
}"""
MOST_STOPS = 400
AT_ONCE = 10


def stops_of(page: Page, *, skips: bool) -> tuple[set[int], list[dict[str, Any]]]:
    """Which there should be, and where Tab leads, from the beginning until the end of the page or round again.

    `skips` takes the skip link past the frame, which is the same on every page.
    """
    wanted = set(range(page.evaluate(_COUNT)))
    # A page with one field may begin in it.
    page.evaluate("document.querySelector('[autofocus]') && document.querySelector('.skip-link').focus()")
    # A terminal takes Tab for itself, and is left by another key.
    at_once = 1 if page.evaluate(_NOTE) else AT_ONCE
    stops: list[dict[str, Any]] = []
    if skips:
        if not page.evaluate("stops.length"):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        *stops, content = page.evaluate("stops.splice(0)")
        assert content["what"].startswith("<main"), content
        wanted -= set(page.evaluate(_BEFORE))
    while len(stops) < MOST_STOPS:
        for _ in range(at_once):
            page.keyboard.press("F6" if at_once == 1 and stops and stops[-1]["terminal"] else "Tab")
        noted = page.evaluate("stops.splice(0)")
        for where in noted:
            if where is None or (stops and where["stop"] == stops[0]["stop"] and where["stop"] is not None):
                return wanted, stops
            stops.append(where)
        if not noted:
            break
    return wanted, stops


def complaints(page: Page, *, skips: bool) -> list[str]:
    wanted, stops = stops_of(page, skips=skips)
    told = [f"no ring on {stop['what']}" for stop in stops if not stop["ring"]]
    told += [f"out of sight: {stop['what']}" for stop in stops if not stop["seen"]]
    if not stops or "skip-link" not in stops[0]["what"]:
        told.append(f"the first stop is {stops[0]['what'] if stops else 'nothing'}")
    # A field for a time has several parts, each of them a stop.
    numbers = [number for number, _ in itertools.groupby(stop["stop"] for stop in stops) if number is not None]
    told += [
        f"out of order: {after} follows {before}" for before, after in itertools.pairwise(numbers) if after < before
    ]
    missing = sorted(wanted - set(numbers))
    # What a live part replaced meanwhile is another element, which nobody counted.
    told += [f"never reached: {html}" for html in page.evaluate(_STILL_THERE, missing)]
    if len(numbers) != len(set(numbers)):
        told.append("Tab goes in circles before the end")
    return told


def one_of_each() -> list[Scene]:
    """A page of each kind, and each tab of the build that failed and the one that succeeded."""
    found: dict[str, Scene] = {}
    for scene in scenes():
        if scene.user == "admin" and "/builds/1?" not in scene.address and "/builds/5?" not in scene.address:
            found.setdefault(scene.address if scene.name == "build" else scene.name, scene)
    return list(found.values())


@pytest.mark.timeout(900)
def test_it_leads_tab_to_everything_that_can_be_pressed_in_its_order_with_a_ring(filled, browser):  # noqa: F811
    """Point 11: by keyboard, with a focus that is seen, without a trap, and past the frame by the skip link."""
    page, _ = opened(filled, browser, reduced_motion="reduce")
    found: list[str] = []
    for number, scene in enumerate(one_of_each()):
        page.goto(scene.address, wait_until="load")
        found += [f"{scene}: {line}" for line in complaints(page, skips=number > 0)]
    page.context.close()
    assert not found, "\n".join(found)


@pytest.mark.parametrize("scene", ["/r/acme/hello/rules", "/queue", "/r/acme/site/builds/2?tab=cache"])
def test_it_opens_what_is_folded_by_enter_and_keeps_the_focus(filled, browser, scene):  # noqa: F811
    page, _ = opened(filled, browser)
    page.goto(scene)
    summary = page.locator("main summary").first
    details = summary.locator("xpath=..")
    was_open = details.get_attribute("open") is not None
    summary.focus()
    page.keyboard.press("Enter")
    assert (details.get_attribute("open") is not None) != was_open
    assert summary.evaluate("(one) => one === document.activeElement")
    page.context.close()
