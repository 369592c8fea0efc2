"""Failed builds with their records, and Dockerfiles with what is known of their lines: scenes beside `build_scenes`."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from builds import live
from builds.core.failure_digest import FailureDigest, last_lines
from builds.models import Build, BuildRecord, Step
from tests.browser import build_scenes
from tests.browser.build_scenes import NPM, STEPS, TESTS, build, write

DOCKERFILE = """\
# syntax=docker/dockerfile:1
FROM node:20 as base
WORKDIR /app
COPY package.json package-lock.json ./

FROM base AS build
ARG VERSION
ENV NODE_ENV=production
# Dependencies change seldom: they have a layer of their own.
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build \\
    && npm test
EXPOSE 8080
CMD ["node", "dist/server.js"]
"""
# Step of build_scenes → its lines.
LINES = {3: [2], 4: [3], 5: [4], 6: [10], 7: [11], 8: [12, 13]}
LAYERS = {3: 52_300_000, 4: 312, 5: 61_200, 6: 24_800_000, 7: 1_204_000, 8: 3_420_000}
WARNING = {
    "kind": "build",
    "message": "FromAsCasing: 'as' and 'FROM' keywords' casing do not match",
    "url": "https://docs.docker.com/go/dockerfile/rule/from-as-casing/",
    "line": 2,
    "file": "Dockerfile",
}
WRONG = (
    "\x1b[31m  ✗ login refuses a wrong password\x1b[39m\n"
    "    \x1b[2mexpected 401, got 500\x1b[22m\n"
    "      at test/login.test.js:41:12\n"
    "\x1b[31mnpm error\x1b[39m Test failed.  See above for more details.\n"
)
MESSAGE = "Step 3 of 3 of stage `build` (`RUN npm run build && npm test`, Dockerfile line 12) ended with exit code 1."


def _record(row: Build, **fields: Any) -> None:
    BuildRecord.objects.create(
        build=row, attempt=row.attempt, dockerfile=DOCKERFILE, dockerfile_path="Dockerfile", **fields
    )


def _failed(ref: str = "main", message: str = MESSAGE, kind: str = "user", printed: str = TESTS + WRONG) -> Build:
    name = STEPS[8][0]
    row = build(
        state="failed", steps_done=8, ref=ref, error_kind=kind, error_message=message, error_step=name, error_line=12
    )
    write(row.pk, 1, {"0": "HEAD is now at a1b2c3d\n", "6": NPM, "8": printed})
    lines = last_lines(printed.split("\n")[:-1], 0)
    digest = FailureDigest(kind, message, name, 8, 12, 1, 8, lines, printed.count("\n"), 2.0)
    _record(row, failure=digest.as_json())
    Build.objects.filter(pk=row.pk).update(failure_key=digest.key, warnings=[WARNING])
    return row


def failed() -> dict[str, Any]:
    """The fourth of a row of failures."""
    for _ in range(3):
        _failed()
        build()
    return build_scenes._told(_failed())


def out_of_memory() -> dict[str, Any]:
    message = (
        "Step 3 of 3 of stage `build` (`RUN npm run build && npm test`, Dockerfile line 12) was killed for using 8.0 GB "
        "of 8.0 GB (process `node`). Give the builder more memory, or build with fewer jobs at once."
    )
    return build_scenes._told(_failed("big", message, "limit", TESTS + "Killed\n"))


def waits_again() -> dict[str, Any]:
    """A registry that is away: it is tried again by itself."""
    message = "registry.example.com could not be reached for the push of acme/web: the connection was refused."
    reason = f"{message} It is tried again by itself (attempt 2 of 3)."
    row = build(state="failed", steps_done=9, ref="waits", platform_failures=1, wait_reason=reason)
    Build.objects.filter(pk=row.pk).update(state="queued", started_at=None, finished_at=None)
    said = [
        "ERROR: failed to build: failed to solve: failed to push: dial tcp 192.0.2.1:443: connect: connection refused"
    ]
    digest = FailureDigest("registry", message, STEPS[9][0], 9, None, 1, 10, last_lines(said, 0), 1)
    _record(row, failure=digest.as_json())
    return build_scenes._told(row)


def annotated() -> dict[str, Any]:
    """A build that succeeded, with its provenance."""
    row = build(path="acme/lines", warnings=[WARNING], size_bytes=sum(LAYERS.values()))
    for index, lines in LINES.items():
        Step.objects.filter(build=row, index=index).update(
            dockerfile_line=lines[0], dockerfile_lines=lines, layer_bytes=LAYERS[index]
        )
    write(row.pk, 1, {"6": NPM, "8": TESTS})
    _record(row)
    return build_scenes._told(row)


def running_lines() -> dict[str, Any]:
    """A build whose last instruction runs."""
    row = build(path="acme/runs", state="building", steps_done=8, worker="w1@host")
    _record(row)
    return build_scenes._told(row)


def end_of_step(build_id: int, index: int) -> dict[str, Any]:
    Step.objects.filter(build_id=build_id, index=index).update(
        state="succeeded", duration_s=9, finished_at=timezone.now()
    )
    live.announce(build_id, "state", {"state": "building"})
    return {}
