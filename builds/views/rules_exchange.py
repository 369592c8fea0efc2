"""Rules from elsewhere and to elsewhere: the import page with its report, and the export as `.imageyard.yml`."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Role
from builds.core.importers import Imported, import_docker_hub, import_metadata_action
from builds.core.importers.report import MAX_PASTE
from builds.core.rulesfile import FILE_NAME, RuleFileRule
from builds.core.rulesfile_write import SCHEMA_PATH, write_rules_file
from builds.forms import RulesForm
from builds.models import Source
from builds.reading import written_rules
from builds.views.lookup import find_repository, find_source
from builds.views.playground import effects

KINDS = {"docker-hub": "Docker Hub", "metadata-action": "docker/metadata-action"}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def import_page(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Where rules are pasted; a POST shows what became of them, with the rules in the editor. Saves nothing."""
    repository = find_repository(request, namespace, name, role=Role.WRITE)
    source = find_source(repository)
    context: dict[str, Any] = {"repository": repository, "tab": "rules", "source": source, "kinds": KINDS}
    context["saved_rules"] = source.rules.count() if source else 0
    if request.method == "POST" and source is not None:
        context |= _imported(request, source)
    return render(request, "builds/repository_rules_import.html", context)


def _imported(request: HttpRequest, source: Source) -> dict[str, Any]:
    kind = request.POST.get("kind", "docker-hub")
    text = request.POST.get("text", "")[: MAX_PASTE + 1]
    found = read_pasted(kind, text, default_branch=source.default_branch)
    adds = request.POST.get("how") == "add"
    form = RulesForm.imported(source.rules.all() if adds else (), found.rules)
    rules = [RuleFileRule(spec) for spec in found.rules]
    return {
        "kind": kind if kind in KINDS else "docker-hub",
        "text": text,
        "how": "add" if adds else "replace",
        "found": found,
        "counts": {level: sum(line.level == level for line in found.report) for level in ("same", "changed", "lost")},
        "file_name": FILE_NAME,
        "as_file": write_rules_file(rules, schema_url=schema_url(request)) if rules else "",
        "form": form,
        "is_dirty": True,
        **effects(source, form),
    }


def read_pasted(kind: str, text: str, *, default_branch: str = "") -> Imported:
    """What was pasted, read as rules of `kind` (a key of KINDS)."""
    if kind == "metadata-action":
        return import_metadata_action(text, default_branch=default_branch or "main")
    return import_docker_hub(text)


@require_safe
def export(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The rules as `.imageyard.yml`, to read and to copy; `?download=1` gives the file itself."""
    repository = find_repository(request, namespace, name)
    source = find_source(repository)
    text = written_rules(source, schema_url(request)) if source else ""
    if "download" in request.GET:
        return as_file(text)
    context = {
        "repository": repository,
        "tab": "rules",
        "source": source,
        "text": text,
        "rules_total": source.rules.count() if source else 0,
        "file_name": FILE_NAME,
    }
    return render(request, "builds/repository_rules_export.html", context)


def as_file(text: str) -> HttpResponse:
    """The text as a file that browsers keep under its name."""
    answer = HttpResponse(text, content_type="application/yaml; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{FILE_NAME}"'
    return answer


def schema_url(request: HttpRequest) -> str:
    """Where this Imageyard publishes the file's shape, for editors."""
    return request.build_absolute_uri(static(SCHEMA_PATH))
