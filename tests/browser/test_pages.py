"""The pages in a real browser: the first-run guide, live parts, the tester, both schemes, a phone, and no scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.build_site import log_in_by_form
from tests.browser.page_site import opened

pytestmark = pytest.mark.browser


def test_it_leads_a_newcomer_from_the_log_in_to_the_first_build(sample, browser):
    page, problems = opened(sample, browser, user="")
    log_in_by_form(page)
    page.get_by_role("link", name="New repository").click()
    page.get_by_label("Namespace").fill("acme")
    page.get_by_label("Name", exact=True).fill("first")
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Clone address").fill("https://github.com/acme/first.git")
    page.get_by_role("button", name="Link it").click()
    expect(page.locator("#source-probe")).to_contain_text("asking")
    sample.scene("answer", path="acme/first")
    expect(page.get_by_role("heading", name="Say which refs make which tags")).to_be_visible(timeout=10_000)
    expect(page.locator("#rules-tester")).to_contain_text("latest")
    page.get_by_role("button", name="Save and go on").click()
    expect(page.get_by_text("shown this once")).to_be_visible()
    expect(page.locator("#webhook-contact")).to_contain_text("No delivery has arrived yet")
    sample.scene("deliver", path="acme/first")
    expect(page.locator("#webhook-contact")).to_contain_text("connected", timeout=10_000)
    page.get_by_role("link", name="Go on").click()
    page.get_by_role("link", name="Build now").click()
    expect(page.locator("#verdicts")).to_contain_text("1 build would start")
    page.get_by_role("button", name="Start the build").click()
    page.wait_for_url("**/r/acme/first/builds/1")
    page.context.close()
    assert not problems, problems


def test_it_tries_rules_while_they_are_typed_and_says_problems_at_the_field(page):
    page.goto("/r/acme/hello/rules")
    page.locator("details.rule > summary").nth(1).click()
    page.locator("#id_rule-1-pattern").fill("/^v(/")
    expect(page.locator("#id_rule-1-pattern_error")).to_contain_text("missing closing parenthesis")
    page.locator("#id_rule-1-pattern").fill(r"/^v(\d+)/")
    page.locator("#id_rule-1-tags").fill(r"major-{\1}")
    expect(page.locator("#id_rule-1-pattern_error")).to_be_empty()
    expect(page.locator("#rules-tester")).to_contain_text("major-1")
    expect(page.locator("#rule-1-sentence")).to_contain_text(r"major-{\1}")
    page.get_by_text("Refs that are not there yet").click()
    page.locator("#refs").fill("tag v7.0")
    expect(page.locator("#rules-tester")).to_contain_text("major-7")


def test_it_adds_moves_and_removes_rules_without_losing_what_was_typed(page):
    page.goto("/r/acme/web/rules")
    page.get_by_role("button", name="Add a rule").click()
    page.locator("#id_rule-2-pattern").fill("develop")
    page.locator("#id_rule-2-tags").fill("edge")
    page.get_by_role("button", name="Move rule 3 up").click()
    expect(page.locator("#id_rule-1-pattern")).to_have_value("develop")
    page.locator("details.rule > summary").first.click()
    page.get_by_role("button", name="Remove rule 1").click()
    expect(page.locator("#id_rule-0-pattern")).to_have_value("develop")
    page.get_by_role("button", name="Save all rules").click()
    expect(page.get_by_text("Saved: 2 rules.")).to_be_visible()


def test_it_shows_a_build_that_ends_without_a_reload(sample, page):
    page.goto("/")
    expect(page.locator("#home-now")).to_contain_text("acme/worker")
    page.wait_for_timeout(1_000)
    told = sample.scene("finish", path="acme/worker")
    expect(page.get_by_role("region", name="Needs you")).to_contain_text(told["sentence"], timeout=10_000)
    expect(page.locator("#home-now .run-card", has_text="acme/worker")).to_have_count(0)
    expect(page.locator("#home-table tr", has_text="acme/worker")).to_contain_text("failed")


def test_it_shows_what_ended_between_the_page_and_its_socket(sample, page):
    """A worker may be done before the page listens: what was under way is then looked at once more."""

    def late(socket):
        sample.scene("finish", path="acme/worker")
        socket.connect_to_server()

    sample.scene("run_again", path="acme/worker")
    page.route_web_socket("**/ws/pages/**", late)
    page.goto("/")
    expect(page.locator("#home-table tr", has_text="acme/worker")).to_contain_text("failed", timeout=10_000)
    expect(page.locator("#home-now .run-card", has_text="acme/worker")).to_have_count(0)


def test_it_moves_no_row_while_the_pointer_is_on_the_table(sample, page):
    page.goto("/")
    row = page.locator("#home-table tr", has_text="tools/cron")
    row.hover()
    before = row.bounding_box()
    page.wait_for_timeout(1_000)
    sample.scene("finish", path="tools/image-resizer")
    changed = page.locator("#home-table tr", has_text="tools/image-resizer")
    expect(changed).to_contain_text("failed", timeout=10_000)
    assert row.bounding_box()["x"] == before["x"]
    assert page.evaluate("(row) => row.isConnected", row.element_handle())


def test_it_searches_while_one_types(page):
    page.goto("/")
    page.get_by_role("searchbox").fill("cron")
    expect(page.locator("#home-table tbody tr")).to_have_count(1)
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_it_follows_the_system_until_one_chooses_and_keeps_the_choice(sample, browser):
    look, _ = opened(sample, browser, color_scheme="dark")
    look.goto("/")
    theme = "document.documentElement.dataset.bsTheme"
    assert look.evaluate(theme) == "dark"
    look.get_by_role("button", name="Switch between light and dark").click()
    look.reload()
    assert look.evaluate(theme) == "light"
    look.get_by_role("button", name="Switch between light and dark").click()
    look.emulate_media(color_scheme="light")
    look.wait_for_function(f"{theme} === 'light'")
    look.context.close()


def test_it_copies_the_pull_command(sample, browser):
    look, _ = opened(sample, browser, permissions=["clipboard-read", "clipboard-write"])
    look.goto("/r/acme/hello")
    look.get_by_role("button", name="Copy the pull command").click()
    assert look.evaluate("navigator.clipboard.readText()").endswith("/acme/hello:latest")
    look.context.close()


def test_it_leads_the_keyboard_past_the_bar(page):
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()


def test_it_closes_the_menu_by_escape(page):
    page.goto("/")
    page.locator("[data-menu] summary").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()


def test_it_works_without_scripts(plain):
    plain.goto("/r/acme/api/rules")
    plain.get_by_role("button", name="Add a rule").click()
    plain.locator("#id_rule-2-pattern").fill("develop")
    plain.locator("#id_rule-2-tags").fill("edge")
    plain.get_by_role("button", name="Save all rules").click()
    expect(plain.get_by_text("Saved: 3 rules.")).to_be_visible()
    plain.goto("/r/acme/api/build?ref=develop")
    expect(plain.locator("#verdicts")).to_contain_text("edge")
    plain.get_by_role("button", name="Start the build").click()
    plain.wait_for_url("**/r/acme/api/builds/*")


def test_it_shows_a_reader_no_button_that_would_be_refused(sample, browser):
    look, _ = opened(sample, browser, "bob")
    look.goto("/r/acme/web")
    expect(look.get_by_role("link", name="Build now")).to_have_count(0)
    look.goto("/r/acme/web/rules")
    expect(look.get_by_role("textbox")).to_have_count(0)
    look.context.close()
