"""The log viewer's tools in a real browser: search, first error, marks, copying, times, keys, silence, screen readers."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.build_site import log_in, page_of
from tests.browser.test_log_view import scroll, wait_for_lines

pytestmark = pytest.mark.browser

IN_SIGHT = """(name) => { const e = document.querySelector(`[data-name="${name}"]`); if (!e) return false;
  const p = document.querySelector('[data-log-pane]').getBoundingClientRect(); const r = e.getBoundingClientRect();
  return r.top >= p.top - 1 && r.bottom <= p.bottom + 1 && !e.classList.contains('is-unread'); }"""


@pytest.fixture
def page(site, browser):
    yield from page_of(site, browser)


@pytest.fixture(scope="module")
def million(site):
    return site.scene("million")


@pytest.fixture(scope="module")
def failed(site):
    text = "".join(f"\x1b[32mok\x1b[0m {n} of the tests\n" for n in range(1, 1501))
    return site.scene("failed", more=f"{text}\x1b[31mErr\x1b[1mor\x1b[0m: left-pad is missing\nnpm ERR! code 1\nbye\n")


def see(page, name) -> None:
    page.wait_for_function(IN_SIGHT, arg=name)


def find(page, text) -> None:
    page.keyboard.press("/")
    page.fill(".log-find-text", text)


def says(page, text) -> None:
    expect(page.locator("[data-log-find-says]")).to_have_text(text)


def here(page):
    return page.locator(".log-row.is-here").get_attribute("data-name")


# --- search -----------------------------------------------------------------------------------------------------------


def test_it_searches_a_million_lines_on_the_server_with_a_count_and_next_and_previous(page, million):
    page.goto(million["url"])
    wait_for_lines(page)
    find(page, "LINE 99999")
    says(page, "1 of 11 lines")
    see(page, "s8-l99999")
    page.keyboard.press("Enter")
    see(page, "s8-l999990")
    says(page, "2 of 11 lines")
    assert here(page) == "s8-l999990"
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    says(page, "11 of 11 lines")
    see(page, "s8-l999999")
    expect(page.locator("[data-log-notice]")).to_have_text("On from the last line that matches.")


def test_it_marks_what_was_found_in_the_lines_in_view(page, site):
    build = site.scene("with_log", text="\x1b[31mer\x1b[1mror\x1b[0m one\n🙂 two error error\nfine\n 1%\r99% error\n")
    page.goto(build["url"])
    wait_for_lines(page)
    find(page, "error")
    says(page, "1 of 3 lines")
    marked = "() => ['log-match', 'log-match-here'].map((n) => [...CSS.highlights.get(n)].map(String))"
    assert page.evaluate(marked) == [["error", "error", "error"], ["error"]]
    page.keyboard.press("Escape")
    assert page.evaluate(marked) == [[], []]
    assert page.evaluate("document.activeElement.matches('[data-log-pane]')")


def test_it_minds_case_and_takes_a_regex_where_it_is_told_to(page, failed):
    page.goto(failed["url"])
    wait_for_lines(page)
    find(page, r"^ERR|bye$")
    says(page, "Nothing found in 1,627 lines")
    page.click("[data-log-find-regex]")
    says(page, "1 of 2 lines")
    page.click("[data-log-find-case]")
    says(page, "1 of 1 line")
    page.fill(".log-find-text", "(oops")
    says(page, "The regex does not compile: a closing parenthesis is missing.")


def test_it_searches_one_step_or_all(page, site):
    build = site.scene("succeeded")
    page.goto(f"{build['url']}#s8")
    wait_for_lines(page)
    find(page, "packages")
    says(page, "1 of 1 line")
    see(page, "s6-l3")
    page.goto(f"{build['url']}?x#s8")
    wait_for_lines(page)
    page.keyboard.press("/")
    page.select_option("[data-log-find-scope]", "step")
    page.fill(".log-find-text", "packages")
    says(page, "Nothing found in 120 lines")


def test_it_says_how_far_a_search_is_and_goes_on(page, million):
    """The server answers after a second; here after 300,000 lines."""
    page.goto(million["url"])
    wait_for_lines(page)
    said = []

    def slow(route):
        start = re.search(r"start=8\.(\d+)", route.request.url)
        begin = int(start[1]) if start else 0
        end = begin + 300_000
        said.append(page.locator("[data-log-find-says]").text_content())
        matches = [{"step": 8, "line": begin + 7, "spans": [[0, 4]]}]
        route.fulfill(
            json={
                "matches": matches,
                "searched": min(end, 1_000_000),
                "total": 1_000_000,
                "next": f"8.{end}" if end < 1_000_000 else None,
            }
        )

    page.route("**/log/search?*", slow)
    find(page, "line")
    says(page, "1 of 4 lines")
    assert said[1:] == [
        f"{n} line{'s' if n > 1 else ''} · searched {n * 300_000:,} of 1,000,000 lines so far" for n in (1, 2, 3)
    ]


def test_it_stops_at_ten_thousand_lines_and_goes_on_when_asked(page, million):
    page.goto(million["url"])
    wait_for_lines(page)
    find(page, "of a million")
    says(page, "1 of at least 10,000 lines")
    page.keyboard.press("Shift+Enter")
    says(page, "10,000 of at least 10,000 lines")
    page.keyboard.press("Enter")
    says(page, re.compile(r"10,001 of at least 1\d,\d{3} lines"))
    see(page, "s8-l10001")


def test_it_finds_new_lines_of_a_running_build(page, site):
    build = site.scene("running")
    page.goto(build["url"])
    wait_for_lines(page)
    find(page, "needle")
    says(page, "Nothing found in 63 lines")
    site.scene("append", build_id=build["id"], step=8, text="a needle comes late\n")
    expect(page.locator("[data-log-find-says]")).to_have_text("1 line", timeout=15_000)


def test_it_shows_a_match_far_to_the_right_of_a_long_line(page, site):
    build = site.scene("with_log", text="short\nshorter\n" + "x" * 3000 + " needle " + "y" * 3000 + "\n")
    page.goto(build["url"])
    wait_for_lines(page)
    find(page, "needle")
    says(page, "1 of 1 line")
    page.wait_for_function(
        """() => { const [range] = CSS.highlights.get('log-match-here'); if (!range) return false;
          const box = range.getBoundingClientRect();
          const pane = document.querySelector('[data-log-pane]').getBoundingClientRect();
          return box.left > pane.left && box.right < pane.right; }"""
    )


# --- the first error, marks and addresses -----------------------------------------------------------------------------


def test_it_jumps_to_the_first_error_and_says_which_it_is(page, failed):
    page.goto(failed["url"])
    wait_for_lines(page)
    scroll(page, 0)
    page.keyboard.press("e")
    see(page, "s8-l1621")
    assert page.locator(".is-linked .log-text").inner_text() == "Error: left-pad is missing"
    expect(page.locator("[data-log-notice]")).to_have_text(
        re.compile("^Line 1,621 of the failing step is the first of its last 200 lines")
    )
    assert page.url.endswith("#s8-l1621")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.closest('.log-row').dataset.name") == "s8-l1621"


def test_a_marked_range_survives_follow_mode(page, site):
    build = site.scene("running")
    page.goto(f"{build['url']}#s8-L10-L12")
    wait_for_lines(page)
    assert page.locator(".is-linked").count() == 3
    page.keyboard.press("f")
    site.scene("append", build_id=build["id"], step=8, text="more\n" * 100)
    see(page, "s8-l160")
    page.keyboard.press("g")
    page.wait_for_function("() => document.querySelectorAll('.is-linked').length === 3")
    expect(page.locator("[data-log-marked-says]")).to_have_text("Lines 10–12 marked")
    page.click("[data-log-tool=unmark]")
    assert page.locator(".is-linked").count() == 0
    assert "#" not in page.url


def test_an_address_without_a_hash_marks_lines_too(page, million):
    page.goto(f"{million['url']}?step=8&line=700000-700002")
    see(page, "s8-l700000")
    assert page.locator(".is-linked").count() == 3


def test_it_shows_the_lines_of_an_address_without_scripts(site, plain_page, million):
    plain_page.goto(f"{million['url']}?step=8&line=700000-700002")
    rows = plain_page.locator(".log-row.is-linked .log-text")
    assert rows.all_inner_texts() == [f"line {n} of a million" for n in (700_000, 700_001, 700_002)]
    plain_page.click("text=Earlier lines")
    assert plain_page.locator(".log-row.is-linked .log-text").inner_text() == "line 699801 of a million"
    plain_page.click("[data-log-tool=error]")
    expect(plain_page.locator("text=No line looks like an error.")).to_be_visible()


@pytest.fixture
def plain_page(site, browser):
    """The administrator's page in a browser without scripts."""
    context = browser.new_context(base_url=site.url, java_script_enabled=False)
    page = context.new_page()
    log_in(site, page)
    yield page
    context.close()


# --- copying ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def clipboard(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    return lambda: page.evaluate("navigator.clipboard.readText()")


def test_it_copies_marked_lines_without_colours_numbers_and_times(page, failed, clipboard):
    page.goto(f"{failed['url']}#s8-l1619-l1622")
    wait_for_lines(page)
    page.select_option("[data-log-times]", "clock")
    page.click("[data-log-tool=copy]")
    expect(page.locator("[data-log-notice]")).to_have_text("4 lines copied.")
    wanted = "ok 1499 of the tests\nok 1500 of the tests\nError: left-pad is missing\nnpm ERR! code 1\n"
    assert clipboard() == wanted
    page.evaluate("navigator.clipboard.writeText('other')")
    page.focus("[data-log-pane]")
    page.keyboard.press("Control+c")
    page.wait_for_function("async () => (await navigator.clipboard.readText()) !== 'other'")
    assert clipboard() == wanted
    page.select_option("[data-log-times]", "off")


def test_it_copies_thousands_of_marked_lines_that_were_never_drawn(page, million, clipboard):
    page.goto(f"{million['url']}#s8-l400001-l405000")
    wait_for_lines(page)
    page.keyboard.press("c")
    expect(page.locator("[data-log-notice]")).to_have_text("5,000 lines copied.")
    assert clipboard() == "".join(f"line {n} of a million\n" for n in range(400_001, 405_001))


def test_it_copies_a_selection_that_reaches_beyond_what_is_drawn(page, million, clipboard):
    page.goto(million["url"])
    wait_for_lines(page)
    page.click("[data-name='s8-l5'] .log-text", position={"x": 3, "y": 8}, click_count=2)
    page.evaluate(
        """() => { const text = document.querySelector('[data-name="s8-l5"] .log-text').firstChild;
          getSelection().setBaseAndExtent(text, 5, text, 6); }"""
    )
    scroll(page, 0.0003)
    see(page, "s8-l310")
    page.evaluate(
        """() => { const text = document.querySelector('[data-name="s8-l310"] .log-text').firstChild;
          getSelection().extend(text, 8); }"""
    )
    page.keyboard.press("Control+c")
    page.wait_for_function("async () => (await navigator.clipboard.readText()).endsWith('line 310')")
    lines = clipboard().split("\n")
    assert lines == ["5 of a million", *(f"line {n} of a million" for n in range(6, 310)), "line 310"]


def test_it_copies_a_part_of_a_line_as_any_page_would(page, million, clipboard):
    page.goto(million["url"])
    wait_for_lines(page)
    page.evaluate(
        """() => { const text = document.querySelector('[data-name="s8-l7"] .log-text').firstChild;
          getSelection().setBaseAndExtent(text, 5, text, 9); }"""
    )
    page.keyboard.press("Control+c")
    assert clipboard() == "7 of"


# --- times ------------------------------------------------------------------------------------------------------------


def test_it_says_when_lines_were_printed_and_keeps_the_choice(page, failed):
    page.goto(f"{failed['url']}#s8-l1")
    wait_for_lines(page)
    at = page.locator("[data-name='s8-l1'] .log-at")
    assert not at.is_visible()
    page.keyboard.press("t")
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d", at.inner_text())
    page.keyboard.press("t")
    assert re.fullmatch(r"\d+:\d\d\.\d", at.inner_text()), "since the build began"
    page.reload()
    wait_for_lines(page)
    assert re.fullmatch(r"\d+:\d\d\.\d", at.inner_text())
    page.keyboard.press("t")
    page.keyboard.press("t")
    assert not at.is_visible()


def test_lines_that_come_live_have_their_times(page, site):
    build = site.scene("running")
    page.goto(build["url"])
    wait_for_lines(page)
    page.select_option("[data-log-times]", "clock")
    site.scene("append", build_id=build["id"], step=8, text="a late line\n")
    see(page, "s8-l61")
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d", page.locator("[data-name='s8-l61'] .log-at").inner_text())
    page.select_option("[data-log-times]", "off")


def test_an_old_log_says_that_it_has_no_times(page, site):
    build = site.scene("with_log", text="one\ntwo\nthree\n", has_times=False)
    page.goto(build["url"])
    wait_for_lines(page)
    page.select_option("[data-log-times]", "clock")
    expect(page.locator("[data-log-notice]")).to_have_text(re.compile("^When these lines were printed is not known"))
    page.select_option("[data-log-times]", "off")


# --- keys, silence, screen readers ------------------------------------------------------------------------------------


def test_its_keys_do_what_the_list_says_and_not_while_one_types(page, million):
    page.goto(million["url"])
    wait_for_lines(page)
    page.keyboard.press("G")
    see(page, "s8-l1000000")
    page.keyboard.press("g")
    see(page, "s8-l1")
    page.keyboard.press("w")
    expect(page.locator("[data-log-tool=wrap]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("w")
    page.keyboard.press("?")
    expect(page.locator("[data-log-keys]")).to_be_visible()
    page.keyboard.press("G")
    page.keyboard.press("Escape")
    expect(page.locator("[data-log-keys]")).to_be_hidden()
    see(page, "s8-l1")
    find(page, "")
    page.keyboard.type("gGnwt")
    assert page.input_value(".log-find-text") == "gGnwt"
    see(page, "s8-l1")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+f")
    assert page.evaluate("document.activeElement.matches('.log-find-text')")


def test_one_goes_from_line_to_line_marks_and_folds_by_keyboard(page, site):
    build = site.scene("succeeded")
    page.goto(f"{build['url']}#s8")
    wait_for_lines(page)
    focused = "document.activeElement.closest('[data-name]')?.dataset.name"
    for _ in range(4):
        page.keyboard.press("j")
    assert page.evaluate(focused) == "s8-l3"
    assert page.evaluate("document.activeElement.ariaLabel").startswith("Line 3:   ✓ login keeps")
    page.keyboard.press("Enter")
    for _ in range(2):
        page.keyboard.press("j")
    page.keyboard.press("Shift+Enter")
    assert page.url.endswith("#s8-l3-l5")
    for _ in range(5):
        page.keyboard.press("k")
    assert page.evaluate(focused) == "s8"
    page.keyboard.press("Enter")
    assert page.locator("[data-name='s8'] button").get_attribute("aria-expanded") == "false"
    for _ in range(60):
        page.keyboard.press("j")
    page.wait_for_function("() => document.activeElement.closest('[data-log-pane]')")


def test_it_says_how_long_a_step_is_silent_also_to_who_comes_later(page, site):
    build = site.scene("running")
    site.scene("age_log", build_id=build["id"], seconds=75)
    page.goto(build["url"])
    wait_for_lines(page)
    expect(page.locator("[data-log-silence]")).to_have_text(re.compile(r"last output 1 m \d\d s ago"))
    site.scene("append", build_id=build["id"], step=8, text="a word\n")
    expect(page.locator("[data-log-silence]")).to_have_text("")


def test_a_screen_reader_hears_new_lines_politely_while_they_are_followed(page, site):
    build = site.scene("running")
    page.goto(build["url"])
    wait_for_lines(page)
    spoken = page.locator("[role=log][aria-live=polite]")
    assert spoken.inner_text() == ""
    # What is there when the connection begins is no news.
    expect(page.locator("[data-log-connection]")).to_have_text("")
    site.scene("append", build_id=build["id"], step=8, text="\x1b[32ma green word\x1b[0m\n")
    expect(spoken.locator("p")).to_have_text(["a green word"], timeout=15_000)
    site.scene("append", build_id=build["id"], step=8, text="".join(f"line {n}\n" for n in range(500)))
    expect(spoken.locator("p").last).to_have_text("500 new lines, the last: line 499", timeout=15_000)
    page.keyboard.press("g")
    site.scene("append", build_id=build["id"], step=8, text="unheard\n" * 312)
    expect(page.locator("[data-log-tool=follow]")).to_have_text("312 new lines")
    assert "unheard" not in spoken.inner_text()


def test_it_downloads_the_step_that_is_shown(page, site):
    build = site.scene("succeeded")
    page.goto(f"{build['url']}#s6")
    wait_for_lines(page)
    page.click(".log-menu summary")
    with page.expect_download() as download:
        page.click("text=The step that is shown")
    assert "added 240 packages" in download.value.path().read_text()
    assert download.value.suggested_filename.endswith("-step-6.log")


# --- long and wrapped lines -------------------------------------------------------------------------------------------


def test_it_shows_a_line_of_a_megabyte_and_5_mb_without_an_end(page, site):
    build = site.scene("with_log", text=f"{'x' * 1_000_000}\nsecond\n{'y' * 5_000_000}")
    page.goto(build["url"])
    wait_for_lines(page)
    assert page.locator("[data-name='s8-l1'] .log-text").inner_text().endswith("more characters; the raw log has them")
    assert page.locator("[data-name='s8-l2'] .log-text").inner_text() == "second"
    page.keyboard.press("w")
    page.keyboard.press("G")
    see_end = """() => { const r = document.querySelector('[data-name="s8-l3"]')?.getBoundingClientRect();
      return r && Math.abs(r.bottom - document.querySelector('[data-log-pane]').getBoundingClientRect().bottom) < 60; }"""
    page.wait_for_function(see_end)
    page.keyboard.press("w")


def test_wrapped_lines_pass_by_their_pixels(page, site):
    build = site.scene("with_log", text="".join(f"{n} {'long ' * 400}\n" for n in range(1, 301)))
    page.goto(f"{build['url']}#s8-l100")
    wait_for_lines(page)
    page.keyboard.press("w")
    top = """() => document.querySelector('[data-name="s8-l100"]').getBoundingClientRect().top
      - document.querySelector('[data-log-pane]').getBoundingClientRect().top"""
    before = page.evaluate(top)
    page.hover("[data-log-pane]")
    page.mouse.wheel(0, 130)
    page.wait_for_function(f"(before) => Math.abs(({top})() - before + 130) < 2", arg=before)
    page.evaluate("document.querySelector('[data-log-pane]').scrollTop -= 60")
    page.wait_for_function(f"(before) => Math.abs(({top})() - before + 70) < 2", arg=before)
    page.keyboard.press("w")
