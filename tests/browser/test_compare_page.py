"""Points 3 and 7 in a browser: choosing what to compare, files that a worker lists, and a bar that opens its build."""

from __future__ import annotations

import pytest

from tests.browser.build_site import page_of

pytestmark = pytest.mark.browser


@pytest.fixture
def page(site, browser):
    yield from page_of(site, browser)


@pytest.fixture(scope="module")
def made(site):
    return site.scene("compared")


def test_two_builds_are_chosen_and_the_headline_says_what_differs(page, made):
    page.goto(f"{made['path']}?tab=compare")
    page.select_option("#compare-with", "1")
    page.click("form.compare-choose button")
    page.click("text=The comparison on a page of its own")
    page.wait_for_url(f"**{made['pages']}/compare/1...{made['after']}")
    assert "larger" in page.locator(".compare-headline").inner_text()
    page.select_option("#compare-after", "2")
    page.click("form.compare-choose button")
    page.wait_for_url(f"**{made['pages']}/compare/1...2")
    assert "38.0 MB larger" in page.locator(".compare-headline").inner_text()


def test_files_that_a_worker_lists_come_by_themselves(page, made, site):
    site.scene("nobody_looked")
    page.goto(f"{made['pages']}/compare/1...2")
    page.click("text=List the changed files")
    page.wait_for_selector("text=A worker lists the changed files")
    page.mouse.move(0, 0)
    site.scene("files_found")
    page.wait_for_selector("#compare-changes >> text=2 changed files")
    assert page.locator("#compare-changes li").all_inner_texts() == ["requirements.txt", "<b>bold</b>.txt"]


def test_a_bar_of_the_trend_opens_the_report_of_its_build(page, made):
    page.goto(f"{made['path']}?tab=cache")
    page.focus(".cache-bars .chart-link >> nth=0")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{made['pages']}/builds/1?tab=cache")
    assert "None of 7 steps came from the cache." in page.locator(".cache-summary").inner_text()
