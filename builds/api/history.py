"""The API's history: how a repository's builds went, how large its tags are, and what broke or was mended lately."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from builds.core.history import Column, Rate
from builds.core.trend import Trend
from builds.views.history import history_of
from builds.views.lookup import find_repository
from builds.views.repositories import TAGS_SHOWN
from builds.views.sizes import size_trends
from builds.views.turned import Turn, since_when, turned_since_yesterday
from registry.models import Repository, Tag

router = Router(tags=["builds"])


class RateOut(Schema):
    """Builds that were cancelled or superseded count for neither; `percent` is null where nothing ended."""

    succeeded: int
    failed: int
    percent: int | None


class WentOut(Schema):
    number: int
    state: str
    took_s: float | None = Field(description="From its last claim to its end, or until now; null before it began.")
    waited_s: float


class SizeOut(Schema):
    at: datetime
    size: int
    build: int


class TrendOut(Schema):
    tag: str
    sentence: str
    sizes: list[SizeOut]


class HistoryOut(Schema):
    """`builds` are at most 30, oldest first; `last` counts them, `month` what ended within 30 days."""

    last: RateOut
    month: RateOut
    usual_s: float | None
    usual_wait_s: float | None
    builds: list[WentOut]
    tags: list[TrendOut]


class TurnOut(Schema):
    build: int
    number: int
    repository: str
    ref_type: str
    ref: str
    commit: str
    commit_author: str
    finished_at: datetime | None
    sentence: str = Field(description="Why it failed; empty for what works again.")
    mended_by: int | None = Field(description="Number of the success that followed; null where it is still broken.")


class TurnsOut(Schema):
    since: datetime
    broke: list[TurnOut]
    mended: list[TurnOut]


@router.get("/repositories/{namespace}/{name}/history", response=HistoryOut, summary="Read how builds went")
def history(request: HttpRequest, namespace: str, name: str, of: str = "") -> Any:
    """Of the whole repository, or with `of` of a rule (`rule-7`), branch (`branch:main`) or tag (`tag:v1.0`)."""
    repository = find_repository(request, namespace, name)
    found = history_of(repository, of)
    return {
        "last": _rate(found.last),
        "month": _rate(found.month),
        "usual_s": found.usual_s,
        "usual_wait_s": found.usual_wait_s,
        "builds": [_went(column) for column in found.picture.columns],
        "tags": [_trend(trend) for trend in size_trends(repository, _tags(repository)).values()],
    }


@router.get("/turns", response=TurnsOut, summary="List what broke and what was mended since yesterday")
def turns(request: HttpRequest) -> Any:
    """The first failure of a branch or tag after a success, and the first success after a failure, newest first."""
    found = turned_since_yesterday(request.user)
    return {
        "since": since_when(),
        "broke": [_turn(turn) for turn in found.broke],
        "mended": [_turn(turn) for turn in found.mended],
    }


def _tags(repository: Repository) -> list[str]:
    rows = Tag.objects.filter(repository=repository).exclude(name__startswith="build-").order_by("-pushed_at")
    return list(rows.values_list("name", flat=True)[:TAGS_SHOWN])


def _rate(rate: Rate) -> dict[str, Any]:
    return {"succeeded": rate.succeeded, "failed": rate.failed, "percent": rate.percent}


def _went(column: Column) -> dict[str, Any]:
    build = column.build
    return {"number": build.number, "state": build.state, "took_s": build.took_s, "waited_s": build.waited_s}


def _trend(trend: Trend) -> dict[str, Any]:
    sizes = [{"at": dot.size.at, "size": dot.size.size_bytes, "build": dot.size.build} for dot in trend.dots]
    return {"tag": trend.tag, "sentence": trend.sentence, "sizes": sizes}


def _turn(turn: Turn) -> dict[str, Any]:
    build = turn.build
    names = ("number", "ref_type", "ref", "commit", "commit_author", "finished_at")
    return {name: getattr(build, name) for name in names} | {
        "build": build.pk,
        "repository": build.repository.path,
        "sentence": build.error_message,
        "mended_by": turn.mended_by,
    }
