"""The Rules page in a real browser: the playground follows the keys, examples turn red, and an import is seen through."""

from __future__ import annotations

from playwright.sync_api import expect

RULES = "/r/acme/hello/rules"


def test_the_playground_follows_what_is_typed_filtered_and_kept(page):
    page.goto(RULES)
    rows = page.locator(".tester-rows > li")
    page.locator("details.rule > summary").nth(1).click()
    page.locator("#id_rule-1-ref_type").select_option("branch")
    page.locator("#id_rule-1-pattern").fill("/^feature/")
    page.locator("#id_rule-1-tags").fill("{sourceref}")
    row = rows.filter(has_text="feature/log-in#42")
    expect(row.locator("mark").first).to_have_attribute("title", "was /")
    expect(page.locator(".tester-sum")).to_contain_text("These rules would have built 2 images from 11 refs.")
    page.get_by_text("Not built").click()
    expect(rows).to_have_count(9)
    page.get_by_label("List refs and tags that contain").fill("v1.2")
    expect(rows).to_have_count(2)
    expect(page.locator("#tester-count-built")).to_have_text("2")


def test_an_example_made_with_one_click_turns_red_when_the_rule_breaks_it(page):
    page.goto(RULES)
    page.locator("details.rule > summary").first.click()
    page.get_by_role("button", name="Keep main as an example").click()
    expect(page.locator("#id_rule-0-examples")).to_have_value("main → latest, main")
    expect(page.locator("#rule-0-kept")).to_contain_text("1 example")
    page.locator("#id_rule-0-tags").fill("edge")
    expect(page.locator("#rule-0-held")).to_contain_text("main does not make latest, main but makes edge.")
    expect(page.locator("#rule-0-kept")).to_contain_text("1 example broken")
    page.get_by_role("button", name="Save all rules").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved")
    page.locator("#id_rule-0-tags").fill("latest, main")
    page.get_by_role("button", name="Save all rules").click()
    expect(page.get_by_text("Saved: 2 rules.")).to_be_visible()


def test_pasted_rules_are_reported_edited_and_saved(page):
    page.goto("/r/acme/web/rules")
    page.get_by_role("navigation", name="Rules").get_by_role("link", name="Import").click()
    page.get_by_label("What is written there").fill("Branch\tmaster\tlatest\t/\nTag\t/^v([0-9.]+)$/\t{\\1}\t/")
    page.get_by_label("In place of").check()
    page.get_by_role("button", name="Read it").click()
    expect(page.locator(".import-lines li")).to_have_count(2)
    expect(page.locator(".tester-sum")).to_contain_text("would have built")
    page.locator("#id_rule-0-pattern").fill("main")
    page.get_by_role("button", name="Save all rules").click()
    expect(page.get_by_text("Saved: 2 rules.")).to_be_visible()
