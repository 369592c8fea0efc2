"""The tabs of a build's page: name, label, template, and what each needs. One line here for each tab."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from builds.models import Build, Step
from builds.views.compare import compare_context
from builds.views.tab_cache import cache_context
from builds.views.tab_dockerfile import context as dockerfile_context
from builds.views.tab_dockerfile import count_findings
from builds.views.tab_image import image_tab
from builds.views.tab_log import context as log_context
from builds.views.tab_timeline import context as timeline_context


@dataclass(frozen=True, slots=True)
class Asked:
    """What a tab may draw from: the build, the attempt that is shown, and its steps."""

    request: HttpRequest
    build: Build
    attempt: int
    steps: list[Step]


def _none(build: Build) -> int:  # noqa: ARG001  # a tab without a count
    return 0


def _nothing(asked: Asked) -> dict[str, Any]:  # noqa: ARG001  # a tab that the build itself says all of
    return {}


@dataclass(frozen=True, slots=True)
class Tab:
    """`label` is on the tab, `count` beside it where it is not 0; `context` is called for the open tab alone."""

    name: str
    label: str
    template: str
    context: Callable[[Asked], dict[str, Any]]
    count: Callable[[Build], int] = _none
    counted: str = ""
    styles: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    # Whether it comes with the fragment, fetched anew while the build runs: its template is one `data-build-part`.
    is_live: bool = False


TABS = (
    Tab(
        "log",
        "Log",
        "builds/_log_tab.html",
        log_context,
        styles=("css/steps.css", "css/log.css", "css/log-tools.css"),
        scripts=("js/grow.js",),
    ),
    Tab(
        "timeline",
        "Timeline",
        "builds/_timeline_tab.html",
        timeline_context,
        styles=("css/timeline.css",),
        scripts=("js/timeline.js",),
    ),
    Tab(
        "dockerfile",
        "Dockerfile",
        "builds/_tab_dockerfile.html",
        dockerfile_context,
        count=count_findings,
        counted="warning",
        styles=("css/dockerfile.css",),
        is_live=True,
    ),
    Tab("cache", "Cache", "builds/_cache_tab.html", cache_context, styles=("css/charts.css", "css/cache.css")),
    Tab("image", "Image", "builds/_tab_image.html", image_tab, styles=("css/image.css",)),
    Tab(
        "inputs",
        "Inputs",
        "builds/_inputs.html",
        _nothing,
        count=lambda build: len(build.warnings),
        counted="warning",
    ),
    Tab(
        "compare", "Compare", "builds/_compare_tab.html", compare_context, styles=("css/review.css", "css/compare.css")
    ),
)


def tab_of(name: str) -> Tab:
    """The tab of this name; the first for any other."""
    return next((tab for tab in TABS if tab.name == name), TABS[0])


def tab_links(build: Build, here: Tab) -> list[dict[str, Any]]:
    """The row of tabs, as the template draws it."""
    return [
        {
            "name": tab.name if tab is not TABS[0] else None,
            "label": tab.label,
            "count": tab.count(build),
            "counted": tab.counted,
            "here": tab is here,
        }
        for tab in TABS
    ]
