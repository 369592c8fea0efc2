"""The stops of the tour as `stops.toml` has them, and the pages' part of docs/tour.md made of them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("stops.toml")


@dataclass(frozen=True, slots=True)
class Stop:
    """One page and its pictures. The fields are told in `stops.toml`."""

    file: str
    name: str
    title: str
    address: str
    sentence: str
    phone: bool = False
    running: bool = False
    user: str = "admin"
    press: str = ""
    type: str = ""


def read() -> tuple[dict[str, list[Stop]], dict[str, str]]:
    """The stops by heading, and why other pages have none."""
    found: dict[str, Any] = tomllib.loads(_FILE.read_text())
    return {part["heading"]: [Stop(**stop) for stop in part["stop"]] for part in found["part"]}, found["not_shown"]


def all_stops() -> list[Stop]:
    return [stop for stops in read()[0].values() for stop in stops]


def told() -> str:
    """The pages' part of docs/tour.md. Pictures follow the reader's scheme where the viewer knows it."""
    lines = []
    for heading, stops in read()[0].items():
        lines += [f"## {heading}", ""]
        for stop in stops:
            lines += [f"### {stop.title}", "", stop.sentence, "", _picture(stop), ""]
            if stop.phone:
                phone = f'<img alt="{stop.title}, on a phone" src="tour/{stop.file}-phone.webp" width="260">'
                lines += [phone, ""]
    return "\n".join(lines)


def _picture(stop: Stop) -> str:
    dark = f'<source media="(prefers-color-scheme: dark)" srcset="tour/{stop.file}-dark.webp">'
    return f'<picture>{dark}<img alt="{stop.title}" src="tour/{stop.file}.webp"></picture>'
