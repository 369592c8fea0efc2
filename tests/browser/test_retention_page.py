"""Point 6 in a browser: what would go follows what is typed; tags are deleted by keyboard, on phones, without scripts."""

from __future__ import annotations

import pytest

from tests.browser.page_site import browser, opened, sample  # noqa: F401 — fixtures

pytestmark = pytest.mark.browser
SITE = "/r/acme/site"
PAGE = f"{SITE}/settings/retention"


@pytest.fixture(scope="module")
def full(sample):  # noqa: F811
    sample.scene("every_page")
    return sample


@pytest.fixture
def look(full, browser):  # noqa: F811
    page, problems = opened(full, browser)
    yield page
    page.context.close()
    assert problems == []


def test_what_would_go_follows_what_is_typed_and_is_saved_as_seen(look):
    look.goto(PAGE)
    look.wait_for_selector("text=since nobody has said yet that what would go is right")
    preview = look.locator("#retention-preview")
    assert "stay" in preview.inner_text()
    look.select_option("#rule-0-which", "all")
    look.fill("#rule-0-last", "")
    look.fill("#rule-0-days", "9")
    look.wait_for_selector("#rule-0-said >> text=Of all tags stay those younger than 9 days; the others go.")
    look.fill("#rule-0-days", "many")
    look.wait_for_selector("#retention-preview >> text=mend what is marked")
    look.wait_for_selector("#rule-0-said >> text=Write a whole number")
    look.fill("#rule-0-days", "9")
    look.wait_for_selector("#retention-preview .retention-sum")
    look.click("label[for=show-stays]")
    look.wait_for_selector("#retention-preview .retention-list li >> nth=5")
    look.fill("#preview-find", "by-hand")
    look.wait_for_selector("#retention-preview .retention-list li >> nth=0")
    look.wait_for_function("document.querySelectorAll('#retention-preview .retention-list li').length === 1")
    look.click("#retention-save")
    look.wait_for_selector("text=Saved. What goes by it is listed here.")
    assert look.locator("text=since nobody has said yet").count() == 0


def test_fields_that_a_rule_has_no_use_for_are_out_of_the_way(look):
    look.goto(PAGE)
    assert not look.locator("#rule-0-gone").is_visible()
    look.select_option("#rule-0-does", "gone")
    assert look.locator("#rule-0-gone").is_visible()
    assert not look.locator("#rule-0-last").is_visible()
    assert not look.locator("[name=rule-0-pattern]").is_visible()
    look.select_option("#rule-0-which", "pattern")
    assert look.locator("[name=rule-0-pattern]").is_visible()


def test_several_tags_are_ticked_and_deleted_by_keyboard(look):
    look.goto(f"{SITE}/tags?kind=all")
    look.focus("#tags-pick")
    look.keyboard.press("Enter")
    look.wait_for_selector("#tags-pick-do")
    for tag in ("build-1", "2.0"):
        look.focus(f"[aria-label='Delete {tag}']")
        look.keyboard.press("Space")
    look.focus("#tags-pick-do")
    look.keyboard.press("Enter")
    look.wait_for_selector("text=Delete 2 tags")
    look.focus("#tags-delete-do")
    look.keyboard.press("Enter")
    look.wait_for_selector("text=2 tags to be deleted: a worker is asked.")
    look.goto(f"{SITE}/tags/2.0")
    look.wait_for_selector("text=asked to delete")


def test_on_a_phone_the_boxes_are_there_and_nothing_is_wider_than_it(full, browser):  # noqa: F811
    page, problems = opened(full, browser, viewport={"width": 320, "height": 640})
    for address in (f"{SITE}/tags?pick=1", PAGE, f"{SITE}/delete-tags?tag=1.9&tag=latest", f"{PAGE}/runs/9001"):
        page.goto(address)
        assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"), address
    page.goto(f"{SITE}/tags?pick=1")
    page.check("[aria-label='Delete 1.9']")
    page.click("#tags-pick-do")
    page.wait_for_selector("text=Delete the tag 1.9")
    page.context.close()
    assert problems == []


def test_without_scripts_a_button_shows_what_would_go(full, browser):  # noqa: F811
    page, _ = opened(full, browser, java_script_enabled=False)
    page.goto("/r/acme/hello/settings/retention")
    page.fill("#rule-0-last", "1")
    page.click("text=Show what would go >> nth=-1")
    assert page.locator("#retention-preview .retention-sum").count() == 1
    assert page.input_value("#rule-0-last") == "1"
    page.click("text=Add a rule")
    assert page.locator(".retention-rule").count() == 3
    page.context.close()
