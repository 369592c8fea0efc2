"""The servers that Imageyard runs for itself, each really started, used and stopped."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psycopg
import redis


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
