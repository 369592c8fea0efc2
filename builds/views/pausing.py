"""Waking a rule that was paused because it kept failing."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts.models import Role
from builds.actions.pausing import resume_rule
from builds.models import BuildRule
from builds.views.lookup import find_repository, person
from lib.refusal import Refused


@login_required
@require_POST
def resume(request: HttpRequest, namespace: str, name: str, rule_id: int) -> HttpResponse:
    """Let it build again; the next push is built."""
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    rule = BuildRule.objects.filter(source__repository=repository, pk=rule_id).first()
    if rule is None:
        raise Http404(f"{repository.path} has no such rule; it may have been removed.")
    try:
        resume_rule(person(request), rule)
    except Refused as refused:
        messages.warning(request, refused.sentence)
    else:
        messages.success(request, f"The rule `{rule.pattern}` is resumed: the next push is built.")
    return redirect("repository-rules", namespace, name)
