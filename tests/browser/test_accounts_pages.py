"""Issue 5, point 1 in a browser: a robot from nothing to its log-in line, a token shown once, members of a namespace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.build_site import Site, web_beside
from tests.browser.page_site import browser, opened, sample  # noqa: F401 — fixtures

pytestmark = pytest.mark.browser
HOST = "registry.example.com"


@pytest.fixture(scope="module")
def yard(sample: Site) -> Iterator[Site]:  # noqa: F811
    """A site with a registry of its own, which takes tokens."""
    with web_beside(sample, IMAGEYARD_REGISTRY=HOST, IMAGEYARD_REGISTRY_AUTH="token") as made:
        yield made


@pytest.fixture
def look(yard, browser) -> Iterator[Page]:  # noqa: F811
    page, problems = opened(yard, browser, permissions=["clipboard-read", "clipboard-write"])
    yield page
    page.context.close()
    assert problems == []


def copied(page: Page, label: str) -> str:
    page.click(f"main [aria-label='Copy {label}']")
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_a_robot_from_nothing_to_its_log_in_line(look):
    look.goto("/n/acme")
    look.click("nav.tabs >> text=Robots")
    look.fill("[name=name]", "nightly")
    look.select_option("[name=role]", "20")
    look.fill("[name=note]", "builds at night")
    look.click("text=Make it")
    look.wait_for_url("**/n/acme/robots/nightly")
    assert look.locator("text=No tokens yet").count() == 1
    look.fill("[name=name]", "cron")
    look.select_option("[name=scope]", "push")
    look.fill("[name=repositories]", "web")
    look.click("text=Make it")
    look.wait_for_selector("text=shown this once")
    token = copied(look, "the token")
    assert token.startswith("iy_")
    assert copied(look, "the log-in line") == f"docker login {HOST} -u acme+nightly"
    assert look.locator("text=Authorization").count() == 0
    look.reload()
    assert token not in look.content()
    assert look.locator("tr", has_text="cron").locator("text=acme/web").count() == 1


def test_a_robot_is_disabled_and_removed_with_what_that_means(look):
    look.goto("/n/acme/robots/deploy")
    assert look.locator("text=The token spring ends within a week").count() == 1
    look.click("button:has-text('Disable')")
    look.wait_for_selector("text=It is disabled: its tokens are kept and refused")
    look.click("button:has-text('Enable')")
    look.wait_for_selector("text=works again with its tokens")
    look.click("summary[aria-label='Remove acme+deploy']")
    look.click("text=Remove it >> visible=true >> nth=-1")
    look.wait_for_url("**/n/acme/robots")
    assert look.locator("main table", has_text="acme+deploy").count() == 0


def test_ones_own_token_shows_both_lines_with_a_copy_button(look):
    look.goto("/account/tokens")
    look.fill("[name=name]", "laptop")
    look.click("text=Make it")
    look.wait_for_selector("text=shown this once")
    token = copied(look, "the token")
    assert copied(look, "the header") == f"Authorization: Bearer {token}"
    assert copied(look, "the log-in line") == f"docker login {HOST} -u admin"


def test_the_last_owner_stays_and_a_member_gets_a_role(look):
    look.goto("/n/acme/members")
    look.fill("main [name=username]:visible", "carol")
    look.click("button:text-is('Add')")
    look.wait_for_selector("text=carol has the read role in acme.")
    row = look.locator("tr", has_text="carol")
    row.locator("select").select_option("20")
    row.locator("button:has-text('Change')").click()
    look.wait_for_selector("text=carol has the write role in acme.")
    look.click("summary:text-is('Leave')")
    look.click("button:text-is('Leave it')")
    look.wait_for_selector("text=admin is the last owner of acme. Make somebody else an owner first.")
