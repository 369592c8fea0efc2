"""The API's way to wake a rule that was paused because it kept failing."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Router

from accounts.models import Role
from builds.actions.pausing import resume_rule
from builds.api.schemas import RuleOut
from builds.api.shapes import rule_out
from builds.models import BuildRule
from builds.views.lookup import find_repository, person

router = Router(tags=["repositories"])


@router.post("/repositories/{namespace}/{name}/rules/{int:rule_id}/resume", response=RuleOut, summary="Resume a rule")
def resume(request: HttpRequest, namespace: str, name: str, rule_id: int) -> Any:
    """Let a paused rule build again; 409 where it is not paused."""
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    rule = BuildRule.objects.filter(source__repository=repository, pk=min(rule_id, 2**62)).first()
    if rule is None:
        raise Http404(f"{repository.path} has no rule {rule_id}; it may have been removed.")
    resume_rule(person(request), rule)
    rule.refresh_from_db()
    return rule_out(rule)
