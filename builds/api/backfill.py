"""The API's back-fill: which refs have no image yet, and building them."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.models import Role
from builds.actions.backfill import MOST_BUILDS, back_fill, gaps_of
from builds.api.schemas import BuildOut, RefIn
from builds.api.shapes import builds_out
from builds.models import Build, Source
from builds.views.lookup import find_repository, find_source, person

router = Router(tags=["back-fill"])
R = "/repositories/{namespace}/{name}/backfill"


class GapOut(Schema):
    """A ref that rules build and that has no image of its newest commit. `tried`: its last build failed."""

    type: str
    name: str
    commit: str
    builds: int
    tags: list[str]
    tried: bool


class GapsOut(Schema):
    """In the order in which they are built: older versions first."""

    refs: list[GapOut]


class BackFillIn(Schema):
    """`refs` absent: all that were never tried."""

    refs: list[RefIn] | None = Field(None, max_length=MOST_BUILDS)


class Filled(Schema):
    builds: list[BuildOut]


@router.get(R, response=GapsOut, summary="Read what has no image yet")
def read(request: HttpRequest, namespace: str, name: str) -> Any:
    """Branches and tags that the saved rules build and nobody has built."""
    source = _source(request, namespace, name)
    return {
        "refs": [
            {
                "type": gap.ref.type,
                "name": gap.ref.name,
                "commit": gap.commit,
                "builds": len(gap.verdicts),
                "tags": list(gap.tags),
                "tried": gap.was_tried,
            }
            for gap in gaps_of(source)
        ]
    }


@router.post(R, response={201: Filled}, summary="Build what has no image yet")
def fill(request: HttpRequest, namespace: str, name: str, body: BackFillIn) -> Any:
    """Ask for the builds, behind everything else. Again makes no second build; 422 where nothing is left."""
    source = _source(request, namespace, name)
    refs = None if body.refs is None else [f"{ref.type} {ref.name}" for ref in body.refs]
    made = back_fill(person(request), source, refs)
    rows = Build.objects.for_page().filter(pk__in=[build.pk for build in made]).order_by("number")
    return Status(201, {"builds": builds_out(rows)})


def _source(request: HttpRequest, namespace: str, name: str) -> Source:
    source = find_source(find_repository(request, namespace, name, role=Role.WRITE))
    if source is None:
        raise Http404(f"{namespace}/{name} has no source yet. Link one: PUT /repositories/{namespace}/{name}/source.")
    return source
