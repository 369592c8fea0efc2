"""What runs leave in an engine: that of dead runs goes, that of living ones and of other people stays."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from builds.engine.dockerclient import Docker, bare_client
from builds.engine.stopflag import StopFlag
from builds.pipeline import sandbox


@pytest.fixture
def docker(docker_host: str, settings) -> Iterator[Docker]:
    settings.DOCKER_HOST = docker_host
    settings.SECRET_KEY = uuid.uuid4().hex * 2  # an Imageyard of its own on the shared engine
    with bare_client(docker_host, StopFlag()) as client:
        yield client


def make(docker: Docker, image: str, run: str, owner: str) -> dict[str, str]:
    """A container, a network, a volume and an image's name; how each is found again."""
    labels = [f"--label={sandbox.OWNER}={owner}", f"--label={sandbox.RUN}={run}"]
    name = f"sweep-{uuid.uuid4().hex[:8]}"
    docker("network", "create", *labels, name)
    docker("volume", "create", *labels, name)
    docker(
        "run", "--detach", f"--name={name}", f"--network={name}", f"--volume={name}:/v", *labels, image, "sleep", "99"
    )
    docker("image", "tag", image, f"imageyard-test/{owner}/{run}:{name}")
    return {"container": name, "network": name, "volume": name, "image": f"imageyard-test/{owner}/{run}:{name}"}


def there(docker: Docker, made: dict[str, str]) -> set[str]:
    return {kind for kind, name in made.items() if docker.read(kind, "inspect", name) is not None}


def test_q02_it_removes_everything_of_dead_runs_and_nothing_else(docker: Docker, base_image: str):
    docker("pull", "--quiet", base_image)
    dead = make(docker, base_image, "7.1", sandbox.owner())
    alive = make(docker, base_image, "7.2", sandbox.owner())
    others = make(docker, base_image, "7.1", "somebody-else")
    everything = {"container", "network", "volume", "image"}
    try:
        assert there(docker, dead) == everything
        assert sandbox.sweep(lambda: {"7.2"}) == 4
        assert there(docker, dead) == set()
        assert there(docker, alive) == there(docker, others) == everything
        assert sandbox.sweep(lambda: {"7.2"}) == 0
    finally:
        for made in (dead, alive, others):
            docker.clean("rm", "--force", made["container"])
            docker.clean("network", "rm", made["network"])
            docker.clean("volume", "rm", made["volume"])
            docker.clean("image", "rm", made["image"])


def test_it_looks_at_living_runs_after_it_has_looked_at_containers(docker: Docker, base_image: str):
    """A run that began in between is not taken for a dead one."""
    docker("pull", "--quiet", base_image)
    made: dict[str, str] = {}

    def running() -> set[str]:
        made.update(make(docker, base_image, "8.1", sandbox.owner()))
        return set()

    dead = make(docker, base_image, "7.1", sandbox.owner())
    try:
        sandbox.sweep(running)
        assert there(docker, dead) == set()
        assert "container" in there(docker, made)
    finally:
        sandbox.sweep(set)


def test_an_engine_that_is_away_stops_nothing(settings):
    settings.DOCKER_HOST = "unix:///nowhere/docker.sock"
    assert sandbox.sweep(set) == 0
