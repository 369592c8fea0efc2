"""A repository and its forge: which connection and repository it is, what is installed there, and what is not right."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Role
from builds.core.cloneurl import parse_clone_url
from builds.core.errors import BuildError
from builds.models import Source
from builds.views.lookup import find_repository, find_source, person
from lib.refusal import Refused
from registry.models import Repository
from webhooks.actions import links
from webhooks.actions.connections import request_listing
from webhooks.models import ForgeConnection, ListedRepository, SourceLink
from webhooks.views.forge_list import picked

MOST_HOOKS = 50
_ID_DIGITS = 12


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def forge(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The page; `?part=state` what a worker found, `?part=repositories` the list to choose from. A POST chooses."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    if request.method == "POST":
        return _choose(request, repository)
    part = request.GET.get("part", "")
    if part == "repositories":
        return render(request, "webhooks/_forge_repositories.html", _list_context(request, repository))
    link = _link_of(repository)
    if part == "state" and link is not None:
        return render(request, "webhooks/_forge_state.html", {"repository": repository, "link": link})
    return _page(request, repository)


def _page(request: HttpRequest, repository: Repository, *, problem: str = "", status: int = 200) -> HttpResponse:
    link, source = _link_of(repository), find_source(repository)
    context = {
        "repository": repository,
        "tab": "settings",
        "source": source,
        "link": link,
        "problem": problem,
        "typed": request.POST.get("full_name", ""),
        "cloned": cloned_path(source),
        "is_another": link is not None and cloned_path(source).lower() not in ("", link.full_name.lower()),
        "is_choosing": link is None or "choose" in request.GET or bool(problem),
        **_list_context(request, repository),
    }
    return render(request, "webhooks/forge.html", context, status=status)


def cloned_path(source: Source | None) -> str:
    """`acme/web` of the source's clone URL; "" where that does not say."""
    try:
        return parse_clone_url(source.clone_url).name if source else ""
    except BuildError:
        return ""


def _list_context(request: HttpRequest, repository: Repository) -> dict[str, Any]:
    """The connections that fit the source, the chosen one, and what of its list matches."""
    source = find_source(repository)
    rows = ForgeConnection.objects.filter(namespace=repository.namespace_id).for_page()
    fitting = [row for row in rows if source is None or row.forge == source.forge]
    linked = SourceLink.objects.filter(source__repository=repository).values_list("connection_id", flat=True).first()
    asked = request.GET.get("connection", "") or request.POST.get("connection", "") or str(linked or "")
    chosen = next((row for row in fitting if str(row.pk) == asked), fitting[0] if fitting else None)
    return {
        "repository": repository,
        "connections": fitting,
        "other_connections": len(rows) - len(fitting),
        "chosen": chosen,
        **picked(chosen, request.GET.get("q"), cloned_path(source)),
    }


def _choose(request: HttpRequest, repository: Repository) -> HttpResponse:
    """Link the source, made from the list where there is none yet."""
    connection = _posted_connection(request, repository)
    if connection is None:
        return _page(request, repository, problem="This connection is gone. Choose another one.", status=422)
    full_name = request.POST.get("full_name", "").replace("\0", "")[:300]
    try:
        source = find_source(repository) or _new_source(request, repository, connection, full_name)
        links.link_source(person(request), source, connection, full_name)
    except Refused as refused:
        return _page(request, repository, problem=refused.sentence, status=422)
    messages.success(request, f"{repository.path} is {full_name} now. A worker looks at its webhooks there.")
    return redirect("settings-forge", *repository.path.split("/"))


def _posted_connection(request: HttpRequest, repository: Repository) -> ForgeConnection | None:
    asked = request.POST.get("connection", "")
    if not asked.isdigit() or len(asked) > _ID_DIGITS:
        return None
    return ForgeConnection.objects.filter(namespace=repository.namespace_id, pk=int(asked)).first()


def _new_source(request: HttpRequest, repository: Repository, connection: ForgeConnection, full_name: str) -> Source:
    listed = ListedRepository.objects.filter(connection=connection, full_name=full_name.strip()).first()
    if listed is None:
        raise Refused("Choose the repository from the list, or link a Git repository in the settings first.")
    return links.make_source(person(request), repository, listed)


@login_required
@require_POST
def refresh(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Have a worker list the repositories of a connection anew."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    connection = _posted_connection(request, repository)
    if connection is None:
        raise Http404("There is no such connection in this namespace.")
    request_listing(connection)
    address = redirect("settings-forge", namespace, name)
    address["Location"] += f"?choose&connection={connection.pk}"
    return address


@login_required
@require_POST
def errand(request: HttpRequest, namespace: str, name: str, what: str) -> HttpResponse:
    """Have a worker do something at the forge, or switch the reporting of statuses, or forget the link."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    link = _link_of(repository)
    if link is None:
        raise Http404(f"{repository.path} is linked to no repository at a forge yet.")
    actor, hooks = person(request), [one[:64] for one in request.POST.getlist("hook")[:MOST_HOOKS]]
    if what == "install":
        links.install(actor, link)
    elif what == "look":
        links.ask(link, SourceLink.Errand.LOOK)
    elif what == "mend":
        links.mend(actor, link, hooks)
    elif what == "remove":
        links.remove(actor, link, hooks)
    elif what == "reporting":
        links.set_reporting(actor, link, reports=request.POST.get("reports") == "on")
        messages.success(
            request, "The forge is told how builds end." if link.reports_status else "The forge is told nothing."
        )
    elif what == "unlink":
        links.unlink_source(actor, link)
        messages.success(request, "The link is gone. The webhook and the key stay at the forge and go on working.")
    else:
        raise Http404("There is nothing here.")
    if what != "unlink" and request.headers.get("HX-Request") == "true":
        return render(request, "webhooks/_forge_state.html", {"repository": repository, "link": link})
    return redirect("settings-forge", namespace, name)


def _link_of(repository: Repository) -> SourceLink | None:
    link = SourceLink.objects.select_related("connection", "source").filter(source__repository=repository)
    found = link.defer("connection__token", "connection__private_key").first()
    if found is not None:
        found.source.repository = repository
    return found
