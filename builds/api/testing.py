"""The API's tests and hooks: the two switches of a repository. How tests ended stands with each build."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema

from accounts.models import Role
from builds.actions.testing import set_autotest, trust_hooks
from builds.models import Source
from builds.views.lookup import find_repository, find_source, person

router = Router(tags=["tests and hooks"])
R = "/repositories/{namespace}/{name}/tests"


class TestsOut(Schema):
    """`autotest`: run every `*.test.yml` beside the Dockerfile. `hooks_trusted`: run the scripts of `hooks/`."""

    autotest: bool
    hooks_trusted: bool


class TestsIn(Schema):
    """What is absent stays as it is."""

    autotest: bool | None = None
    hooks_trusted: bool | None = Field(None, description="Only administrators of the server may change it.")


@router.get(R, response=TestsOut, summary="Read whether tests and hooks run")
def read(request: HttpRequest, namespace: str, name: str) -> Any:
    """Both switches."""
    return _source(request, namespace, name, role=Role.READ)


@router.put(R, response=TestsOut, summary="Choose whether tests and hooks run")
def choose(request: HttpRequest, namespace: str, name: str, body: TestsIn) -> Any:
    """For builds that start from now on."""
    source = _source(request, namespace, name, role=Role.ADMIN)
    if body.hooks_trusted is not None and body.hooks_trusted != source.hooks_trusted:
        trust_hooks(person(request), source, trusted=body.hooks_trusted)
    if body.autotest is not None and body.autotest != source.autotest:
        set_autotest(person(request), source, on=body.autotest)
    return source


def _source(request: HttpRequest, namespace: str, name: str, *, role: Role) -> Source:
    source = find_source(find_repository(request, namespace, name, role=role))
    if source is None:
        raise Http404(f"{namespace}/{name} has no source yet. Link one: PUT /repositories/{namespace}/{name}/source.")
    return source
