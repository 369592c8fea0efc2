"""The steps of a build with three stages, two of them side by side, as rows with inputs, intervals and transfers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from builds.models import Build, Step

CONTEXT = [{"id": "transferring context:", "current": 24_100_000, "total": 0, "begin": None, "end": None}]
PUSH = [
    {"id": "exporting layers", "current": 0, "total": 0, "begin": 56.0, "end": 58.0},
    {"id": "pushing layers", "current": 0, "total": 0, "begin": 58.2, "end": 62.8},
]
# Name, begin, seconds, inputs, and what else a row says. Times are seconds from the claim.
GRAPH: list[tuple[str, float, float, list[int], dict[str, Any]]] = [
    ("check out main at a1b2c3d", 0.0, 1.2, [], {}),
    ("[internal] load build definition from Dockerfile", 1.4, 0.1, [], {"internal": True}),
    ("[internal] load metadata for docker.io/library/node:20", 1.5, 0.6, [], {"internal": True}),
    ("[internal] load .dockerignore", 2.1, 0.1, [], {"internal": True}),
    ("[base 1/3] FROM docker.io/library/node:20@sha256:5f1c", 2.2, 3.1, [], {"operation": "source"}),
    ("[internal] load build context", 2.2, 2.6, [], {"internal": True, "transfers": CONTEXT}),
    ("[base 2/3] WORKDIR /app", 5.3, 0.0, [4], {"cached": True, "operation": "file"}),
    ("[base 3/3] COPY package.json package-lock.json ./", 5.3, 0.0, [6, 5], {"cached": True, "operation": "file"}),
    ("[web 1/3] RUN npm ci --no-audit --no-fund", 5.4, 21.0, [7], {"operation": "exec"}),
    ("[web 2/3] COPY web ./web", 26.5, 0.3, [8, 5], {"operation": "file"}),
    ("[web 3/3] RUN npm run build", 26.9, 17.5, [9], {"operation": "exec"}),
    ("[api 1/2] COPY api ./api", 5.4, 0.4, [7, 5], {"operation": "file"}),
    ("[api 2/2] RUN npm run compile --workspace api", 9.0, 14.0, [11], {"operation": "exec"}),
    ("[stage-3 1/3] COPY --from=web /app/dist /srv/web", 44.5, 0.8, [7, 10], {"operation": "file"}),
    ("[stage-3 2/3] COPY --from=api /app/api/out /srv/api", 45.4, 0.5, [13, 12], {"operation": "file"}),
    ("[stage-3 3/3] RUN node /srv/api/check.js", 46.0, 10.0, [14], {"operation": "exec"}),
    ("exporting to image", 56.0, 7.0, [], {"transfers": PUSH}),
    ("put the tags", 63.0, 0.4, [], {}),
]
OWN = {0, 17}


def add_timed_steps(build: Build, *, until_s: float = 1000.0, pace: float = 1.0, fails_at: int | None = None) -> None:
    """As they stood `until_s` seconds after the claim; every step takes `pace` times as long as it does here."""
    Step.objects.bulk_create(timed_steps(build, until_s=until_s, pace=pace, fails_at=fails_at))


def timed_steps(build: Build, *, until_s: float = 1000.0, pace: float = 1.0, fails_at: int | None = None) -> list[Step]:
    """The same, not saved yet."""
    assert build.started_at is not None
    began = build.started_at.timestamp()
    rows = [_row(build, index, began, until_s, pace, fails_at) for index in range(len(GRAPH))]
    return [row for row in rows if row is not None]


def _row(build: Build, index: int, began: float, until_s: float, pace: float, fails_at: int | None) -> Step | None:
    name, begin, seconds, inputs, fields = GRAPH[index]
    begin, end = begin * pace, (begin + seconds) * pace
    has_begun = begin <= until_s and (fails_at is None or index <= fails_at or index == GRAPH[fails_at][1])
    is_over = has_begun and end <= until_s
    if index in OWN and not has_begun:
        return None
    state = "pending" if not has_begun else "succeeded" if is_over else "running"
    return Step(
        build=build,
        attempt=build.attempt,
        index=index,
        name=name,
        vertex="" if index in OWN else f"sha256:{index:064x}",
        state="failed" if index == fails_at else state,
        started_at=_at(began + begin) if has_begun else None,
        finished_at=_at(began + end) if is_over else None,
        duration_s=end - begin if is_over else None,
        inputs=inputs,
        intervals=[[began + begin, began + end if is_over else None]] if has_begun and index not in OWN else [],
        **(fields if has_begun else {"internal": fields.get("internal", False)}),
    )


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
