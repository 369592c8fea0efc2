"""The API's base images: what images stand on, whether that moved, and the switch for building anew."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Router, Schema

from accounts.models import Role
from builds.actions.bases import switch_rebuilds
from builds.models import BaseUse, Rebuild, Source
from builds.views.lookup import find_repository, find_source, person

router = Router(tags=["base images"])
B = "/repositories/{namespace}/{name}/bases"
MOST_REBUILDS = 50


class BasesIn(Schema):
    rebuild: bool


class BaseOut(Schema):
    """`digest` is what `ref` was built from, `points_to` where the base points now."""

    name: str
    ref_type: str
    ref: str
    digest: str
    points_to: str
    moved_at: datetime | None
    checked_at: datetime | None
    sentence: str


class RebuildOut(Schema):
    base: str
    ref: str
    state: str
    sentence: str
    build: int | None
    created_at: datetime


class BasesOut(Schema):
    rebuild: bool
    bases: list[BaseOut]
    rebuilds: list[RebuildOut]


@router.get(B, response=BasesOut, summary="Read the base images")
def read(request: HttpRequest, namespace: str, name: str) -> Any:
    """What the newest builds stand on, and what moves of it asked for."""
    return _told(_source(request, namespace, name))


@router.put(B, response=BasesOut, summary="Build anew when a base image moves, or do not")
def switch(request: HttpRequest, namespace: str, name: str, body: BasesIn) -> Any:
    """Switch the watch of this repository's base images."""
    source = _source(request, namespace, name, role=Role.WRITE)
    switch_rebuilds(person(request), source, on=body.rebuild)
    source.rebuild_on_base = body.rebuild
    return _told(source)


def _told(source: Source) -> dict[str, Any]:
    uses = BaseUse.objects.filter(rule__source=source).select_related("base")
    rebuilds = Rebuild.objects.filter(rule__source=source).select_related("base", "build")[:MOST_REBUILDS]
    return {
        "rebuild": source.rebuild_on_base,
        "bases": [
            {
                "name": use.base.shown, "ref_type": use.ref_type, "ref": use.ref, "digest": use.digest,
                "points_to": use.base.digest, "moved_at": use.base.moved_at, "checked_at": use.base.checked_at,
                "sentence": use.base.sentence,
            }
            for use in uses
        ],
        "rebuilds": [
            {
                "base": one.base.shown, "ref": one.ref, "state": one.state, "sentence": one.sentence,
                "build": one.build.number if one.build else None, "created_at": one.created_at,
            }
            for one in rebuilds
        ],
    }  # fmt: skip


def _source(request: HttpRequest, namespace: str, name: str, *, role: Role | None = None) -> Source:
    source = find_source(find_repository(request, namespace, name, role=role))
    if source is None:
        raise Http404(f"{namespace}/{name} has no source yet. Link one: PUT /repositories/{namespace}/{name}/source.")
    return source
