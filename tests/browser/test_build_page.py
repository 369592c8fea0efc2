"""The build page in a real browser: it changes by itself, follows the log, survives cuts, and runs nothing hostile."""

from __future__ import annotations

import pytest

from tests.browser.build_site import log_in, log_in_by_form, page_of
from tests.browser.test_log_view import shown, wait_for_lines

pytestmark = pytest.mark.browser


@pytest.fixture
def page(site, browser):
    yield from page_of(site, browser)


def text(page, selector: str) -> str:
    return page.locator(selector).inner_text()


def wait_for_line(page, line: str) -> None:
    page.wait_for_function(
        "(line) => [...document.querySelectorAll('.log-text')].some((e) => e.textContent === line)", arg=line
    )


def wait_until_still(page) -> None:
    """The wheel scrolls smoothly: until its last movement is over."""
    page.evaluate(
        """async () => {
          const pane = document.querySelector("[data-log-pane]");
          for (let same = 0, top = -1; same < 8; same = pane.scrollTop === top ? same + 1 : 0) {
            top = pane.scrollTop;
            await new Promise(requestAnimationFrame);
          }
        }"""
    )


def whole_step(page, step: int = 8) -> list[str]:
    """Every line of a step as the page's own rows show it, collected while scrolling from its start to its end."""
    return page.evaluate(
        """async (step) => {
          const pane = document.querySelector("[data-log-pane]");
          const seen = new Map();
          for (let top = 0; ; top += pane.clientHeight / 2) {
            pane.scrollTop = top;
            for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
            for (let wait = 0; wait < 100; wait += 1) {
              await new Promise((done) => setTimeout(done, 20));
              if (!document.querySelector(".is-unread")) break;
            }
            for (const row of document.querySelectorAll(`.log-row[data-step="${step}"]`)) {
              seen.set(Number(row.dataset.line), row.querySelector(".log-text").textContent);
            }
            if (top > pane.scrollHeight) break;
          }
          return [...seen].sort(([a], [b]) => a - b).map(([, text]) => text);
        }""",
        step,
    )


def test_it_runs_nothing_of_what_strangers_wrote(page, site):
    build = site.scene("hostile")
    for where in ("", "?tab=inputs"):
        page.goto(f"{build['url']}{where}")
        page.wait_for_timeout(300)
        assert page.evaluate("window.pwned") is None
    page.goto(build["url"])
    wait_for_lines(page)
    assert page.locator(".log-pane script, .log-pane img, #build-header script, #build-steps img").count() == 0
    assert "<script>window.pwned = 1</script>" in page.locator(".log-text").first.inner_text()
    page.goto("/queue")
    assert page.evaluate("window.pwned") is None


def test_it_opens_a_failed_build_at_its_last_lines(page, site):
    page.goto(site.scene("failed")["url"])
    wait_for_lines(page)
    assert shown(page)[-1] == "npm error Test failed."
    assert "ended with exit code 1" in text(page, "#build-header")
    assert page.locator("#build-header .pill").inner_text().startswith("failed")


def test_it_follows_a_running_build_to_its_end_by_itself(page, site):
    build = site.scene("running", lines=60)
    page.goto(build["url"])
    wait_for_line(page, "compiling module 59")
    site.scene("append", build_id=build["id"], step=8, text="a new line\n")
    wait_for_line(page, "a new line")
    assert shown(page)[-1] == "a new line"
    site.scene("finish", build_id=build["id"])
    page.wait_for_selector("#build-header .pill-ok")
    assert page.title().startswith(f"#{build['number']} succeeded")
    assert page.locator("[data-log-connection]").inner_text() == ""


def test_it_follows_from_step_to_step_and_folds_what_is_done(page, site):
    build = site.scene("running", lines=300)
    page.goto(build["url"])
    wait_for_line(page, "compiling module 299")
    site.scene("next_step", build_id=build["id"], index=9, title="exporting to image")
    site.scene("append", build_id=build["id"], step=9, text="".join(f"layer {n}\n" for n in range(100)))
    wait_for_line(page, "layer 99")
    assert shown(page)[-1] == "layer 99"
    assert page.locator(".log-row[data-step='8']").count() == 0
    assert page.locator("#build-steps .is-chosen").get_attribute("data-step") == "9"
    assert page.locator("[data-log-tool=follow]").is_hidden()
    site.scene("finish", build_id=build["id"])


def test_it_stops_following_when_one_scrolls_up_and_counts_what_comes(page, site):
    build = site.scene("running", lines=200)
    page.goto(build["url"])
    wait_for_line(page, "compiling module 199")
    page.hover("[data-log-pane]")
    page.mouse.wheel(0, -1000)
    page.wait_for_selector("[data-log-tool=follow]:visible")
    wait_until_still(page)
    before = shown(page)
    site.scene("append", build_id=build["id"], step=8, text="".join(f"more {n}\n" for n in range(312)))
    page.wait_for_selector("text=312 new lines")
    assert shown(page) == before
    page.click("[data-log-tool=follow]")
    wait_for_line(page, "more 311")
    assert shown(page)[-1] == "more 311"
    site.scene("finish", build_id=build["id"])


def test_it_shows_a_progress_bar_as_one_line_while_it_moves(page, site):
    build = site.scene("running", lines=3)
    page.goto(build["url"])
    wait_for_line(page, "compiling module 2")
    for percent in (10, 50, 90):
        site.scene("append", build_id=build["id"], step=8, text=f"\rDownloading {percent} %")
        wait_for_line(page, f"Downloading {percent} %")
        assert page.locator(".log-row[data-step='8']").count() == 4
    site.scene("append", build_id=build["id"], step=8, text="\rDownloading 100 %\n")
    wait_for_line(page, "Downloading 100 %")
    assert page.locator(".log-row[data-step='8']").count() == 4
    site.scene("finish", build_id=build["id"])


def test_q06_it_loses_and_doubles_nothing_when_the_web_process_restarts(page, site):
    build = site.scene("running", lines=100)
    page.goto(build["url"])
    wait_for_line(page, "compiling module 99")
    site.stop_web()
    page.wait_for_selector("text=Connection lost; trying again…")
    for part in range(5):
        site.scene("append", build_id=build["id"], step=8, text="".join(f"away {part}.{n}\n" for n in range(300)))
    site.restart_web()
    wait_for_line(page, "away 4.299")
    site.scene("append", build_id=build["id"], step=8, text="back again\n")
    wait_for_line(page, "back again")
    site.scene("finish", build_id=build["id"])
    page.wait_for_selector("#build-header .pill-ok")
    away = [f"away {part}.{n}" for part in range(5) for n in range(300)]
    assert whole_step(page) == [f"compiling module {n}" for n in range(100)] + away + ["back again"]


def test_q06_it_shows_all_of_a_burst_that_comes_faster_than_messages(page, site):
    build = site.scene("running", lines=1)
    page.goto(build["url"])
    wait_for_line(page, "compiling module 0")
    for part in range(4):
        site.scene("append", build_id=build["id"], step=8, text="".join(f"burst {part} {n}\n" for n in range(5000)))
    wait_for_line(page, "burst 3 4999")
    page.goto(f"{build['url']}#s8-l7503")
    page.wait_for_selector(".is-linked")
    wait_for_line(page, "burst 1 2501")
    assert page.locator(".log-row").count() < 500
    site.scene("finish", build_id=build["id"])


def test_it_keeps_the_log_where_it_is_when_it_is_reloaded(page, site):
    build = site.scene("with_log", text="".join(f"line {n}\n" for n in range(1, 2001)))
    page.goto(f"{build['url']}#s8-l1500")
    wait_for_lines(page)
    page.reload()
    wait_for_lines(page)
    assert "line 1500" in shown(page)


def test_it_says_what_a_queued_build_waits_for_and_starts_by_itself(page, site):
    build = site.scene("queued")
    page.goto(build["url"])
    assert "waits" in text(page, "#build-header") or "worker" in text(page, "#build-header")
    site.scene("begin", build_id=build["id"])
    page.wait_for_selector("#build-header .pill-run")
    wait_for_line(page, "the first line")
    site.scene("finish", build_id=build["id"])
    page.wait_for_selector("#build-header .pill-ok")


def test_it_cancels_with_a_confirmation_that_names_the_build(page, site):
    build = site.scene("queued")
    page.goto(build["url"])
    page.click("#build-cancel-open")
    assert f"Stop build #{build['number']} of acme/web?" in text(page, ".build-confirm")
    page.click("#build-cancel-do")
    page.wait_for_selector("text=Cancelled by admin.")


def test_it_works_without_scripts(browser, site):
    build = site.scene("failed")
    context = browser.new_context(base_url=site.url, java_script_enabled=False)
    page = context.new_page()
    log_in_by_form(page)
    page.goto(build["url"])
    assert "npm error Test failed." in text(page, "[data-log-static]")
    page.click("[data-step-link='6']")
    assert "added 240 packages" in text(page, "[data-log-static]")
    page.click(".log-menu summary")
    with page.expect_download() as download:
        page.click("text=All steps")
    assert b"expected 401, got 500" in download.value.path().read_bytes()
    context.close()


def test_it_shows_an_earlier_attempt(page, site):
    build = site.scene("retried")
    page.goto(build["url"])
    wait_for_line(page, "attempt two")
    page.click("text=Attempt 1")
    wait_for_line(page, "attempt one")


def test_a_reader_finds_nothing_to_press_and_a_stranger_nothing_at_all(browser, site):
    build = site.scene("failed")
    for user, status in (("reader", 200), (None, 404)):
        context = browser.new_context(base_url=site.url)
        page = context.new_page()
        if user:
            log_in(site, page, user)
        assert page.goto(build["url"]).status == status
        assert page.locator("#build-retry").count() == 0
        context.close()


def test_the_queue_changes_by_itself(page, site):
    page.goto("/queue")
    page.mouse.move(0, 0)
    numbers = site.scene("queue")["numbers"]
    site.scene("ring")
    page.wait_for_selector(f"text=acme/app0 #{numbers[0]}")
    assert "builder-2" in text(page, ".queue-workers")


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_is_wider_than_the_window(page, site, width):
    page.set_viewport_size({"width": width, "height": 800})
    urls = [site.scene(name)["url"] for name in ("hostile", "succeeded", "failed")]
    for url in [*urls, f"{urls[0]}?tab=inputs", f"{urls[1]}?tab=inputs", "/queue"]:
        page.goto(url)
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, url


def test_it_shows_the_end_of_a_bar_that_is_too_long_for_a_message(page, site):
    build = site.scene("running", lines=1)
    page.goto(build["url"])
    wait_for_line(page, "compiling module 0")
    bar = "".join(f"\rstep {n:6} of 20000" for n in range(20_001))
    site.scene("append", build_id=build["id"], step=8, text=f"{bar}\nafter the bar\n")
    wait_for_line(page, "after the bar")
    wait_for_line(page, "step  20000 of 20000")
    site.scene("finish", build_id=build["id"])
