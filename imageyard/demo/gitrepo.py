"""The demo's Git repository: made from `examples/hello` on the first run, one commit more on every later one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from imageyard.demo.failure import DemoError

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "hello"
BRANCH = "main"
NO_COMMIT = "0" * 40


@dataclass(frozen=True)
class Push:
    """What one push changed: the branch's commit before (zeros where it is new) and after it, and the newest commit."""

    before: str
    after: str
    message: str
    at: str


def push_commit(bare: Path) -> Push:
    """Commit the example's files and one line more, and push; makes the bare repository where there is none."""
    if not (bare / "HEAD").exists():
        bare.mkdir(parents=True, exist_ok=True)
        _git(bare, "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", ".")
    with tempfile.TemporaryDirectory(prefix="imageyard-demo-") as folder:
        tree = Path(folder) / "hello"
        _git(bare, "clone", "--quiet", str(bare), str(tree))
        before = _git(bare, "rev-parse", "--verify", "--quiet", f"refs/heads/{BRANCH}", may_fail=True) or NO_COMMIT
        shutil.copytree(EXAMPLE, tree, dirs_exist_ok=True)
        pushes = tree / "content" / "pushes.txt"
        number = 1 + (len(pushes.read_text(encoding="utf-8").splitlines()) if pushes.exists() else 0)
        with pushes.open("a", encoding="utf-8") as file:
            file.write(f"Push {number}, {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n")
        message = "Say hello" if number == 1 else f"Say hello again ({number})"
        _git(tree, "checkout", "--quiet", "-B", BRANCH)
        _git(tree, "add", "--all")
        _git(tree, "commit", "--quiet", "--message", message)
        _git(tree, "push", "--quiet", "origin", BRANCH)
        after = _git(tree, "rev-parse", "HEAD")
        at = _git(tree, "log", "-1", "--format=%cI")
    return Push(before, after, message, at)


def _git(folder: Path, *arguments: str, may_fail: bool = False) -> str:
    # The person's own Git settings (signing, hooks, templates) have no part in it.
    person = {"NAME": "Hello Demo", "EMAIL": "hello@acme.test"}
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in person.items()}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    command = ["git", "-c", "safe.directory=*", *arguments]
    ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=60)
    if ran.returncode and not may_fail:
        raise DemoError(f"`git {arguments[0]}` ended with exit code {ran.returncode}: {ran.stderr.strip()}")
    return ran.stdout.strip()
