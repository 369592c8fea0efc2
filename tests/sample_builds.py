"""`acme/site`: builds with everything that their pages tell. #1 and #2 succeeded, #3 failed and can be looked into,
#4 runs, and #5 waits. Rows for pages, beside the rest of the sample set."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from builds.core.failure_digest import FailureDigest, last_lines
from builds.models import Build, BuildRecord, BuildRule, DebugImage, DebugSession, Pause
from tests.compared_builds import DOCKERFILE, two_builds
from tests.factories import make_build, make_repository, make_rule, make_source
from tests.sample_image import add_image
from tests.sample_tags import add_tags
from tests.timed_steps import GRAPH, add_timed_steps
from webhooks.models import Delivery

PATH = "acme/site"
SUCCEEDED, FAILED, RUNNING, WAITING = 2, 3, 4, 5
DELIVERY = uuid.UUID("9f3e0000-0000-4000-8000-000000000041")
FAILS_AT = 12
WARNING = {
    "kind": "build",
    "message": "FromAsCasing: 'as' and 'FROM' keywords' casing do not match",
    "url": "https://docs.docker.com/go/dockerfile/rule/from-as-casing/",
    "line": 1,
    "file": "Dockerfile",
}
WRONG = """\
\x1b[31m  ✗ login refuses a wrong password\x1b[39m
    \x1b[2mexpected 401, got 500\x1b[22m
\x1b[31mnpm error\x1b[39m Test failed.
"""


def add_builds(admin: User) -> None:
    """The repository with its builds, a delivery with a known id, and a pause of the queue."""
    rule = make_rule(make_source(make_repository(PATH)), tags=["latest", "main"])
    add_image(two_builds(rule)[1])
    Build.objects.filter(rule=rule).update(warnings=[WARNING], commit_author="A. Author", cause_detail="by chris")
    _failed(admin, rule)
    running = _build(rule, "building", 25)
    add_timed_steps(running, until_s=25)
    make_build(rule, commit="5" * 40)
    add_tags(rule.source.repository)
    Delivery.objects.create(
        id=DELIVERY, source=rule.source, forge="github", event="push", status="built", ref_type="branch", ref="main",
        sentence="1 rule: build #2 by `main`.",
    )  # fmt: skip
    Pause.objects.create(host="builder-2", by="wendy", reason="Its disk is being changed.")


def _build(rule: BuildRule, state: str, began_s: float, **fields: object) -> Build:
    began = timezone.now() - timedelta(seconds=began_s)
    return make_build(
        rule, state=state, attempt=1, started_at=began, queued_at=began - timedelta(seconds=4), steps_total=len(GRAPH),
        commit=f"{began_s:040.0f}", commit_message="Check that a wrong password is refused", **fields,
    )  # fmt: skip


def _failed(admin: User, rule: BuildRule) -> None:
    name = GRAPH[FAILS_AT][0]
    message = f"Step 2 of 2 of stage `api` (`{name.partition('] ')[2]}`, Dockerfile line 6) ended with exit code 1."
    digest = FailureDigest("user", message, name, FAILS_AT, 6, 1, FAILS_AT, last_lines(WRONG.splitlines(), 0), 3, 2.0)
    row = _build(
        rule, "failed", 400, finished_at=timezone.now() - timedelta(seconds=370), error_kind="user",
        error_message=message, error_step=name, error_line=6, failure_key=digest.key,
    )  # fmt: skip
    add_timed_steps(row, fails_at=FAILS_AT)
    BuildRecord.objects.create(
        build=row, attempt=1, dockerfile=DOCKERFILE, dockerfile_path="Dockerfile", failure=digest.as_json()
    )
    image = DebugImage.objects.create(
        build=row, attempt=1, step_index=FAILS_AT, step_name=name, state="ready", asked_by=admin,
        image=f"127.0.0.1:5000/{PATH}:debug-{row.number}", ready_at=timezone.now(),
        expires_at=timezone.now() + timedelta(hours=3),
    )  # fmt: skip
    now = timezone.now()
    DebugSession.objects.create(debug_image=image, user=admin, started_at=now, until=now + timedelta(minutes=25))
