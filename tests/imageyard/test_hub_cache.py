"""The cache for Docker Hub: a real Distribution that proxies another real one, and what is asked of an engine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from imageyard.env import EnvError, read_env
from imageyard.supervisor import plan as planning
from imageyard.supervisor.engine import DockerEngine
from imageyard.supervisor.hub_cache import UPSTREAM, HubCache
from imageyard.supervisor.plan import make_plan
from imageyard.supervisor.ports import free_port
from imageyard.supervisor.registry import Registry
from registry.client import RegistryClient, RegistryError
from registry.errands import hub_cache as errand
from tests.images import Pusher, make_image
from tests.real_parts import running
from tests.yard import until

IMAGE = make_image("of the hub")


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Registry]:
    with running(Registry(tmp_path / "upstream", f"127.0.0.1:{free_port()}")) as part:
        pusher = Pusher(part.host, "library/debian")
        pusher.image(IMAGE, "12")
        pusher.close()
        yield part


def wait_until_kept(folder: Path, digests: set[str]) -> None:
    """Distribution hands a blob on first and keeps it a moment later."""
    blobs = folder / "docker/registry/v2/blobs/sha256"
    wanted = [blobs / digest[7:9] / digest[7:] / "data" for digest in digests]
    until(lambda: all(path.exists() for path in wanted), timeout_s=20, what="the blobs in the cache")


@pytest.mark.engine
def test_what_was_pulled_once_is_kept_when_the_hub_is_away(upstream: Registry, tmp_path: Path) -> None:
    cache = HubCache(tmp_path / "home", f"127.0.0.1:{free_port()}", f"http://{upstream.host}")
    with running(cache), RegistryClient(cache.host, "http") as client:
        assert client.manifest("library/debian", "12").digest == IMAGE.manifest.digest
        for digest in IMAGE.blobs:
            assert client.blob("library/debian", digest) == IMAGE.blobs[digest]
        wait_until_kept(cache.folder, {*IMAGE.blobs, IMAGE.manifest.digest})
        upstream.stop()
        for digest in IMAGE.blobs:
            assert client.blob("library/debian", digest) == IMAGE.blobs[digest]
        assert client.manifest("library/debian", IMAGE.manifest.digest).body == IMAGE.manifest.body
        with pytest.raises(RegistryError):
            client.put_manifest("library/debian", "mine", IMAGE.manifest)


@pytest.mark.engine
def test_the_page_learns_that_it_answers_and_what_it_holds(upstream: Registry, tmp_path: Path, settings) -> None:
    cache = HubCache(tmp_path, f"127.0.0.1:{free_port()}", f"http://{upstream.host}")
    settings.HUB_CACHE, settings.HOME = cache.host, tmp_path
    kept: dict[str, dict] = {}

    class Kept:
        set = staticmethod(lambda key, value, _seconds: kept.__setitem__(key, value))

    errand.cache, before = Kept, errand.cache
    try:
        with running(cache), RegistryClient(cache.host, "http") as client:
            digest = next(iter(IMAGE.blobs))
            client.blob("library/debian", digest)
            wait_until_kept(cache.folder, {digest})
            errand.look_at_hub_cache()
            assert kept["hub-cache"]["answers"] is True
            assert kept["hub-cache"]["size_bytes"] > 0
        errand.look_at_hub_cache()
    finally:
        errand.cache = before
    assert kept["hub-cache"]["answers"] is False
    assert "Builds ask Docker Hub itself meanwhile." in kept["hub-cache"]["sentence"]


def test_it_takes_no_account_along() -> None:
    """Whoever reaches the cache would read with it."""
    part = HubCache(Path("/tmp/x"), "127.0.0.1:5001")
    assert part.sections == {"proxy": {"remoteurl": UPSTREAM}}


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("", ""),
        ("0", ""),
        ("1", "127.0.0.1:5001"),
        ("127.0.0.1:5999", "127.0.0.1:5999"),
        ("cache.local:80", "cache.local:80"),
    ],
)
def test_it_is_off_unless_somebody_wants_it(tmp_path: Path, given: str, host: str) -> None:
    assert read_env({"IMAGEYARD_HOME": str(tmp_path), "IMAGEYARD_HUB_CACHE": given}).hub_cache == host


@pytest.mark.parametrize("given", ["yes", "127.0.0.1", "http://cache.local:80", "cache.local:0"])
def test_another_word_is_refused(tmp_path: Path, given: str) -> None:
    with pytest.raises(EnvError, match="IMAGEYARD_HUB_CACHE"):
        read_env({"IMAGEYARD_HOME": str(tmp_path), "IMAGEYARD_HUB_CACHE": given})


def test_make_up_plans_it_and_tells_its_own_engine(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(planning, "find_engine", lambda _: None)
    monkeypatch.setattr(planning, "need_buildx", lambda: None)
    monkeypatch.setattr(planning.shutil, "which", lambda _: "/usr/bin/docker")
    host = f"127.0.0.1:{free_port()}"
    environ = {"IMAGEYARD_HOME": str(tmp_path), "IMAGEYARD_HTTP": f"127.0.0.1:{free_port()}"}
    environ["IMAGEYARD_REGISTRY"] = f"127.0.0.1:{free_port()}"
    plan = make_plan(read_env({**environ, "IMAGEYARD_HUB_CACHE": host}))
    assert plan.hub_cache is not None
    assert plan.hub_cache.host == host
    assert plan.engine is not None
    assert plan.engine.mirrors == (f"http://{host}",)
    plain = make_plan(read_env(environ))
    assert plain.hub_cache is None
    assert plain.engine is not None
    assert plain.engine.mirrors == ()


def test_the_engine_is_told_of_it_in_its_settings(tmp_path: Path, monkeypatch) -> None:
    engine = DockerEngine(tmp_path, tmp_path / "run", mirrors=("http://127.0.0.1:5001",))
    monkeypatch.setattr(engine.child, "start", lambda: None)
    monkeypatch.setattr(
        "imageyard.supervisor.engine.ensure_bridge", lambda _: type("B", (), {"name": "b", "pool": "p"})
    )
    monkeypatch.setattr("imageyard.supervisor.engine.is_root", lambda: True)
    engine.start()
    assert json.loads(engine.config.read_text())["registry-mirrors"] == ["http://127.0.0.1:5001"]


@pytest.mark.engine
@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="an engine of its own is started by root alone")
def test_a_real_engine_takes_images_of_docker_hub_from_the_cache(upstream: Registry, tmp_path: Path) -> None:
    """Nothing here reaches Docker Hub: what `docker.io/library/debian:12` gives is the image that the cache has."""
    cache = HubCache(tmp_path / "home", f"127.0.0.1:{free_port()}", f"http://{upstream.host}")
    run_dir = Path(tempfile.mkdtemp(prefix="iy-hub-", dir="/tmp"))
    engine = DockerEngine(tmp_path / "engine", run_dir, mirrors=(f"http://{cache.host}",))
    with running(cache):
        try:
            engine.start()
            engine.wait_ready(timeout_s=100)
            (tmp_path / "tree").mkdir()
            (tmp_path / "tree/Dockerfile").write_text("FROM debian:12\nCOPY Dockerfile /made-by\n")
            environ = {**os.environ, "DOCKER_HOST": engine.host, "DOCKER_CONFIG": str(tmp_path)}
            argv = ["docker", "buildx", "build", "--progress=plain", "--output=type=cacheonly", str(tmp_path / "tree")]
            built = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=100, check=False)
        finally:
            engine.stop()
            shutil.rmtree(run_dir, ignore_errors=True)
    assert built.returncode == 0, built.stderr
    assert IMAGE.manifest.digest in built.stderr
