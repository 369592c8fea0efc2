"""Variables and secrets of a repository: listed, added, changed, deleted. The value of a secret is on no page."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Role
from builds.actions.variables import delete_variable, save_variable
from builds.core.variables import Kind
from builds.forms.variables import VariableForm
from builds.models import Source, Variable
from builds.views.lookup import access_to, find_repository, find_source, person
from lib.redact import MIN_SECRET
from lib.refusal import Refused
from registry.models import Repository


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def variables(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The list and the form; `?change=<id>` fills the form with one of them."""
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    source = find_source(repository)
    if source is None:
        return _page(request, repository, None, None)
    sees_secrets = access_to(request, repository).can_admin
    if request.method != "POST":
        asked = request.GET.get("change", "")
        changed = source.variables.filter(pk=int(asked)).first() if asked.isdigit() and len(asked) < 12 else None  # noqa: PLR2004
        form = (
            VariableForm.of(changed, sees_secrets=sees_secrets)
            if changed
            else VariableForm(source, sees_secrets=sees_secrets)
        )
        return _page(request, repository, source, form, changed=changed)
    form = VariableForm(source, request.POST, sees_secrets=sees_secrets)
    if not form.is_valid():
        return _page(request, repository, source, form, status=422)
    try:
        saved = save_variable(person(request), source, form.draft(), sees_secrets=sees_secrets)
    except Refused as refused:
        form.add_error(None, refused.sentence)
        return _page(request, repository, source, form, status=422)
    messages.success(request, _saved_sentence(saved))
    return redirect("settings-variables", namespace, name)


def _saved_sentence(saved: Variable) -> str:
    kind = Kind(saved.kind)
    if kind is Kind.SSH:
        return f"Saved the key {saved.name}. Add its public half, which stands in the list, where it is to be let in."
    sentence = f"Saved {saved.name}. Builds that start from now on get it."
    if kind is Kind.SECRET and len(saved.value) < MIN_SECRET:
        sentence += f" It has less than {MIN_SECRET} characters, which are too common to be masked in logs."
    return sentence


@login_required
@require_POST
def delete(request: HttpRequest, namespace: str, name: str, variable_id: int) -> HttpResponse:
    """Forget one."""
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    variable = Variable.objects.select_related("source").filter(pk=variable_id, source__repository=repository).first()
    if variable is None:
        raise Http404("There is no such variable; somebody may have deleted it.")
    try:
        delete_variable(person(request), variable, sees_secrets=access_to(request, repository).can_admin)
    except Refused as refused:
        messages.error(request, refused.sentence)
    else:
        messages.success(request, f"{variable.name} is deleted.")
    return redirect("settings-variables", namespace, name)


def _page(
    request: HttpRequest,
    repository: Repository,
    source: Source | None,
    form: VariableForm | None,
    *,
    changed: Variable | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "repository": repository,
        "tab": "settings",
        "source": source,
        "form": form,
        "changed": changed,
        "variables": source.variables.select_related("rule") if source else [],
        "shortest": MIN_SECRET,
    }
    return render(request, "builds/repository_variables.html", context, status=status)
