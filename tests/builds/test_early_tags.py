"""Tags that are put as soon as the registry has the image: what then still may end the build, and what may not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from django.conf import settings

from builds.actions.claim import claim_next
from builds.actions.runs import Run, advance
from builds.core.errors import BuildError, ErrorKind, Stopped
from builds.core.states import State
from builds.engine.buildx import BuildRequest, BuildxResult
from builds.engine.hookfiles import FoundHooks
from builds.engine.stopflag import StopFlag
from builds.models import Build, Step
from builds.pipeline import build as building
from builds.pipeline.hooks import Hooks
from builds.pipeline.job import Job
from builds.pipeline.listen import BuildkitSteps
from builds.pipeline.logbook import Logbook
from builds.pipeline.publish import Publisher
from registry.models import Registry, Repository, Tag
from tests.factories import make_build
from tests.fake_registry import FakeRegistry, fake_registry
from tests.images import Pusher, make_image

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("rings")]
VERTEX = "sha256:" + "e" * 64
CHECKOUT = SimpleNamespace(commit="", readme="")


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with fake_registry() as server:
        yield server


@pytest.fixture
def digest(fake: FakeRegistry) -> str:
    return Pusher(fake.host, "acme/web").image(make_image())


@pytest.fixture
def job(fake: FakeRegistry, redis_url: str, monkeypatch, tmp_path: Path) -> Iterator[Job]:
    """A run that is at its build."""
    monkeypatch.setattr(settings, "REDIS_URL", redis_url)
    build = make_build()
    Repository.objects.update(registry=Registry.objects.create(name="fake", host=fake.host, scheme="http"))
    run = claim_next("worker-1")
    assert run == Run(build.pk, 1)
    advance(run, State.BUILDING)
    build = Build.objects.for_page().get()
    logbook = Logbook(build, run)
    yield Job(build, run, StopFlag(), logbook, tmp_path, timeout_s=60)
    logbook.close()


@pytest.fixture
def publisher(job: Job) -> Iterator[Publisher]:
    with Publisher(job, CHECKOUT, Hooks(job, FoundHooks(".", ()))) as made:
        yield made


def says_pushed(digest: str) -> bytes:
    """What BuildKit writes when the registry has taken the manifest."""
    part = {"vertex": VERTEX, "current": 0, "timestamp": "2026-11-25T00:55:04Z", "started": "2026-11-25T00:55:04Z"}
    step = {"digest": VERTEX, "name": "exporting to image", "started": "2026-11-25T00:55:03Z"}
    status = {"id": f"pushing manifest for registry.example.com/acme/web:build-1@{digest}", **part}
    lines = [{"vertexes": [step]}, {"statuses": [status]}, {"statuses": [{**status, "completed": part["started"]}]}]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def tags_at(fake: FakeRegistry) -> set[str]:
    return set(httpx.get(f"http://{fake.host}/v2/acme/web/tags/list", trust_env=False).json().get("tags") or [])


def buildx_that(monkeypatch, *, says: bytes = b"", ends: int = 0, stops: StopFlag | None = None) -> None:
    """buildx at its seam: what it says, and how it ends."""

    def build(_request, *, on_stderr, stop, timeout_s, waiting):
        on_stderr(says)
        if stops is not None:
            stops.set("cancelled")
            stops.check()
        return BuildxResult(ends, {"containerimage.digest": "sha256:" + "a" * 64} if ends == 0 else None)

    monkeypatch.setattr(building.buildx, "build", build)
    request = BuildRequest(Path("/nowhere"), Path("/nowhere"), "registry.example.com/acme/web:build-1")
    monkeypatch.setattr(building, "request_of", lambda *_: request)
    monkeypatch.setattr(building, "_check_dockerfile", lambda *_: None)


def test_tags_are_out_while_buildx_still_runs_and_the_success_is_written_at_the_end(job, publisher, fake, digest):
    steps = BuildkitSteps(job.logbook, publisher)
    steps.feed(says_pushed(digest))
    assert publisher.is_put
    assert {"latest"} <= tags_at(fake)
    assert Build.objects.get().state == State.PUBLISHING
    steps.close()
    publisher.publish()
    build = Build.objects.get()
    assert (build.state, build.digest, build.publication) == (State.SUCCEEDED, digest, {})
    assert Tag.objects.get(name="latest").digest == digest
    assert Step.objects.filter(name="Publish", state=Step.State.SUCCEEDED).count() == 1
    assert Repository.objects.get().publish_lock == ""


def test_an_engine_that_does_not_say_when_it_has_pushed_gets_its_tags_afterwards(job, publisher, fake, digest):
    assert not publisher.is_put
    job.note(digest=digest)
    publisher.publish()
    assert Build.objects.get().state == State.SUCCEEDED
    assert {"latest"} <= tags_at(fake)


def test_a_registry_that_refuses_early_is_asked_again_at_the_end(job, publisher, digest):
    steps = BuildkitSteps(job.logbook, publisher)
    steps.feed(says_pushed("sha256:" + "0" * 64))  # is not there
    steps.close()
    assert not publisher.is_put
    assert Repository.objects.get().publish_lock == ""
    job.note(digest=digest)
    publisher.publish()
    assert Build.objects.get().state == State.SUCCEEDED


@pytest.mark.parametrize("how", ["fails", "is cancelled"])
def test_once_the_tags_are_out_nothing_that_buildx_does_undoes_the_build(how, job, publisher, digest, monkeypatch):
    """7. All tags of a build appear together or none does."""
    stops = job.stop if how == "is cancelled" else None
    buildx_that(monkeypatch, says=says_pushed(digest), ends=1, stops=stops)
    building.build_image(job, CHECKOUT, publisher)
    publisher.publish()
    build = Build.objects.get()
    assert (build.state, build.digest) == (State.SUCCEEDED, digest)


def test_a_failure_before_the_push_is_a_failure(job, publisher, monkeypatch):
    buildx_that(monkeypatch, says=b"ERROR: failed to solve: it broke\n", ends=1)
    with pytest.raises(BuildError):
        building.build_image(job, CHECKOUT, publisher)
    assert not publisher.is_put


def test_a_run_that_lost_its_lease_puts_no_tags_early(job, publisher, fake, digest):
    """3. A worker that lost its lease can change nothing: it checks the fence before it publishes."""
    Build.objects.update(attempt=2)
    with pytest.raises(Stopped, match="lost"):
        BuildkitSteps(job.logbook, publisher).feed(says_pushed(digest))
    assert "latest" not in tags_at(fake)


def test_a_run_cancelled_before_the_push_puts_no_tags(job, publisher, fake, digest):
    job.stop.set("cancelled")
    with pytest.raises(Stopped, match="cancelled"):
        BuildkitSteps(job.logbook, publisher).feed(says_pushed(digest))
    assert "latest" not in tags_at(fake)


def test_another_publication_that_does_not_end_is_waited_for_at_the_end(job, publisher, digest, monkeypatch):
    def busy(*_, **__):
        raise TimeoutError

    monkeypatch.setattr("builds.pipeline.publish.publish_lock", busy)
    publisher.pushed(digest)
    assert not publisher.is_put
    job.note(digest=digest)
    with pytest.raises(BuildError, match="holds the right to move tags") as caught:
        publisher.publish()
    assert caught.value.kind is ErrorKind.PLATFORM


def test_a_held_tag_stays_and_the_build_says_who_holds_it(job, publisher, fake, digest):
    """The others of the build move all the same, and its success is one."""
    since = datetime(2026, 11, 25, 10, 58, tzinfo=UTC)
    told = {"digest": "sha256:" + "0" * 64, "held_by": "wendy", "held_since": since}
    Tag.objects.create(repository=job.build.repository, name="latest", build_number=None, **told)
    job.note(digest=digest)
    publisher.publish()
    build = Build.objects.get()
    said = "`latest` was not moved: it is held at `sha256:000000000000` by wendy since 25 Nov 2026, 10:58 (UTC)."
    assert {"tag": "latest", "moved": False, "sentence": said} in build.moves
    assert (build.state, build.tags, tags_at(fake)) == (State.SUCCEEDED, ["build-1"], set())
    tag = Tag.objects.get(name="latest")
    assert (tag.held_by, tag.digest) == ("wendy", told["digest"])


def test_a_fixed_tag_that_was_pushed_by_hand_is_not_taken(job, publisher, fake, digest):
    Repository.objects.update(fixed_tags="/^la/")
    by_hand = Pusher(fake.host, "acme/web").image(make_image("by hand"), "latest")
    job.note(digest=digest)
    publisher.publish()
    said = "`latest` was not moved: tags that match `/^la/` never move in this repository."
    assert {"tag": "latest", "moved": False, "sentence": said} in Build.objects.get().moves
    assert (
        Pusher(fake.host, "acme/web")
        .http.head(f"http://{fake.host}/v2/acme/web/manifests/latest")
        .headers["docker-content-digest"]
        == by_hand
    )


def test_a_fixed_tag_is_put_once_also_by_the_attempt_after_a_crash(job, publisher, fake, digest):
    """An earlier attempt put it and died: what is in the registry is this build's own."""
    Repository.objects.update(fixed_tags="latest")
    other = Pusher(fake.host, "acme/web").image(make_image("of the attempt before"), "latest")
    job.note(digest=digest, publication={"digest": other, "tags": ["latest"]})
    publisher.publish()
    assert Build.objects.get().tags == ["build-1", "latest"]
