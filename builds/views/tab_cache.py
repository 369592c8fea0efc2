"""The tab Cache of a build: what came from the cache and why the rest did not, and how that went over time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from builds.core.cache_report import summary
from builds.core.cache_trend import MOST, Hits, HitTrend, hit_trend
from builds.models import Build, BuildRecord
from builds.views.build_lookup import find_build

if TYPE_CHECKING:
    from builds.views.build_tabs import Asked

# After the end of a build; what is not there by then does not come.
_COMES_WITHIN = timedelta(minutes=2)
# How far back the trend looks, in builds of the repository.
_NEAR = 500


def cache_context(asked: Asked) -> dict[str, Any]:
    """What the tab shows. Three queries, whatever the size of the build."""
    return _context(asked.build)


@require_safe
def fragment(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """The tab's content alone: it comes a moment after the end of the build."""
    build = find_build(request, namespace, name, number)
    return render(request, "builds/_cache.html", {"build": build, "repository": build.repository, **_context(build)})


def _context(build: Build) -> dict[str, Any]:
    record = BuildRecord.objects.filter(build=build).only("attempt", "cache_report").first()
    report = record.cache_report if record else {}
    address = [*build.repository.path.split("/"), build.number]
    context = {
        "cache_url": reverse("build-cache", args=address),
        "build_url": reverse("build", args=address),
        "builds_url": reverse("repository-builds", args=address[:2]),
        "trend": _trend(build),
        "report": report,
        "report_attempt": record.attempt if record else None,
        "is_coming": not build.is_final
        or (not report and build.finished_at and timezone.now() - build.finished_at < _COMES_WITHIN),
    }
    if not report:
        return context
    stages = [_stage(stage) for stage in report["stages"]]
    return context | {
        "summary": summary(report),
        "percent": round(100 * report["cached"] / report["cacheable"]) if report["cacheable"] else None,
        "ran": report["cacheable"] - report["cached"],
        "stages": stages,
        "compare_url": _compare_url(build, report["compared"]),
    }


def _stage(stage: dict[str, Any]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = stage["steps"]
    first = next((step for step in steps if step["index"] == stage["miss"]), None)
    return {
        "title": " · ".join(filter(None, [stage["name"], stage["platform"]])),
        "steps": steps,
        "first": first,
        "cached": sum(step["cached"] for step in steps),
        "names": {step["index"]: step for step in steps},
    }


def _compare_url(build: Build, number: int | None) -> str:
    """The page that compares with the build that the report is about; "" for none."""
    if number is None:
        return ""
    namespace, name = build.repository.path.split("/")
    return reverse("builds-compare", args=[namespace, name, f"{number}...{build.number}"])


def _trend(build: Build) -> HitTrend | None:
    """The newest builds of the rule, or those up to this one where it is older than they are."""
    if build.rule_id is None:
        return None
    rows = Build.objects.filter(repository=build.repository_id, rule=build.rule_id, attempt__gt=0).order_by("-number")
    columns = ("number", "state", "steps_cacheable", "steps_cached", "saved_s")
    near = rows.filter(number__gt=F("repository__build_sequence__last") - _NEAR)
    shown = list(near.values_list(*columns)[:MOST])
    if not shown or shown[-1][0] > build.number:
        before = rows.filter(number__lte=build.number, number__gt=build.number - _NEAR)
        shown = list(before.values_list(*columns)[:MOST])
    return hit_trend([Hits(*row) for row in reversed(shown)], build.number)
