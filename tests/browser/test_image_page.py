"""Point 8 in a browser: a piece of the picture leads to its layer, and a layer's files come when they were read."""

from __future__ import annotations

import pytest

from tests.browser.build_site import page_of

pytestmark = pytest.mark.browser


@pytest.fixture
def page(site, browser):
    yield from page_of(site, browser)


@pytest.fixture(scope="module")
def made(site):
    return site.scene("pictured")


def test_a_piece_of_the_picture_leads_to_its_layer_also_of_the_folded_base(page, made):
    page.goto(f"{made['path']}?tab=image")
    assert not page.locator("#layer-1").is_visible()
    page.focus(".image-bar a >> nth=0")
    page.keyboard.press("Enter")
    page.wait_for_selector("#layer-1:target")
    assert page.locator("#layer-1").is_visible()


def test_files_of_a_layer_come_by_themselves_when_a_worker_has_read_them(page, made, site):
    address = made["layers"][1]
    kept = site.scene("nobody_looked_into", layer=address.rpartition("/")[2])
    page.goto(f"{made['path']}?tab=image")
    page.click("#layer-2 >> text=files")
    page.click("text=Read its files")
    page.wait_for_selector("text=A worker reads this layer")
    site.scene("layer_read", **kept)
    page.wait_for_selector("text=Largest files")
    folder = page.locator(".file-tree summary", has_text="cache")
    folder.focus()
    page.keyboard.press("Enter")
    assert page.locator(".file-tree >> text=big.bin").is_visible()
