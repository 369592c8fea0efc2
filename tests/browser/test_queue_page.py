"""The queue page and the pictures of a repository in a real browser: live, by keyboard, and without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.page_site import opened

pytestmark = pytest.mark.browser


def test_10_a_pause_shows_at_once_to_whoever_waits_and_ends_as_quickly(sample, page, browser):
    """10. Queue and workers: pausing is live, with its reason, for the administrator and for everybody else."""
    other, problems = opened(sample, browser, "wendy")
    other.goto("/queue")
    expect(other.get_by_text("Pause the queue")).to_have_count(0)
    page.goto("/queue")
    page.locator("summary", has_text="Pause the queue").click()
    page.get_by_label("Whoever waits reads why").fill("disk exchange")
    page.locator("button", has_text="Pause the queue").click()
    expect(page.locator(".queue-paused")).to_contain_text("disk exchange")
    expect(other.locator(".queue-paused")).to_contain_text("disk exchange", timeout=10_000)
    expect(other.locator(".queue-why").first).to_contain_text("Paused by admin since")
    page.get_by_role("button", name="Resume the queue").click()
    expect(page.locator(".queue-paused")).to_have_count(0)
    expect(other.locator(".queue-paused")).to_have_count(0, timeout=10_000)
    assert not problems
    other.context.close()


def test_10_a_form_that_is_open_is_not_taken_away_by_news(sample, page):
    page.goto("/queue")
    page.get_by_label("Pause builder-1").click()
    page.get_by_label("builder-1 takes no new build").fill("new mem")
    sample.scene("queue_news")
    page.mouse.move(2, 2)
    page.wait_for_timeout(2_500)
    expect(page.get_by_label("builder-1 takes no new build")).to_have_value("new mem")
    page.get_by_role("button", name="Pause builder-1", exact=True).click()
    card = page.locator(".worker", has_text="builder-1")
    expect(card).to_contain_text("Paused by admin since")
    page.get_by_role("button", name="Resume builder-1").click()
    expect(card).not_to_contain_text("Paused by")


def test_10_it_drains_and_keeps_a_worker_and_forgets_one_that_is_gone(page):
    page.goto("/queue")
    page.get_by_label("Drain builder-2").click()
    expect(page.get_by_text("runs nothing: its process leaves within seconds")).to_be_visible()
    page.get_by_role("button", name="Drain builder-2", exact=True).click()
    card = page.locator(".worker", has_text="builder-2")
    expect(card).to_contain_text("Drained by admin")
    page.get_by_role("button", name="Keep builder-2").click()
    expect(card).not_to_contain_text("Drained by admin")
    page.get_by_role("button", name="Forget worker@builder-3").click()
    expect(page.get_by_text("worker@builder-3 is forgotten.")).to_be_visible()


def test_9_a_bar_of_the_picture_leads_to_its_build_by_mouse_and_by_keyboard(page):
    """9. A click on the picture opens the build."""
    page.goto("/r/acme/hello")
    bar = page.get_by_role("link", name="#43 succeeded")
    bar.click()
    page.wait_for_url("**/r/acme/hello/builds/43")
    page.go_back()
    bar.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/r/acme/hello/builds/43")


def test_9_the_picture_is_narrowed_to_a_rule_or_branch_without_scripts(plain):
    plain.goto("/r/acme/hello")
    plain.get_by_label("Builds of").select_option(label="main")
    plain.get_by_role("button", name="Show").click()
    expect(plain.get_by_label("Builds of")).to_have_value("branch:main")
    expect(plain.get_by_role("link", name="#39 succeeded")).to_have_count(0)
    plain.get_by_text("As a table").click()
    expect(plain.get_by_role("cell", name="#44", exact=True)).to_be_visible()


def test_9_a_point_of_a_tags_sizes_leads_to_the_build_that_made_it(page):
    page.goto("/r/acme/hello/tags/latest")
    expect(page.locator(".trend-said")).to_contain_text("latest grew")
    page.get_by_role("link", name="build #44 of").click()
    page.wait_for_url("**/r/acme/hello/builds/44")
