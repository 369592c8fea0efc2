"""`python -m tests.tour`: everything is started, the story happens, and every stop is photographed."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.base import Bench, bench, say
from tests.forge_server import GitHubServer, serving
from tests.github_api import EDITIONS
from tests.odd_registry import locked_registry
from tests.receiver import receiving
from tests.tour.camera import PASSWORD, Camera, camera
from tests.tour.registries import Elsewhere
from tests.tour.stops import all_stops, told
from tests.tour.story import begin_to_run, tell

DOCS = Path(__file__).resolve().parents[2] / "docs"
BEGIN, END = "<!-- the pages: written by `make tour` -->", "<!-- the end of the pages -->"
MOST_BYTES = 6_000_000
# Nobody waits for two hours until what was pushed may be collected.
SOON = {"IMAGEYARD_COLLECT_WINDOW_S": "60", "IMAGEYARD_COLLECT_GRACE_S": "5"}


def main() -> int:
    edition = next(edition for edition in reversed(EDITIONS) if edition.startswith("ghes"))
    with (
        serving(GitHubServer(edition, "/api/v3")) as forge,
        receiving() as receiver,
        TemporaryDirectory(prefix="iy-tour-") as folder,
        locked_registry(Path(folder)) as elsewhere,
        bench(**SOON) as here,
    ):
        _set_password(here)
        story = tell(here, forge, receiver.url, Elsewhere(elsewhere))
        with camera(here.yard.url, DOCS / "tour") as pictures:
            begin_to_run(story)
            _take(pictures, story.places, running=True)
            _take(pictures, story.places, running=False)
    _write()
    size = sum(file.stat().st_size for file in (DOCS / "tour").glob("*.webp"))
    say(f"{len(list((DOCS / 'tour').glob('*.webp')))} pictures, {size / 1e6:.1f} MB")
    return int(size > MOST_BYTES)


def _set_password(here: Bench) -> None:
    script = "from accounts.models import User; u = User.objects.get(username='admin'); u.set_password({!r}); u.save()"
    here.yard.manage("shell", "-c", script.format(PASSWORD))


def _take(pictures: Camera, places: dict[str, str], *, running: bool) -> None:
    """The build's own pages first, for what runs will not do so for ever."""
    for stop in sorted(all_stops(), key=lambda stop: stop.name != "build"):
        if stop.running == running:
            pictures.take(stop, places)
            if stop.file == "build-running":
                pictures.keep_png(stop, places, DOCS / "images" / "build.png")


def _write() -> None:
    """The pages' part of docs/tour.md; what stands around it stays."""
    page = DOCS / "tour.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{told()}\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
