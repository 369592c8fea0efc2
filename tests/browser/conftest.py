"""Fixtures of the browser tests, for those that look at the pages; the build page's tests bring their own."""

from __future__ import annotations

from tests.browser.build_site import launched, served, site  # noqa: F401 — fixtures
from tests.browser.page_site import browser, page, plain, sample  # noqa: F401 — fixtures
