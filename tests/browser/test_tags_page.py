"""Point 4 in a browser: from the list by way of a tag's history to a comparison that comes when an image was read."""

from __future__ import annotations

import pytest

from tests.browser.page_site import browser, opened, sample  # noqa: F401 — fixtures
from tests.sample_tags import BY_HAND

pytestmark = pytest.mark.browser
SITE = "/r/acme/site"


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


def names(look) -> list[str]:
    return look.locator(".tag-names .tag-chip").all_inner_texts()


def test_tags_are_sorted_searched_and_put_together_with_one_form(look):
    look.goto(f"{SITE}/tags")
    look.select_option("#sort", "-version")
    look.click("text=Show")
    look.wait_for_url("**sort=-version**")
    look.wait_for_load_state()
    assert names(look) == ["2", "2.0", "1.9", "latest", "pushed-by-hand"]
    look.click("text=By image")
    look.fill("#q", "lat")
    look.keyboard.press("Enter")
    look.wait_for_url("**q=lat**")
    assert names(look) == ["latest", "2", "2.0"]
    assert look.input_value("#sort") == "-version"


def test_the_history_leads_to_the_comparison_with_now(look):
    look.goto(f"{SITE}/tags/latest")
    look.click("text=compare with now >> nth=0")
    look.wait_for_selector("text=The image is 38.0 MB larger")


def test_a_comparison_comes_by_itself_when_the_image_was_read(look, full):
    look.goto(f"{SITE}/compare-tags/latest/pushed-by-hand")
    look.wait_for_selector("text=What differs is told as soon as")
    full.scene("image_read", digest=BY_HAND)
    look.wait_for_selector("text=The image is 38.0 MB smaller")
    assert look.locator("h2", has_text="Layers").count() == 1
