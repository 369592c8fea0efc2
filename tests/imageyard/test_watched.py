"""When a service that ended starts again: later each time, unless it served for a while or left in good order."""

from __future__ import annotations

from pathlib import Path

import pytest

from imageyard.supervisor import watched
from imageyard.supervisor.child import Child
from imageyard.supervisor.terminal import Terminal
from imageyard.supervisor.watched import Watched


def delays(folder: Path, program: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What is said about three ends of a program, each of which is followed by a start."""
    service = Watched(Child("web", ["sh", "-c", program], log=folder / "web.log"), Terminal())
    for _ in range(3):
        service.start()
        service.child.wait(10)
        service.look()
    return [line.partition(" starts again in ")[2].partition(" s.")[0] for line in capsys.readouterr().out.splitlines()]


def test_it_waits_longer_each_time_that_it_ends_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert delays(tmp_path, "exit 1", capsys) == ["1", "2", "4"]


def test_one_that_left_in_good_order_is_back_in_a_second(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert delays(tmp_path, "exit 0", capsys) == ["1", "1", "1"]


def test_one_that_served_for_a_while_is_back_in_a_second(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "WELL_AFTER_S", 0)
    assert delays(tmp_path, "exit 1", capsys) == ["1", "1", "1"]
