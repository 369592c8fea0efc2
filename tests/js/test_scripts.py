"""Runs the tests of the pure JavaScript functions under node, one pytest case for each file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from builds.core.ansi import html_lines

HERE = Path(__file__).parent
SCRIPTS = sorted(HERE.glob("*.test.mjs"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_it_passes_under_node(script, data):
    node = shutil.which("node")
    if node is None or not (HERE.parents[1] / "node_modules" / "ansi_up").is_dir():
        pytest.skip("node or node_modules is not on this machine")
    cases = json.loads((data / "ansi-lines.json").read_text())
    server = {case["name"]: html_lines(case["lines"]) for case in cases}
    done = subprocess.run(
        [node, "--import", str(HERE / "vendor.mjs"), "--test", str(script)],
        env={**os.environ, "ANSI_LINES_HTML": json.dumps(server)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
