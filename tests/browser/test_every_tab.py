"""Every tab of a build that succeeded, failed, runs and waits, looked at as `test_every_page` looks at the other pages."""

from __future__ import annotations

import pytest

from tests.browser.looks import faults_of, filled  # noqa: F401 — a fixture
from tests.scenes import tabs

pytestmark = pytest.mark.browser


@pytest.mark.timeout(900)
def test_it_keeps_every_tab_in_its_width_and_free_of_what_axe_and_the_policy_find(filled, browser):  # noqa: F811
    """Point 11, in both schemes, wide and on a phone, at 400 %, and for who wants no motion."""
    found = faults_of(tabs(), filled, browser)
    assert not found, "\n".join(found)
