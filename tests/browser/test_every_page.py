"""Every page in a real browser: axe, widths down to 320 pixels, no complaint of the policy, and no motion.

What is found on all of them is told at once. The tabs of a build have a file of their own.
"""

from __future__ import annotations

import pytest

from tests.browser.looks import faults_of, filled  # noqa: F401 — a fixture
from tests.browser.page_site import opened
from tests.scenes import pages

pytestmark = pytest.mark.browser


@pytest.mark.timeout(900)
def test_it_keeps_every_page_in_its_width_and_free_of_what_axe_and_the_policy_find(filled, browser):  # noqa: F811
    """Point 11, in both schemes, wide and on a phone, at 400 %, and for who wants no motion."""
    found = faults_of(pages(), filled, browser)
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
def test_it_gives_words_of_states_4_5_and_their_bars_3_to_1(filled, browser, scheme):  # noqa: F811
    """Point 11: what axe does not see, for it looks at text alone."""
    page, _ = opened(filled, browser, color_scheme=scheme)
    page.goto("/")
    found = page.evaluate(_CONTRAST)
    page.context.close()
    assert {state: pair for state, pair in found.items() if pair[0] < 4.5 or pair[1] < 3} == {}


def test_it_keeps_buttons_pills_and_the_focus_where_the_system_chooses_the_colours(filled, browser):  # noqa: F811
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
