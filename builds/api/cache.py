"""The API's cache reports: what of a build came from the cache, what it saved, and why the rest did not."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from builds.api.builds import find_build
from builds.core.cache_report import summary
from builds.models import BuildRecord

router = Router(tags=["builds"])


class MissOut(Schema):
    """Why a step ran. `kind` is a word for programs, `because` the index of the step that it comes from."""

    kind: str
    sentence: str
    because: int | None
    evidence: dict[str, Any]


class CacheStepOut(Schema):
    index: int
    number: int | None
    total: int | None
    words: str
    line: int | None
    cached: bool
    state: str
    seconds: float | None
    saved_s: float | None = Field(None, description="What it took when it last really ran; null where nobody knows.")
    why: MissOut | None


class CacheStageOut(Schema):
    """`miss` is the index of the first step that ran, null where all came from the cache."""

    platform: str
    name: str
    miss: int | None
    steps: list[CacheStepOut]


class CacheOut(Schema):
    """FROM counts for neither sum. `compared` is the number of the build that this one is compared with."""

    sentence: str
    cacheable: int | None
    cached: int | None
    saved_s: float | None
    compared: int | None = None
    by_name_only: bool = False
    stages: list[CacheStageOut] = []


@router.get("/builds/{int:build_id}/cache", response=CacheOut, summary="Read why steps ran or came from the cache")
def report(request: HttpRequest, build_id: int) -> Any:
    """The cache report; with nulls while the build runs, and for one that never came to its steps."""
    build = find_build(request, build_id)
    record = BuildRecord.objects.filter(build=build).only("cache_report").first()
    found = record.cache_report if record else {}
    if found:
        return {**found, "sentence": summary(found)}
    why = "The report is made when the build ends." if not build.is_final else "This build came to none of its steps."
    return {"sentence": why, "cacheable": None, "cached": None, "saved_s": None}
