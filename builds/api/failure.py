"""The API's failures: the digest of a failed build, and those of a repository that came back."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema

from builds.api.builds import find_build
from builds.reading import steps_of
from builds.views.alike import came_back
from builds.views.failure import Failure, failure_of
from builds.views.lookup import find_repository

router = Router(tags=["builds"])
MOST_GROUPS = 20


class FailureLineOut(Schema):
    number: int = Field(description="Within the step's log, from 1.")
    text: str = Field(description="Without colour codes; secrets are masked.")


class HintOut(Schema):
    line: int
    what: str


class AlikeOut(Schema):
    sentence: str
    count: int
    of: int
    first: int | None = Field(None, description="Number of the first build that failed like this one.")
    others: list[int]


class FailureOut(Schema):
    """`step` and `log_step` are indexes; the lines are of `log_step`."""

    kind: str
    fault: str
    message: str
    out_of_memory: bool
    attempt: int
    step: int | None
    step_name: str
    dockerfile_line: int | None
    log_step: int | None
    lines: list[FailureLineOut]
    lines_total: int
    silent_s: float | None = Field(None, description="For how long the step had printed nothing when it ended.")
    whose_move: str
    what_to_try: str
    hints: list[HintOut]
    key: str = Field(description="The same for failures alike, within one repository.")
    alike: AlikeOut | None
    mended_by: int | None = Field(None, description="Number of the next build of the rule and ref that succeeded.")


class GroupOut(Schema):
    key: str
    kind: str
    message: str
    count: int
    builds: list[int]
    lasts: bool = Field(description="Whether no later build of its ref succeeded.")


class CameBackOut(Schema):
    of: int = Field(description="So many of the last builds were looked at.")
    failures: list[GroupOut]


@router.get("/builds/{int:build_id}/failure", response=FailureOut, summary="Read why a build failed")
def failure(request: HttpRequest, build_id: int) -> Any:
    """What failed, whose fault it is, what the step printed last, what to try. 404 where the build has not failed."""
    build = find_build(request, build_id)
    found = failure_of(build, build.attempt, steps_of(build) if build.attempt else [])
    if found is None:
        raise Http404(f"Build {build_id} has no failure to tell of: it is {build.state}.")
    return _out(found, build.failure_key)


@router.get("/repositories/{namespace}/{name}/failures", response=CameBackOut, summary="List failures that came back")
def failures(request: HttpRequest, namespace: str, name: str) -> Any:
    """Failures that ended more than one of the last builds, the most frequent first."""
    found = came_back(find_repository(request, namespace, name), most=MOST_GROUPS)
    rows = [
        {
            "key": group.key,
            "kind": group.kind,
            "message": group.message,
            "count": group.count,
            "builds": list(group.numbers),
            "lasts": group.still,
        }
        for group in found.groups
    ]
    return {"of": found.of, "failures": rows}


def _out(found: Failure, key: str) -> dict[str, Any]:
    digest, alike, advice = found.digest, found.alike, found.advice
    return {
        "kind": digest.kind,
        "fault": digest.fault,
        "message": digest.message,
        "out_of_memory": digest.is_out_of_memory,
        "attempt": digest.attempt,
        "step": digest.step_index,
        "step_name": digest.step,
        "dockerfile_line": digest.dockerfile_line,
        "log_step": digest.log_index,
        "lines": [{"number": line.number, "text": line.plain} for line in digest.lines],
        "lines_total": digest.lines_total,
        "silent_s": digest.silent_s,
        "whose_move": advice.whose if advice else "",
        "what_to_try": advice.what if advice else "",
        "hints": [{"line": hint.line.number, "what": hint.what} for hint in advice.hints] if advice else [],
        "key": key,
        "alike": {
            "sentence": alike.sentence,
            "count": alike.count,
            "of": alike.of,
            "first": alike.first.number if alike.first else None,
            "others": list(alike.others),
        }
        if alike
        else None,
        "mended_by": found.mended.number if found.mended else None,
    }
