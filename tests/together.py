"""Files that share a whole Imageyard go to one xdist worker: each worker that meets one of them would start another.

Three workers run whole Imageyards and browsers, which wait for each other a good deal of their time. A fourth one fills
that time with what needs none of them, for a fourth set of those would cost more than it fills.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
# By what their files say of the fixture. The Imageyard that nothing is done to is not here: most files use it, and all
# of them one after the other would take longer than everything else.
SHARED = {
    "own_yard": re.compile(r"\bown_yard\b|\btests\.oci_places\b"),
    "fragile": re.compile(r"\bfragile\b"),
}
# What is in these folders uses a whole Imageyard or a browser. One worker takes none of it; whoever replaces a worker
# that crashed has another name and takes all.
HEAVY_FOLDERS = ("functional", "browser")
LIGHT_WORKER = "gw3"


@cache
def unit_of(file: str) -> str:
    """What a worker takes as a whole: all files with the same of these, or a file alone."""
    path = CHECKOUT / file
    if path.parent.name != "functional" or not path.is_file():
        return file
    text = path.read_text(encoding="utf-8")
    return next((name for name, words in SHARED.items() if words.search(text)), file)


def is_heavy(unit: str) -> bool:
    return unit in SHARED or unit.startswith(tuple(f"tests/{folder}/" for folder in HEAVY_FOLDERS))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # not where nothing is distributed

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit_of(nodeid.split("::", 1)[0])

        def _assign_work_unit(self, node: Any) -> None:
            """Give a worker the next of its own kind; one that runs Imageyards takes what is left of the other too."""
            takes_heavy = node.gateway.id != LIGHT_WORKER
            own = next((unit for unit in self.workqueue if is_heavy(unit) == takes_heavy), None)
            if own is not None:
                self.workqueue.move_to_end(own, last=False)
            elif not takes_heavy:
                node.shutdown()
                return
            super()._assign_work_unit(node)

    return Scheduling(config, log)
