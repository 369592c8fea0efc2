"""The API's catch-up: whether pushes were missed, looking now, and deciding what is built of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.models import Role
from builds.actions.catchup import ask_look, decide_catch_up, set_automatic
from builds.api.schemas import BuildOut, RefType
from builds.api.shapes import builds_out
from builds.models import Build, CatchUp, CatchUpLook, Source
from builds.views.lookup import find_repository, find_source, person
from lib.refusal import Refused

router = Router(tags=["catch-up"])
R = "/repositories/{namespace}/{name}/catch-up"


class MissedOut(Schema):
    ref_type: RefType
    ref: str
    commit: str
    before: str = Field(description="The commit that was built last; empty where none was.")
    rules: list[str]


class QuestionOut(Schema):
    id: int
    at: datetime
    missed: list[MissedOut]


class CatchUpOut(Schema):
    """`question` is what is asked about; null where nothing was missed."""

    looked_at: datetime | None
    next_look_at: datetime | None
    sentence: str
    automatic: bool
    question: QuestionOut | None


class CatchUpIn(Schema):
    automatic: bool


class DecisionIn(Schema):
    """`id` of the question, so that what is decided is what was read."""

    id: int
    choice: Literal["newest", "all", "none"]


class Decided(Schema):
    builds: list[BuildOut]


@router.get(R, response=CatchUpOut, summary="Read what was missed")
def detail(request: HttpRequest, namespace: str, name: str) -> Any:
    """When the refs were compared with what was built, and which pushes were missed."""
    return _out(_source(request, namespace, name))


@router.put(R, response=CatchUpOut, summary="Say whether to ask")
def change(request: HttpRequest, namespace: str, name: str, body: CatchUpIn) -> Any:
    """With `automatic` the newest missed push of each rule is built without asking."""
    source = _source(request, namespace, name)
    set_automatic(person(request), source, on=body.automatic)
    return _out(source)


@router.post(f"{R}/look", response={202: CatchUpOut}, summary="Look now")
def look(request: HttpRequest, namespace: str, name: str) -> Any:
    """Ask a worker to compare now; the answer is what is known until it has."""
    source = _source(request, namespace, name)
    ask_look(person(request), source)
    return Status(202, _out(source))


@router.post(f"{R}/decision", response={201: Decided}, summary="Build what was missed")
def decide(request: HttpRequest, namespace: str, name: str, body: DecisionIn) -> Any:
    """Build the newest of each rule, all, or none of the missed pushes. Once; then 409."""
    source = _source(request, namespace, name)
    question = CatchUp.objects.filter(source=source, pk=min(body.id, 2**62)).first()
    if question is None:
        raise Refused("This question is gone: what it was about was built meanwhile, or moved on.", code="conflict")
    made = decide_catch_up(person(request), question, body.choice)
    return Status(201, {"builds": builds_out(Build.objects.for_page().filter(pk__in=[build.pk for build in made]))})


def _source(request: HttpRequest, namespace: str, name: str) -> Source:
    source = find_source(find_repository(request, namespace, name, role=Role.WRITE))
    if source is None:
        raise Refused(f"{namespace}/{name} has no source yet, so nothing can have been missed. Link one first.")
    return source


def _out(source: Source) -> dict[str, Any]:
    known = CatchUpLook.objects.filter(source=source).first()
    question = CatchUp.objects.filter(source=source, decided_at=None).first()
    return {
        "looked_at": known.looked_at if known else None,
        "next_look_at": known.next_look_at if known else None,
        "sentence": known.sentence if known else "",
        "automatic": bool(known and known.automatic),
        "question": {"id": question.pk, "at": question.at, "missed": question.missed} if question else None,
    }
