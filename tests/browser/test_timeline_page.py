"""Point 1 in a real browser: the timeline of a running build follows it by itself, and reads well without a mouse."""

from __future__ import annotations

import re

import pytest

from tests.browser.build_site import page_of
from tests.browser.looks import TOO_WIDE

pytestmark = pytest.mark.browser

WIDTH = "element => element.getBoundingClientRect().width"


@pytest.fixture
def page(site, browser):
    yield from page_of(site, browser)


def bar(page, step: int):
    return page.locator(f'[data-time-row="{step}"] .time-bar').last


def test_the_timeline_of_a_running_build_grows_and_changes_by_itself(site, page):
    scene = site.scene("timed_build", until_s=10)
    page.goto(f"{scene['path']}?tab=timeline")
    assert "About" in page.locator("#time-left").inner_text()
    width = bar(page, 8).evaluate(WIDTH)
    page.wait_for_function(  # the clock alone lets it grow
        "([step, width]) => [...document.querySelectorAll(`[data-time-row='${step}'] .time-bar`)].at(-1)"
        ".getBoundingClientRect().width > width + 4",
        arg=[8, width],
    )
    assert page.locator('[data-time-row="9"] .time-bar').count() == 0
    site.scene("timed_on", build_id=scene["id"], until_s=26.6, step=9)  # the news: step 8 is over, 9 runs
    page.wait_for_selector('[data-time-row="9"].is-running .time-bar')
    assert "is-succeeded" in page.locator('[data-time-row="8"]').get_attribute("class")
    site.scene("timed_end", build_id=scene["id"])
    page.wait_for_selector("#timeline:not([data-live])")
    assert page.locator("#time-left").count() == 0
    assert page.locator("[data-grows]").count() == 0


def test_bytes_of_the_context_count_up_while_it_is_sent(site, page):
    scene = site.scene("timed_build", path="acme/sent", until_s=3)
    page.goto(f"{scene['path']}?tab=timeline")
    page.wait_for_selector('[data-time-row="5"].is-running')
    page.wait_for_timeout(300)  # until the live connection stands
    site.scene("timed_on", build_id=scene["id"], until_s=3, step=5, moved=31_500_000)
    page.wait_for_function("document.querySelector('[data-moved=\"5\"]')?.textContent.includes('31.5 MB')")


def test_the_words_of_a_late_mark_do_not_widen_a_narrow_page(site, page):
    """`test_views_timeline.py` shows which marks are late."""
    scene = site.scene("timed_build", path="acme/narrow", until_s=100)
    page.set_viewport_size({"width": 320, "height": 512})
    page.goto(f"{scene['path']}?tab=timeline")
    mark = '<span class="time-tick is-late" style="left: 95%">23 h 59 m 59 s</span>'
    page.evaluate("mark => document.querySelector('.time-axis-track').insertAdjacentHTML('beforeend', mark)", mark)
    assert not page.evaluate(TOO_WIDE)


def test_every_step_is_reached_by_the_keyboard_and_opens_its_log(site, page):
    scene = site.scene("timed_build", path="acme/keys", until_s=100)
    page.goto(f"{scene['path']}?tab=timeline")
    page.locator("#t8").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "t9"
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"step=9"))
    assert page.locator(".build-steps .is-chosen").get_attribute("data-step") == "9"


def test_a_fold_that_was_opened_stays_open_when_news_comes(site, page):
    scene = site.scene("timed_build", path="acme/folds", until_s=10)
    page.goto(f"{scene['path']}?tab=timeline")
    page.locator("summary", has_text="2 cached steps").click()
    page.locator("#t6").focus()
    site.scene("timed_on", build_id=scene["id"], until_s=26.6, step=9)
    page.wait_for_selector('[data-time-row="9"].is-running')
    assert page.locator('[data-time-row="6"]').is_visible()
    assert page.evaluate("document.activeElement.id") == "t6"


@pytest.mark.parametrize("held", ["#build-header h1 a", "#timeline summary.time-line-lane"])
def test_what_has_the_focus_keeps_it_when_news_replaces_its_part(site, page, held):
    """What needs no id of its own, by keyboard: else Tab would begin at the top of the page again."""
    scene = site.scene("timed_build", path="acme/held", until_s=10)
    page.goto(f"{scene['path']}?tab=timeline")
    before = page.locator(held).first.element_handle()
    before.focus()
    site.scene("timed_end", build_id=scene["id"])
    page.wait_for_selector("#timeline:not([data-live])")
    page.wait_for_function("document.getElementById('build-header').dataset.buildState === 'succeeded'")
    assert not before.evaluate("(one) => one.isConnected")
    assert page.locator(held).first.evaluate("(one) => one === document.activeElement")


def test_it_fits_a_phone(site, browser):
    scene = site.scene("timed_build", path="acme/phone", until_s=10)
    for page in page_of(site, browser):
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(f"{scene['path']}?tab=timeline")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert bar(page, 8).evaluate(WIDTH) > 20
        track = page.locator('[data-time-row="8"] .time-track').evaluate(WIDTH)
        assert track > 300
