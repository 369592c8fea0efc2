"""When buildx is started while Git is still at work, and when it is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from builds.core.errors import BuildError, ErrorKind
from builds.engine.stopflag import StopFlag
from builds.models import Build
from builds.pipeline import ahead as pipeline_ahead
from builds.pipeline import build as building
from builds.pipeline.ahead import Ahead, started_ahead
from builds.pipeline.job import Job
from tests.factories import make_build

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(monkeypatch) -> list:
    """The requests whose clients were started; no process is."""
    requests = []

    @contextmanager
    def waiting_client(request) -> Iterator[object]:
        requests.append(request)
        yield object()

    monkeypatch.setattr(pipeline_ahead, "waiting_client", waiting_client)
    return requests


def job_of(tmp_path, **fields) -> Job:
    build = Build.objects.for_page().get(pk=make_build(commit="a" * 40, **fields).pk)
    return Job(build, None, StopFlag(), None, tmp_path, timeout_s=60)


def test_it_is_asked_for_what_the_build_asks_for(asked, tmp_path):
    job = job_of(tmp_path)
    with started_ahead(job) as ahead:
        assert ahead is not None
        assert asked == [ahead.request]
    assert ahead.request.tree == tmp_path / "tree"
    assert ahead.request.labels["org.opencontainers.image.revision"] == "a" * 40


def test_it_is_not_started_for_a_dockerfile_that_cannot_come_from_its_input(asked, tmp_path):
    job = job_of(tmp_path)
    job.build.plan = {**job.build.plan, "dockerfile": "docker/web.Dockerfile"}
    with started_ahead(job) as ahead:
        assert ahead is None
    assert asked == []


@pytest.mark.parametrize(
    "fields",
    [{"untrusted": True}, {"publication": {"digest": "sha256:" + "a" * 64}}, {"commit": ""}, {"commit": "a" * 7}],
    ids=["a-stranger's", "pushed-already", "newest-of-a-branch", "short-commit"],
)
def test_it_is_not_started_where_it_is_not_known_what_comes(asked, tmp_path, fields):
    job = job_of(tmp_path)
    for name, value in fields.items():
        setattr(job.build, name, value)
    with started_ahead(job) as ahead:
        assert ahead is None
    assert asked == []


def test_what_speaks_against_it_is_told_at_its_place(monkeypatch, tmp_path):
    def refuse(*_given, **_more):
        raise BuildError(ErrorKind.USER, "There is no folder yet.")

    monkeypatch.setattr(pipeline_ahead, "waiting_client", refuse)
    with started_ahead(job_of(tmp_path)) as ahead:
        assert ahead is None


def test_another_commit_than_the_one_that_it_was_told_of_gets_another_client(monkeypatch, tmp_path):
    used = []
    monkeypatch.setattr(building, "request_of", lambda *_: SimpleNamespace(secrets={}))
    monkeypatch.setattr(building, "write_given", lambda *_: None)
    monkeypatch.setattr(building, "_check_dockerfile", lambda *_: None)
    monkeypatch.setattr(building, "open_record", lambda *_: None)
    monkeypatch.setattr(building, "BuildkitSteps", lambda *_: None)
    monkeypatch.setattr(building, "_write_down", lambda *_: None)
    monkeypatch.setattr(building, "_build_once", lambda _job, request, _steps, client: used.append((request, client)))
    job = SimpleNamespace(findings=SimpleNamespace(steps=None), logbook=None)
    ahead = Ahead("a" * 40, None, SimpleNamespace(secrets={}), object())
    for commit in ("a" * 40, "b" * 40):
        building.build_image(job, SimpleNamespace(commit=commit), None, ahead)
    assert used[0] == (ahead.request, ahead.client)
    assert used[1][1] is None
