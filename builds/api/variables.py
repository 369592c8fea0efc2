"""The API's variables and secrets: read, replaced and set one by one. The value of a secret is in no answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.models import Role
from builds.actions.variables import VariableDraft, delete_variable, save_variable, save_variables
from builds.core.variables import MAX_VARIABLES, Kind
from builds.models import Source, Variable
from builds.views.lookup import access_to, find_repository, find_source, person

router = Router(tags=["variables"])
R = "/repositories/{namespace}/{name}/variables"


class VariableIn(Schema):
    """`value` is kept byte for byte; absent it stays as it is, and a new SSH key is made. `rule` null: every rule."""

    kind: Literal["arg", "secret", "ssh"]
    name: str = Field(max_length=255)
    value: str | None = None
    rule: int | None = None


class VariableOut(Schema):
    """`value` is null for secrets and SSH keys; `public` is the public half of an SSH key."""

    id: int
    kind: str
    name: str
    rule: int | None
    value: str | None
    public: str | None
    updated_at: datetime
    updated_by: str


@router.get(R, response=list[VariableOut], summary="Read the variables")
def variables(request: HttpRequest, namespace: str, name: str) -> Any:
    """Build arguments with their values; secrets and SSH keys without."""
    source = find_source(find_repository(request, namespace, name, role=Role.WRITE))
    return [_out(row) for row in source.variables.all()] if source else []


@router.put(R, response=list[VariableOut], summary="Replace the variables")
def replace(request: HttpRequest, namespace: str, name: str, body: list[VariableIn]) -> Any:
    """Make these the variables. All or nothing; those that are not among them go. Secrets take the admin role."""
    source, sees_secrets = _source(request, namespace, name)
    drafts = [_draft(one) for one in body[: MAX_VARIABLES + 1]]
    return [_out(row) for row in save_variables(person(request), source, drafts, sees_secrets=sees_secrets)]


@router.post(R, response={201: VariableOut}, summary="Set a variable")
def put_one(request: HttpRequest, namespace: str, name: str, body: VariableIn) -> Any:
    """Make or change one variable; the others stay. Secrets take the admin role."""
    source, sees_secrets = _source(request, namespace, name)
    return Status(201, _out(save_variable(person(request), source, _draft(body), sees_secrets=sees_secrets)))


@router.delete(f"{R}/{{int:variable_id}}", response={204: None}, summary="Delete a variable")
def delete(request: HttpRequest, namespace: str, name: str, variable_id: int) -> Any:
    """Forget a variable. Builds that have started keep what they got."""
    source, sees_secrets = _source(request, namespace, name)
    variable = source.variables.filter(pk=min(variable_id, 2**62)).first()
    if variable is None:
        raise Http404(f"{namespace}/{name} has no variable {variable_id}.")
    delete_variable(person(request), variable, sees_secrets=sees_secrets)
    return Status(204, None)


def _source(request: HttpRequest, namespace: str, name: str) -> tuple[Source, bool]:
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    source = find_source(repository)
    if source is None:
        raise Http404(f"{namespace}/{name} has no source yet. Link one: PUT /repositories/{namespace}/{name}/source.")
    return source, access_to(request, repository).can_admin


def _draft(body: VariableIn) -> VariableDraft:
    return VariableDraft(Kind(body.kind), body.name, body.value, body.rule)


def _out(row: Variable) -> dict[str, Any]:
    return {
        "id": row.pk,
        "kind": row.kind,
        "name": row.name,
        "rule": row.rule_id,
        "value": None if row.is_secret else row.value,
        "public": row.public or None,
        "updated_at": row.updated_at,
        "updated_by": row.updated_by,
    }
