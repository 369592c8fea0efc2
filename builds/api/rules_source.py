"""The API's source of rules: the page or the file, what the file said, and reading it anew."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.models import Role
from builds.actions.rules_file import read_again, set_rules_from
from builds.models import RulesFileRead, Source
from builds.views.lookup import find_repository, find_source, person

router = Router(tags=["repositories"])
R = "/repositories/{namespace}/{name}/rules/source"


class FileProblemOut(Schema):
    """`line` counts from 1; 0 where the whole file is meant."""

    line: int
    column: int
    message: str


class RulesSourceOut(Schema):
    """`commit` and `problems` are those of the newest reading; with problems the rules of before stay in force."""

    rules_from: Literal["page", "file"]
    is_reading: bool = Field(description="Whether a worker is still to read the file.")
    read_at: datetime | None
    commit: str
    problems: list[FileProblemOut]
    sentence: str = Field(description="Why the last try to read it came to nothing.")


class RulesSourceIn(Schema):
    rules_from: Literal["page", "file"]


@router.get(R, response=RulesSourceOut, summary="Read where the rules come from")
def read(request: HttpRequest, namespace: str, name: str) -> Any:
    """Which source wins, and what the file said when it was read last."""
    return _out(_source(request, namespace, name))


@router.put(R, response=RulesSourceOut, summary="Say where the rules come from")
def switch(request: HttpRequest, namespace: str, name: str, body: RulesSourceIn) -> Any:
    """With `file` the rules of `.imageyard.yml` on the default branch are taken over, now and at each push to it."""
    source = _source(request, namespace, name, role=Role.WRITE)
    set_rules_from(person(request), source, body.rules_from)
    return _out(source)


@router.post(f"{R}/read", response={202: RulesSourceOut}, summary="Read the file now")
def look(request: HttpRequest, namespace: str, name: str) -> Any:
    """Ask a worker to read it; the answer is what is known until it has. 409 where the rules come from the page."""
    source = _source(request, namespace, name, role=Role.WRITE)
    read_again(source)
    return Status(202, _out(source))


def _out(source: Source) -> dict[str, Any]:
    said = source.rules_file
    return {
        "rules_from": source.rules_from,
        "is_reading": RulesFileRead.objects.filter(source=source, asked_at__isnull=False).exists(),
        "read_at": said.get("read_at"),
        "commit": said.get("commit", ""),
        "problems": said.get("problems", []),
        "sentence": said.get("sentence", ""),
    }


def _source(request: HttpRequest, namespace: str, name: str, *, role: Role | None = None) -> Source:
    source = find_source(find_repository(request, namespace, name, role=role))
    if source is None:
        raise Http404(f"{namespace}/{name} has no source yet. Link one: PUT /repositories/{namespace}/{name}/source.")
    return source
