"""The tour shows every page, and its pictures are there. It is taken by `make tour`, which no test runs."""

from __future__ import annotations

from pathlib import Path

from builds.views.build_tabs import TABS
from tests.scenes import OTHERS, PAGES
from tests.tour.stops import all_stops, read, told

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_it_stops_at_every_page_and_every_tab():
    """Issue 4: every page as a screenshot; a page without one says why."""
    stops, not_shown = all_stops(), read()[1]
    names = {stop.name for stop in stops}
    assert {*PAGES, *(scene.name for scene in OTHERS)} - names == set(not_shown)
    addresses = [stop.address for stop in stops if stop.name == "build"]
    missing = [tab.name for tab in TABS[1:] if not any(address.endswith(f"tab={tab.name}") for address in addresses)]
    assert not missing


def test_it_has_a_picture_of_each_stop_in_both_schemes_and_stays_small():
    wanted = {f"{stop.file}{look}.webp" for stop in all_stops() for look in ("", "-dark", *["-phone"] * stop.phone)}
    there = {file.name for file in (DOCS / "tour").iterdir()}
    assert there == wanted
    assert sum(file.stat().st_size for file in (DOCS / "tour").iterdir()) < 6_000_000


def test_it_tells_the_stops_as_they_are():
    assert told() in (DOCS / "tour.md").read_text()
