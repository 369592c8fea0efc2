"""The table of variables in docs/server.md says what imageyard/env.py reads; the compose file passes it on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from imageyard.env import read_env
from tests.compose.images import CHECKOUT
from tests.compose.parts import NAMES
from tests.compose.stack import base_images

SECTION = re.compile(
    r"^## All variables\n(?P<ours>.*?)^The compose file adds these:\n(?P<compose>.*)", re.MULTILINE | re.DOTALL
)
ROW = re.compile(r"^\| `(?P<name>[A-Z_]+)`(?P<file> †)? \| (?P<default>[^|]+) \|", re.MULTILINE)
COMPOSE = CHECKOUT / "docker-compose.yml"


class Asked(dict[str, str]):
    """An environment that writes down which names it was asked for."""

    def __init__(self, **given: str) -> None:
        super().__init__(given)
        self.names: set[str] = set()

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        self.names.add(name)
        return super().get(name, default)


def rows(part: str) -> Iterator[re.Match[str]]:
    section = SECTION.search((CHECKOUT / "docs/server.md").read_text())
    assert section is not None
    return ROW.finditer(section[part])


def asked_for(tmp_path: Path) -> set[str]:
    environ = Asked(IMAGEYARD_HOME=str(tmp_path))
    read_env(environ)
    return environ.names


def test_it_names_every_variable_that_is_read(tmp_path: Path):
    read = {name.removesuffix("_FILE") for name in asked_for(tmp_path)}
    assert {row["name"] for row in rows("ours")} == read


def test_it_marks_those_that_may_stand_in_a_file(tmp_path: Path):
    in_files = {name.removesuffix("_FILE") for name in asked_for(tmp_path) if name.endswith("_FILE")}
    assert {row["name"] for row in rows("ours") if row["file"]} == in_files


@pytest.mark.parametrize(
    ("name", "default"),
    [(row["name"], row["default"]) for row in rows("ours") if re.fullmatch(r"`[^`<]+`", row["default"])],
)
def test_it_gives_the_default_that_holds(name: str, default: str, tmp_path: Path):
    home = {} if name == "IMAGEYARD_HOME" else {"IMAGEYARD_HOME": str(tmp_path)}
    if name == "IMAGEYARD_HOME":
        assert default == "`./.imageyard`"
        return
    assert read_env({**home, name: default.strip("`")}) == read_env(home)


def test_compose_lets_every_variable_through(tmp_path: Path):
    passed = set(re.findall(r"^ +([A-Z_]+): ", COMPOSE.read_text(), re.MULTILINE))
    read = {name.removesuffix("_FILE") for name in asked_for(tmp_path)}
    # The image sets the first three. Debugging is for a checkout, and a folder of Git repositories needs a mount too.
    image = {"IMAGEYARD_HOME", "IMAGEYARD_HTTP", "IMAGEYARD_ALIVE_PATH"}
    fixed = image | {"IMAGEYARD_DEBUG", "IMAGEYARD_LOCAL_GIT_ROOT"}
    assert read - passed == fixed


def test_it_names_every_variable_of_the_compose_file(tmp_path: Path):
    used = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE.read_text()))
    documented = {row["name"] for part in ("ours", "compose") for row in rows(part)}
    assert {name.removesuffix("_FILE") for name in used} - documented == set()
    assert {row["name"] for row in rows("compose")} - used == set()


def test_the_tests_have_a_stand_in_for_every_image():
    services = yaml.safe_load(COMPOSE.read_text())["services"].values()
    images = {service["image"] for service in services if not service["image"].startswith("${")}
    assert images | set(base_images()) == set(NAMES)


def test_every_service_that_stays_has_a_healthcheck_and_comes_back():
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    staying = {name: service for name, service in services.items() if name not in ("init", "migrate")}
    assert {name for name, service in staying.items() if "healthcheck" not in service} == set()
    assert {service.get("restart") for service in staying.values()} == {"unless-stopped"}


def test_the_image_gets_every_room():
    kept = {line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    rooms = {path.parent.name for path in CHECKOUT.glob("*/apps.py")}
    assert rooms | {"imageyard", "lib", "static", "templates", "manage.py", "requirements.lock"} <= kept
