"""The log viewer in a real browser: a million lines, colours, progress bars, permalinks, folding, wrapping."""

from __future__ import annotations

import base64
import json

import pytest

from builds.core.ansi import plain_line
from tests.browser.build_site import CHECKOUT, page_of

pytestmark = pytest.mark.browser


@pytest.fixture
def page(site, browser):
    yield from page_of(site, browser)


@pytest.fixture(scope="module")
def million(site):
    return site.scene("million")


def shown(page) -> list[str]:
    """The text of the lines that are inside the pane, from above."""
    return page.evaluate(
        """() => {
          const pane = document.querySelector("[data-log-pane]").getBoundingClientRect();
          return [...document.querySelectorAll(".log-row")]
            .filter((row) => { const r = row.getBoundingClientRect(); return r.top >= pane.top - 1 && r.bottom <= pane.bottom + 1; })
            .map((row) => row.querySelector(".log-text").textContent);
        }"""
    )


def scroll(page, part: float) -> None:
    page.evaluate(
        "(part) => { const p = document.querySelector('[data-log-pane]'); p.scrollTop = part * (p.scrollHeight - p.clientHeight) }",
        part,
    )


def wait_for_lines(page) -> None:
    page.wait_for_function(
        """() => {
          const pane = document.querySelector("[data-log-pane]").getBoundingClientRect();
          const rows = [...document.querySelectorAll(".log-row")].filter((row) => {
            const r = row.getBoundingClientRect(); return r.bottom > pane.top && r.top < pane.bottom; });
          return rows.length > 2 && rows.every((row) => !row.classList.contains("is-unread"));
        }"""
    )


def test_it_keeps_few_rows_of_a_million_lines_and_shows_the_right_ones_in_the_middle(page, million):
    page.goto(million["url"])
    wait_for_lines(page)
    scroll(page, 0.5)
    page.wait_for_function("() => document.querySelector('.log-text')?.textContent.length > 0")
    wait_for_lines(page)
    numbers = [int(text.split()[1]) for text in shown(page)]
    assert abs(numbers[0] - 500_000) < 100
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert page.locator(".log-row").count() < 500


def test_it_reaches_the_very_last_of_a_million_lines(page, million):
    page.goto(million["url"])
    page.click("[data-log-tool=end]")
    wait_for_lines(page)
    assert shown(page)[-1] == "line 1000000 of a million"
    scroll(page, 0)
    wait_for_lines(page)
    assert "line 1 of a million" in shown(page)


def test_it_opens_at_the_line_an_address_names(page, million):
    page.goto(f"{million['url']}#s8-l765432-l765434")
    wait_for_lines(page)
    assert [row.inner_text() for row in page.locator(".log-row.is-linked .log-text").all()] == [
        f"line {n} of a million" for n in range(765432, 765435)
    ]
    assert "line 765432 of a million" in shown(page)


def test_it_makes_an_address_of_a_line_and_of_a_range(page, million):
    page.goto(million["url"])
    wait_for_lines(page)
    page.click("[data-name='s8-l3'] .log-number")
    assert page.url.endswith("#s8-l3")
    page.click("[data-name='s8-l6'] .log-number", modifiers=["Shift"])
    assert page.url.endswith("#s8-l3-l6")
    assert page.locator(".is-linked").count() == 4


def test_it_scrolls_a_log_that_no_element_is_high_enough_for(page, million):
    page.route(
        "**/log-scroll.js",
        lambda route: route.fulfill(
            content_type="text/javascript",
            body=(CHECKOUT / "static/js/log-scroll.js").read_text().replace("15_000_000", "100_000"),
        ),
    )
    page.goto(million["url"])
    wait_for_lines(page)
    page.hover(".log-pane")
    page.mouse.wheel(0, 200)
    page.wait_for_function("() => true")
    wait_for_lines(page)
    first = int(shown(page)[0].split()[1])
    assert first < 50, "one turn of the wheel goes some lines on, not a thousand"
    page.click("[data-log-tool=end]")
    wait_for_lines(page)
    assert shown(page)[-1] == "line 1000000 of a million"


@pytest.fixture(scope="module")
def rendered(site, data):
    cases = json.loads((data / "ansi-lines.json").read_text())
    text = "".join("\n".join(case["lines"]) + "\x1b[0m\n" for case in cases)
    return cases, site.scene("with_log", text=text)


def test_b02_it_draws_bars_colours_and_markup_as_a_terminal_would(page, rendered):
    cases, build = rendered
    page.set_viewport_size({"width": 1280, "height": 1400})
    page.goto(build["url"])
    wait_for_lines(page)
    wanted = [text for case in cases for text in case["text"]]
    assert page.evaluate("[...document.querySelectorAll('.log-text')].map((e) => e.textContent)") == wanted
    assert page.locator(".log-text .ansi-red-fg").first.inner_text() == "red"
    assert page.locator(".log-text script").count() == 0
    assert page.evaluate("[...document.querySelectorAll('.log-text a')].map((a) => a.protocol)") == ["http:", "https:"]


def test_b02_it_draws_the_same_without_scripts(browser, site, page, rendered):
    _, build = rendered
    page.goto(build["url"])
    wait_for_lines(page)
    with_scripts = page.evaluate("[...document.querySelectorAll('.log-text')].map((e) => e.innerHTML)")
    page.route("**/build-page.js", lambda route: route.abort())
    page.goto(build["url"])
    without = page.evaluate("[...document.querySelectorAll('.log-text')].map((e) => e.innerHTML)")
    assert without[: len(with_scripts)] == with_scripts


def test_it_folds_and_opens_steps(page, site):
    build = site.scene("succeeded")
    page.goto(build["url"])
    wait_for_lines(page)
    page.click(".log-heading[data-step='6'] button")
    page.wait_for_selector("text=fetching 240/240")
    page.click(".log-heading[data-step='6'] button")
    page.wait_for_selector("text=fetching 240/240", state="detached")
    page.click("#build-steps [data-step-link='6']")
    page.wait_for_selector("text=fetching 240/240")


def test_it_wraps_long_lines_to_the_end_when_asked(page, site):
    build = site.scene("with_log", text="".join(f"{n} {'long ' * 200}\n" for n in range(1, 201)))
    page.goto(build["url"])
    wait_for_lines(page)
    page.click("[data-log-tool=wrap]")
    pane = page.locator("[data-log-pane]")
    assert pane.evaluate("(e) => e.scrollWidth - e.clientWidth") <= 1
    page.click("[data-log-tool=end]")
    page.wait_for_function("() => document.querySelector('[data-name=\"s8-l200\"]')")
    wait_for_lines(page)
    gap = page.evaluate(
        "document.querySelector('[data-log-pane]').getBoundingClientRect().bottom"
        " - document.querySelector('[data-name=\"s8-l200\"]').getBoundingClientRect().bottom"
    )
    assert abs(gap) < 25
    page.click("[data-log-tool=wrap]")


def test_it_copies_a_link_to_the_marked_line(page, site, million):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{million['url']}#s8-l7")
    wait_for_lines(page)
    page.click("[data-name='s8-l9'] .log-number")
    page.click("[data-log-tool=link]")
    page.wait_for_selector("[data-log-tool=link].is-copied")
    assert page.evaluate("navigator.clipboard.readText()") == f"{site.url}{million['url']}#s8-l9"


@pytest.mark.parametrize(
    ("recording", "wanted"),
    [
        ("progress-cr.jsonl", ["Downloading 100% [####                ]", "bc", "one", "two"]),
        ("ansi.jsonl", ["red 256 true", "overwritten", "osc", "link", "<script>alert(1)</script> & "]),
        ("invalid-utf8.jsonl", None),
        ("nul-bytes.jsonl", None),
        ("no-newline.jsonl", None),
    ],
)
def test_b02_it_draws_what_real_builds_printed(page, site, data, recording, wanted):
    printed = b"".join(logs_of(data / "rawjson" / recording))
    build = site.scene("with_log", text=printed.decode(errors="surrogateescape"))
    page.goto(build["url"])
    page.wait_for_function("() => document.querySelector('.log-row:not(.is-unread)')")
    drawn = page.evaluate("[...document.querySelectorAll('.log-text')].map((e) => e.textContent)")
    assert drawn == (
        wanted or [plain_line(line) for line in printed.decode(errors="replace").removesuffix("\n").split("\n")]
    )


def logs_of(path) -> list[bytes]:
    """What the vertexes of a recording printed."""
    records = [json.loads(line) for line in path.read_bytes().splitlines() if line.startswith(b"{")]
    return [base64.b64decode(log["data"]) for record in records for log in record.get("logs") or []]


def test_it_stays_at_the_end_when_lines_are_wrapped(page, site):
    build = site.scene("with_log", text="".join(f"{n} {'long ' * 200}\n" for n in range(1, 301)))
    page.goto(build["url"])
    wait_for_lines(page)
    page.click("[data-log-tool=end]")
    page.wait_for_function("() => document.querySelector('[data-name=\"s8-l300\"]:not(.is-unread)')")
    for _ in range(2):
        page.click("[data-log-tool=wrap]")
        assert any(text.startswith("300 ") for text in shown(page))
