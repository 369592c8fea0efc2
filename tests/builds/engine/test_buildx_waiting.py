"""A client that is started before the work tree is there: it builds the same, or another one does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from builds.core.errors import BuildError, Stopped
from builds.engine import buildx
from builds.engine.buildx import BuildxResult, WaitingClient, waiting_client
from builds.engine.process import StopFlag
from builds.engine.worktree import clear
from tests.builds.engine.test_buildx import Builds, builds  # noqa: F401 — a fixture
from tests.processes import alive, wait_until

pytestmark = pytest.mark.engine


@pytest.fixture
def ahead(builds, tmp_path, monkeypatch) -> Iterator[tuple[Builds, WaitingClient]]:  # noqa: F811
    """Builds whose tree comes to its place only after the client was started, and that client."""
    tree = builds.request.tree
    later = tree.rename(tmp_path / "later")
    with waiting_client(builds.request) as client:
        assert list(tree.iterdir()) == []
        clear(tree)
        assert tree.is_dir()  # the client may look for it at any moment
        for path in later.iterdir():
            path.rename(tree / path.name)
        yield builds, client


def build_with(builds: Builds, client: WaitingClient, **changes) -> BuildxResult:  # noqa: F811
    request = replace(builds.request, **changes)
    return buildx.build(request, on_stderr=builds.stderr.extend, stop=StopFlag(), timeout_s=60, waiting=client)


@contextmanager
def no_other_client(monkeypatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(buildx, "_started", lambda *_: pytest.fail("another client was started"))
        yield


def told(builds: Builds, done: BuildxResult) -> list:  # noqa: F811
    """What the steps were, and the lines of the Dockerfile that they came from."""
    sources = done.metadata["buildx.build.provenance"]["metadata"]
    return [sources["https://mobyproject.org/buildkit@v1#metadata"]["source"]["locations"]]


def test_it_builds_what_a_client_that_is_started_then_builds(ahead, monkeypatch):
    builds, client = ahead  # noqa: F811
    with no_other_client(monkeypatch):
        done = build_with(builds, client)
    assert done.returncode == 0
    assert not alive(f"--metadata-file={builds.request.work_dir}")
    layers, where = builds.image()[0]["layers"], told(builds, done)
    again = builds(image=builds.request.image.replace("build-1", "build-2"))
    builds.request = replace(builds.request, image=builds.request.image.replace("build-1", "build-2"))
    assert (builds.image()[0]["layers"], told(builds, again)) == (layers, where)


def test_it_leaves_nothing_of_the_dockerfile_behind(ahead):
    builds, client = ahead  # noqa: F811
    before = set(Path("/tmp").glob("buildx*"))
    assert build_with(builds, client).returncode == 0
    assert set(Path("/tmp").glob("buildx*")) == before


def test_c04_a_dockerfile_with_an_ignore_file_of_its_own_is_built_by_its_path(ahead):
    builds, client = ahead  # noqa: F811
    builds.write({"Dockerfile": "FROM scratch\nCOPY . /\n", "Dockerfile.dockerignore": "app\n", "kept": "1"})
    assert build_with(builds, client).returncode == 0
    assert "kept" in builds.files()
    assert "app" not in builds.files()


def test_the_ignore_file_of_the_context_counts(ahead, monkeypatch):
    builds, client = ahead  # noqa: F811
    builds.write({"Dockerfile": "FROM scratch\nCOPY . /\n", ".dockerignore": "app\n", "kept": "1"})
    with no_other_client(monkeypatch):
        assert build_with(builds, client).returncode == 0
    assert "kept" in builds.files()
    assert "app" not in builds.files()


@pytest.mark.parametrize("name", ["Dockerfile.web", "docker/web.Dockerfile"])
def test_a_dockerfile_of_another_name_is_built_by_its_path(ahead, name):
    builds, client = ahead  # noqa: F811
    builds.write({name: "FROM scratch\nCOPY app /other\n"})
    assert build_with(builds, client, dockerfile=name).returncode == 0
    assert client.command.has_ended
    assert set(builds.files()) == {"other"}


def test_one_that_is_too_long_for_the_pipe_is_built_by_its_path(ahead):
    builds, client = ahead  # noqa: F811
    builds.write({"Dockerfile": "FROM scratch\nCOPY app /app\n" + "# a comment\n" * 6000})
    assert build_with(builds, client).returncode == 0


def test_a_client_that_died_while_it_waited_is_replaced(ahead):
    builds, client = ahead  # noqa: F811
    os.killpg(client.command._child.pid, signal.SIGKILL)
    assert build_with(builds, client).returncode == 0
    assert builds.tags() == ["build-1"]


def test_a_client_that_gave_up_in_words_is_replaced_and_nobody_hears_them(builds, tmp_path):  # noqa: F811
    tree = builds.request.tree
    later = tree.rename(tmp_path / "later")
    with waiting_client(builds.request) as client:
        tree.rmdir()  # which it says of its context then
        assert wait_until(lambda: client.command.has_ended, 10)
        later.rename(tree)
        assert build_with(builds, client).returncode == 0
    assert b"not found" not in builds.stderr


def test_a_client_that_waited_for_long_is_replaced(ahead, monkeypatch):
    builds, client = ahead  # noqa: F811
    monkeypatch.setattr(buildx, "_WAIT_S", 0.0)
    client.command._child.stdin.close()
    assert build_with(builds, client).returncode == 0


def test_whoever_gives_up_before_the_dockerfile_pushes_nothing_and_leaves_no_process(ahead):
    builds, client = ahead  # noqa: F811
    marker = f"--metadata-file={builds.request.work_dir}"
    assert wait_until(lambda: alive(marker))  # between two programs of its chain it shows no arguments
    client.end()
    assert wait_until(lambda: not alive(marker))
    assert builds.tags() == []


def test_b06_it_stops_like_any_other(ahead, base_image):
    builds, client = ahead  # noqa: F811
    builds.write({"Dockerfile": f"FROM {base_image}\nRUN sleep 72.5\n"})
    with pytest.raises(Stopped):
        buildx.build(builds.request, on_stderr=lambda _: None, stop=StopFlag(), timeout_s=2, waiting=client)
    assert wait_until(lambda: not alive("sleep 72.5"), 10)


def test_a_context_below_the_tree_cannot_be_waited_for(builds):  # noqa: F811
    request = replace(builds.request, context="app/web")
    with pytest.raises(BuildError), waiting_client(request):
        pass
