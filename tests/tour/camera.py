"""Pictures of pages with Chromium: light, dark, and some on a phone, written as WebP by the browser itself."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from bench.base import say
from tests.browser.build_site import CHROMIUM_ARGUMENTS
from tests.browser.steady import steady
from tests.tour.stops import Stop

PASSWORD = "tour through the yard"
QUALITY = 0.5
# A page that is longer is cut there: what it answers stands above.
MOST_HEIGHT = 1500
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
_ENCODE = """async ([png, quality]) => {
  const image = new Image();
  image.src = 'data:image/png;base64,' + png;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext('2d').drawImage(image, 0, 0);
  const blob = await canvas.convertToBlob({type: 'image/webp', quality});
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = '';
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
}"""


class Camera:
    """Photographs stops into `folder`."""

    def __init__(self, browser: Browser, url: str, folder: Path) -> None:
        self.browser, self.url, self.folder = browser, url, folder
        self.darkroom = browser.new_page()
        self._pages: dict[tuple[str, str], Page] = {}

    def take(self, stop: Stop, places: dict[str, str]) -> None:
        """Its two or three pictures."""
        address = stop.address.format(**places)
        for look in ("", "-dark", *(["-phone"] if stop.phone else [])):
            page = self._page(stop.user, look)
            answer = page.goto(address, wait_until="load")
            assert answer is not None, address
            assert answer.status == 200, f"{address}: {answer.status}"
            self._act(page, stop)
            self._develop(page, self.folder / f"{stop.file}{look}.webp")
        say(f"tour: {stop.file}")

    def keep_png(self, stop: Stop, places: dict[str, str], target: Path) -> None:
        """One picture as PNG, of the first screenful."""
        page = self._page(stop.user, "")
        page.goto(stop.address.format(**places), wait_until="load")
        page.wait_for_timeout(1500)
        target.write_bytes(page.screenshot())

    def _act(self, page: Page, stop: Stop) -> None:
        page.wait_for_timeout(700)
        if stop.press and page.locator(stop.press).count():
            page.locator(stop.press).first.click()
            page.wait_for_load_state("load")
            page.wait_for_timeout(1000)
            # What a worker reads comes by itself.
            page.locator("main [role=status] .spin").wait_for(state="detached", timeout=30_000)
        if stop.type:
            page.locator(".xterm").wait_for(timeout=60_000)
            page.wait_for_timeout(4000)
            page.keyboard.type(stop.type)
            page.wait_for_timeout(1500)

    def _page(self, user: str, look: str) -> Page:
        if (user, look) not in self._pages:
            context = self._context(look)
            page = context.new_page()
            if user:
                _log_in(page, user)
            self._pages[user, look] = page
        return self._pages[user, look]

    def _context(self, look: str) -> BrowserContext:
        return self.browser.new_context(
            base_url=self.url,
            viewport=PHONE if look == "-phone" else WIDE,
            color_scheme="dark" if look == "-dark" else "light",
            reduced_motion="reduce",
        )

    def _develop(self, page: Page, target: Path) -> None:
        tall = int(page.evaluate("document.documentElement.scrollHeight"))
        size = page.viewport_size or WIDE
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(tall, MOST_HEIGHT)}
        png = page.screenshot(full_page=True, clip=clip)  # type: ignore[arg-type]
        text = self.darkroom.evaluate(_ENCODE, [base64.b64encode(png).decode(), QUALITY])
        target.write_bytes(base64.b64decode(text))


def _log_in(page: Page, user: str) -> None:
    page.goto("/accounts/login/")
    page.fill("[name=login]", user)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/")


@contextmanager
def camera(url: str, folder: Path) -> Iterator[Camera]:
    """A camera with an empty folder before it."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.webp"):
        old.unlink()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_ARGUMENTS)
        try:
            yield Camera(steady(browser), url, folder)
        finally:
            try:
                browser.close()
            except Error as error:
                say(str(error))
