"""A failed build in a real browser: it opens with its digest, at the failing line, and leads to the Dockerfile."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.browser.build_site import Site, page_of
from tests.browser.test_log_view import shown, wait_for_lines

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1280, "height": 800}


Scenes = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def scene(site: Site) -> Scenes:
    """Failed builds beside the scenes of the site, in its database."""
    return partial(site.scene, module="tests.browser.failure_scenes")


@pytest.fixture(scope="module")
def failed(scene: Scenes) -> dict[str, Any]:
    return scene("failed")


@pytest.fixture
def page(site, browser):
    yield from page_of(site, browser)


def wait_in_sight(page, selector: str) -> None:
    """Until the whole element is within the window, and within the box that scrolls it."""
    page.wait_for_function(
        """(selector) => {
          const element = [...document.querySelectorAll(selector)].at(-1);
          if (!element) return false;
          const inside = (inner, outer) => inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1;
          const box = element.getBoundingClientRect();
          const pane = element.closest(".failure-lines, [data-log-pane]")?.getBoundingClientRect();
          return inside(box, { top: 0, bottom: innerHeight }) && (!pane || inside(box, pane));
        }""",
        arg=selector,
        timeout=10_000,
    )


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_05_a_failed_build_opens_with_its_digest_on_the_first_screen(page, failed, size):
    """Point 5: what failed, what to try and the last line that was printed, without scrolling."""
    page.set_viewport_size(size)
    page.goto(failed["url"])
    wait_for_lines(page)
    said = page.locator("#failure").inner_text()
    for part in ("ended with exit code 1", "Fault: your build", "Your move:", "The same failure ended 4 of the last 7"):
        assert part in said
    for selector in (".failure-sentence", ".failure-try", ".failure-alike", ".failure-row"):
        wait_in_sight(page, selector)
    assert (
        page.locator(".failure-row").last.inner_text().endswith("npm error Test failed.  See above for more details.")
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_05_a_failed_build_opens_at_the_failing_line_of_its_log(page, failed):
    page.goto(failed["url"])
    wait_for_lines(page)
    assert shown(page)[-1].startswith("npm error Test failed.")
    wait_in_sight(page, ".log-rows .log-row")


def test_05_a_line_of_the_digest_leads_to_its_line_of_the_log(page, failed):
    page.goto(f"{failed['url']}?tab=inputs")
    page.click(".failure-row a >> nth=-4")
    page.wait_for_url(re.compile("#s8-l121$"))
    page.wait_for_selector("[data-log-pane]")
    page.locator(".log-row.is-linked .log-text", has_text="login refuses a wrong password").wait_for()


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_02_the_header_leads_to_the_failing_line_of_the_dockerfile(page, failed, size):
    """Point 2: a failed build's page links from its header to the line, which shows the error below it."""
    page.set_viewport_size(size)
    page.goto(failed["url"])
    page.get_by_role("link", name="Dockerfile line 12").click()
    page.wait_for_url(re.compile("tab=dockerfile#L12$"))
    line = page.locator("#L12")
    assert "RUN npm run build" in line.inner_text()
    assert page.evaluate("document.querySelector('#L12').matches(':target')")
    wait_in_sight(page, "#L12 .df-code > code")
    assert "ended with exit code 1" in page.locator("#L13 .df-bad").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_02_a_line_leads_to_the_log_of_its_step_and_the_step_back_to_its_line(page, scene):
    """Point 2: line → step's log, and back."""
    page.goto(f"{scene('annotated')['url']}?tab=dockerfile")
    page.click("#L10 .df-time a")
    page.wait_for_url(re.compile("#s6$"))
    page.wait_for_selector("#build-steps .is-chosen")
    assert page.locator("#build-steps .is-chosen").get_attribute("data-step") == "6"
    page.hover("#build-steps [data-step='6']")
    page.click("#build-steps [data-step='6'] .step-source")
    page.wait_for_url(re.compile("tab=dockerfile#L10$"))
    assert page.locator("#L10").is_visible()


def test_02_the_lines_change_by_themselves_while_the_build_runs(page, scene):
    build = scene("running_lines")
    page.goto(f"{build['url']}?tab=dockerfile")
    assert "running" in page.locator("#L12").inner_text()
    scene("end_of_step", build_id=build["id"], index=8)
    page.wait_for_function("document.querySelector('#L12').innerText.includes('ran')")
    assert "running" not in page.locator("#L12").inner_text()


def test_05_the_digest_goes_to_the_log_of_the_step_in_place(page, failed):
    page.goto(f"{failed['url']}?step=6#s6")
    page.wait_for_selector("#build-steps [data-step='6'].is-chosen")
    page.evaluate("window.isTheSamePage = true")
    page.get_by_role("link", name="Log of the step").click()
    page.wait_for_selector("#build-steps [data-step='8'].is-chosen")
    assert page.evaluate("window.isTheSamePage")
