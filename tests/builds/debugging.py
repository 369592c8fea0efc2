"""A failed build of a trusted push, and its debug image in any condition. Not a test."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from builds.core.states import State
from builds.models import Build, DebugImage, DebugSession, Step
from lib.clock import database_now
from tests.factories import make_build

STEP = "[2/3] RUN make"
FACTS = {
    "instruction": "RUN --mount=type=secret,id=npm make <all>",
    "command": "make <all>",
    "mounts": ["type=secret,id=npm"],
    "args": {"VERSION": "1.2"},
    "shell": ["/bin/bash", "-c"],
    "workdir": "/app",
    "user": "node",
    "platform": "",
}


def make_failed(**fields: Any) -> Build:
    """A build whose second step failed in line 3 of its Dockerfile."""
    told = {"error_kind": "user", "error_message": "`RUN make` ended with exit code 1.", "error_step": STEP}
    build = make_build(**{"state": State.FAILED, "attempt": 1, "error_line": 3, **told, **fields})
    Step.objects.create(build=build, attempt=1, index=4, name=STEP, state=Step.State.FAILED)
    return build


def make_image(build: Build, state: str = "ready", **fields: Any) -> DebugImage:
    now = database_now()
    if state == "ready":
        fields = {"ready_at": now, "expires_at": now + timedelta(hours=1), "digest": "sha256:" + "a" * 64, **fields}
    image = f"{build.repository.image}:debug-{build.number}"
    given = {"attempt": 1, "step_index": 4, "step_name": STEP, "image": image, "facts": FACTS, "asked_at": now}
    return DebugImage.objects.create(build=build, state=state, **{**given, **fields})


def make_session(image: DebugImage, user: Any, **fields: Any) -> DebugSession:
    """An open shell that a worker runs."""
    now = database_now()
    given = {"worker": "w1", "opened_at": now, "started_at": now, "seen_at": now, "until": now + timedelta(minutes=30)}
    return DebugSession.objects.create(debug_image=image, user=user, **{**given, **fields})
