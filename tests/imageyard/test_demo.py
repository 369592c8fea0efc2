"""The parts of the demo: its Git repository, its webhook, and the follower that prints every line once."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
from pathlib import Path

import httpx
import pytest

from imageyard.demo.follow import Follower
from imageyard.demo.github import push_request
from imageyard.demo.gitrepo import NO_COMMIT, push_commit

STORED = {0: ["fetching"], 1: [f"line {number}" for number in range(2500)]}


def test_it_makes_the_repository_once_and_adds_a_commit_on_every_run(tmp_path: Path) -> None:
    bare = tmp_path / "demo" / "hello.git"
    first, second = push_commit(bare), push_commit(bare)
    assert (first.before, second.before) == (NO_COMMIT, first.after)
    files = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", second.after], cwd=bare, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert {"Dockerfile", ".dockerignore", "private-notes.txt", "content/pushes.txt"} <= set(files)


def test_it_signs_the_push_as_github_does(tmp_path: Path) -> None:
    push = push_commit(tmp_path / "hello.git")
    body, headers = push_request(push, "secret")
    assert headers["X-Hub-Signature-256"] == "sha256=" + hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    assert json.loads(body)["after"] == push.after
    assert json.loads(body)["created"] is True


@pytest.fixture
def printed() -> list[str]:
    return []


@pytest.fixture
def follower(printed: list[str]) -> Follower:
    def answer(request: httpx.Request) -> httpx.Response:
        step, first, count = (int(request.url.params[name]) for name in ("step", "from", "lines"))
        lines = STORED[step][first : first + count]
        return httpx.Response(200, json={"first_line": first, "lines": lines, "total": len(STORED[step])})

    client = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://imageyard.test")
    return Follower(client, 7, printed.append)


def snapshot(lines: int) -> dict[str, object]:
    steps = [
        {"index": 0, "name": "git", "state": "finished", "lines": 1},
        {"index": 1, "name": "RUN make", "state": "running", "lines": lines},
    ]
    return {"type": "snapshot", "cursor": "1", "state": "building", "steps": steps}


def end() -> dict[str, object]:
    return {"type": "end", "state": "succeeded", "steps": [{"index": 0, "lines": 1}, {"index": 1, "lines": 2500}]}


def test_it_prints_every_line_once_whatever_overlaps_or_is_missed(follower: Follower, printed: list[str]) -> None:
    follower.take(snapshot(lines=3))
    follower.take({"type": "log", "step": 1, "first_line": 2, "lines": STORED[1][2:5]})  # overlaps
    follower.take({"type": "log", "step": 1, "first_line": 1500, "lines": STORED[1][1500:1502]})  # after a gap
    follower.take({"type": "more", "step": 1, "lines": 1600})
    assert follower.take(end()) is False
    lines = [line.strip() for line in printed if line.startswith("   ")]
    assert lines == STORED[0] + STORED[1]


def test_it_lets_a_log_colour_the_terminal_and_nothing_else(follower: Follower, printed: list[str]) -> None:
    follower.take({"type": "snapshot", "state": "building", "steps": []})
    follower.take({"type": "log", "step": 1, "first_line": 0, "lines": ["\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b[2J"]})
    assert printed[-1] == "   \x1b[31mred\x1b[0m ]0;title[2J"
