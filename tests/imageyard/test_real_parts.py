"""The servers that Imageyard runs for itself, each really started, used and stopped."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest
import redis

from imageyard.base_image import root_filesystem
from imageyard.supervisor.bridge import known_bridge
from imageyard.supervisor.child import Child
from imageyard.supervisor.parts import DockerEngine, PartError, Redis
from tests.real_parts import running


def test_it_starts_a_redis_that_answers(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    assert client.set("hello", "1")
    client.close()


def test_it_starts_a_postgresql_with_a_database(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("imageyard",)


def test_it_builds_from_the_base_image_it_pushed(docker_host: str, base_image: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {base_image}\nRUN echo built > /word\nCMD cat /word\n")
    env = {**os.environ, "DOCKER_HOST": docker_host}
    image = f"{base_image.partition('/')[0]}/acme/word:1"
    subprocess.run(["docker", "buildx", "build", "--push", "-t", image, str(tmp_path)], check=True, env=env)
    ran = subprocess.run(["docker", "run", "--rm", "--pull=always", image], check=True, capture_output=True, env=env)
    assert ran.stdout == b"built\n"


def test_it_runs_two_docker_engines_side_by_side_and_closes_the_way_out_of_the_one_that_ended(docker_host: str) -> None:
    with tempfile.TemporaryDirectory(prefix="iy-engine-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        home, context = Path(folder), Path(folder) / "context"
        context.mkdir()
        (context / "Dockerfile").write_text("FROM scratch\nCOPY --from=base . /\nRUN ip route | grep default\n")
        second = DockerEngine(home)
        with running(second):
            for host in (docker_host, second.host):
                env = {**os.environ, "DOCKER_HOST": host}
                subprocess.run(
                    ["docker", "import", "-", "base:1"],
                    input=root_filesystem(Path(shutil.which("busybox"))),
                    check=True,
                    env=env,
                )
                build = ["docker", "buildx", "build", "--build-context", "base=docker-image://base:1", str(context)]
                subprocess.run(build, check=True, env=env)
            bridge = known_bridge(second.folder)
            assert f"-i {bridge.name} -j ACCEPT" in _rules("-S", "DOCKER-USER")
            assert bridge.subnet in _rules("-t", "nat", "-S", "POSTROUTING")
        assert not second.answers()
        assert bridge.name not in _rules("-S", "DOCKER-USER")
        assert bridge.subnet not in _rules("-t", "nat", "-S", "POSTROUTING")


@pytest.mark.parametrize(
    ("last_words", "starts"), [("iptables failed: No chain/target/match by that name", 3), ("no space left", 1)]
)
def test_it_starts_an_engine_again_that_met_anothers_start_at_the_firewall(tmp_path: Path, last_words, starts):
    engine, begun = DockerEngine(tmp_path), tmp_path / "begun"
    engine.child = Child("It", ["sh", "-c", f"echo >> {begun}; echo '{last_words}'; exit 1"], log=tmp_path / "log")
    engine.child.start()
    with pytest.raises(PartError, match="while it started"):
        engine.wait_ready()
    assert len(begun.read_text()) == starts


def test_it_is_content_with_the_second_start_of_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, begun = DockerEngine(tmp_path), tmp_path / "begun"
    script = f"test -e {begun} && exec sleep 60; echo > {begun}; echo 'iptables failed: (exit status 1)'; exit 1"
    engine.child = Child("It", ["sh", "-c", script], log=tmp_path / "log")
    monkeypatch.setattr(engine, "answers", lambda: begun.exists() and engine.child.runs)
    engine.child.start()
    engine.wait_ready()
    engine.child.stop(grace_s=5)


def _rules(*arguments: str) -> str:
    return subprocess.run(["iptables", "-w", *arguments], check=True, capture_output=True, text=True).stdout


def test_it_names_the_program_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PartError, match="`redis-server` is missing"):
        Redis(tmp_path).start()
