"""Where tests cannot run, and images that are not to be had: a sentence for each, and whose move it is."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from builds.core import testresults as words
from builds.core.errors import BuildError, ErrorKind
from builds.engine import dockerclient
from builds.engine.dockerclient import Docker, bare_client, last_words
from builds.engine.stopflag import StopFlag
from builds.pipeline.testbench import test_bench as bench_of
from builds.pipeline.testimages import pull_image, pull_own, pull_this
from builds.pipeline.testing import run_tests
from tests.factories import make_build

said: list[Any] = []


@pytest.fixture
def docker(docker_host: str) -> Iterator[Docker]:
    with bare_client(docker_host, StopFlag()) as client:
        yield client


def job_of(build: Any, tmp_path: Any) -> Any:
    """As much of a run as is looked at before anything starts."""
    return SimpleNamespace(timeout_s=60, build=build, stop=StopFlag(), work_dir=tmp_path, run=None)


@pytest.mark.django_db
def test_a_worker_without_compose_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(dockerclient, "PLUGIN_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    dockerclient.compose_argv.cache_clear()
    try:
        with (
            pytest.raises(BuildError, match="Docker Compose is not installed there") as error,
            bench_of(job_of(make_build(), tmp_path), None),
        ):
            pass
    finally:
        dockerclient.compose_argv.cache_clear()
    assert error.value.kind is ErrorKind.PLATFORM
    assert not error.value.retryable


@pytest.mark.django_db
def test_an_engine_that_went_away_is_waited_for(tmp_path, settings):
    """12. A platform fault is told apart from a user's and tried again."""
    settings.DOCKER_HOST = "unix:///nowhere/docker.sock"
    with pytest.raises(BuildError) as error, bench_of(job_of(make_build(), tmp_path), None):
        pass
    assert (error.value.kind, error.value.retryable) == (ErrorKind.BUILDER, True)


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?", True),
        ("all predefined address pools have been fully subnetted", True),
        ("failed to create task: no space left on device", True),
        ("dependency failed to start: container db-1 is unhealthy", False),
        ('exec: "/no/such": no such file or directory', False),
    ],
)
def test_what_is_of_the_engine_is_not_the_users_fault(said: str, ours: bool):
    assert words.is_of_the_engine(said) is ours


@pytest.mark.django_db
def test_a_worker_without_an_engine_says_so(tmp_path, settings):
    settings.DOCKER_HOST, settings.BUILDX_BUILDER = "unix:///nowhere/docker.sock", "remote"
    with (
        pytest.raises(BuildError, match="its builder is no Docker Engine"),
        bench_of(job_of(make_build(), tmp_path), None),
    ):
        pass


@pytest.mark.django_db
def test_a_builder_for_pull_requests_that_is_no_engine_is_told_of(tmp_path, settings):
    """Strangers' code does not move to the engine of everybody else because its own has none."""
    settings.UNTRUSTED_BUILDER = "sandboxed"
    with (
        pytest.raises(BuildError, match="IMAGEYARD_UNTRUSTED_BUILDER"),
        bench_of(job_of(make_build(untrusted=True), tmp_path), None),
    ):
        pass


@pytest.mark.django_db
def test_a_build_without_test_files_stays_as_it_is(tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/docker-compose.yml").write_text("services: {}")
    (tmp_path / "tree/folder.test.yml").mkdir()
    job = job_of(make_build(), tmp_path)
    run_tests(job, None)
    assert (job.build.state, job.build.tests) == ("queued", [])


def test_an_image_that_is_not_there_is_the_users_matter(docker: Docker, registry_host: str):
    with pytest.raises(BuildError) as error:
        pull_image(docker, f"{registry_host}/acme/nothing:1", said.append, file="a.test.yml")
    assert error.value.kind is ErrorKind.USER
    assert error.value.message.startswith(
        f"The test `a.test.yml` was not run: its image `{registry_host}/acme/nothing:1` could not be pulled: "
    )


@pytest.mark.parametrize("name", ["--help", "-v", "UPPER space", "a\nb", ""])
def test_a_name_that_is_none_never_reaches_the_command_line(docker: Docker, name: str):
    with pytest.raises(BuildError, match="no name of an image"):
        pull_image(docker, name, said.append, file="a.test.yml")


def test_a_registry_that_is_away_is_tried_again(docker: Docker):
    with pytest.raises(BuildError) as error:
        pull_this(docker, f"127.0.0.1:1/acme/web@sha256:{'a' * 64}", "x:this", said.append)
    assert (error.value.kind, error.value.retryable) == (ErrorKind.REGISTRY, True)


def test_an_image_of_the_own_namespace_is_known_by_a_name_of_the_run_alone(docker: Docker, base_image: str):
    """11. What the registry's login brought here is no other repository's to use."""
    image = f"{base_image.partition('/')[0]}/acme/{uuid.uuid4().hex[:12]}:1"
    for command in (("tag", base_image, image), ("push", "--quiet", image), ("image", "rm", image)):
        docker(*command)
    pull_own(docker, image, "imageyard-test/x/1.1:fetched-0", said.append, file="a.test.yml")
    assert docker.read("image", "inspect", image) is None
    assert docker.read("image", "inspect", "imageyard-test/x/1.1:fetched-0") is not None
    docker.clean("image", "rm", "imageyard-test/x/1.1:fetched-0")


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        (b"Error response from daemon: manifest unknown\n", "manifest unknown"),
        (b"some noise\nERROR: it broke.\nmore noise", "it broke"),
        (b"", "it did not say why"),
    ],
)
def test_the_last_words_of_docker_end_a_sentence(stderr: bytes, words: str):
    assert last_words(stderr) == words
