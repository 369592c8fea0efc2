"""Settings of a repository: what it says of itself, its source with credentials and webhook, and its end."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as product
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Role
from builds.actions import make_deploy_key, renew_webhook_secret, request_probe, save_source, trust_host_keys
from builds.actions.repositories import remove_repository
from builds.core.forge_pages import hooks_page, keys_page
from builds.forms import DeleteForm, HostKeysForm, RepositorySettingsForm, SourceForm
from builds.models import Source
from builds.views.lookup import find_repository, find_source, person
from lib import shown_once
from lib.refusal import Refused
from registry.actions import set_overview, update_repository
from registry.models import Repository

_LOOPBACK = ("localhost", "127.", "[::1]", "0.0.0.0")  # noqa: S104 — compared with, not bound to


@login_required
@require_safe
def settings(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Every section; with `?part=probe` what a worker found when it last looked at the source."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    if request.GET.get("part") == "probe":
        context = {"repository": repository, "source": find_source(repository)}
        return render(request, "builds/_source_probe.html", context)
    return _page(request, repository)


def _page(request: HttpRequest, repository: Repository, *, status: int = 200, **forms: Any) -> HttpResponse:
    source = find_source(repository)
    context = {
        "repository": repository,
        "tab": "settings",
        "general_form": RepositorySettingsForm(
            initial={
                name: getattr(repository, name)
                for name in ("description", "visibility", "shows_readme", "syncs_description")
            }
        ),
        "source_form": SourceForm.of(source),
        "host_keys_form": HostKeysForm(initial={"known_hosts": source.ssh_known_hosts if source else ""}),
        "delete_form": DeleteForm(repository),
        **source_facts(request, source),
        **forms,
    }
    return render(request, "builds/repository_settings.html", context, status=status)


def source_facts(request: HttpRequest, source: Source | None, *, shows_secret: bool = True) -> dict[str, Any]:
    """What pages say of a source: its webhook address, its secret if it was made just now, and where to click.

    A page that does not show the secret leaves it for the one that does.
    """
    if source is None:
        return {"source": None}
    return {
        "source": source,
        "webhook_url": f"{product.PUBLIC_URL}/webhooks/{source.forge}/{source.pk}",
        "webhook_secret": shown_once.take(request, f"webhook:{source.pk}") if shows_secret else "",
        "hooks_page": hooks_page(source.forge, source.clone_url),
        "keys_page": keys_page(source.forge, source.clone_url),
        "is_ssh": source.clone_url.startswith("ssh://") or "://" not in source.clone_url,
        "is_unreachable": (urlsplit(product.PUBLIC_URL).netloc).startswith(_LOOPBACK),
    }


@login_required
@require_POST
def general(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    form = RepositorySettingsForm(request.POST)
    if not form.is_valid():
        return _page(request, repository, general_form=form, status=422)
    given = form.cleaned_data
    update_repository(person(request), repository, description=given["description"], visibility=given["visibility"])
    set_overview(
        person(request),
        repository,
        shows_readme=given["shows_readme"],
        syncs_description=given["syncs_description"],
    )
    messages.success(request, "Saved.")
    return redirect("repository-settings", namespace, name)


@login_required
@require_POST
def link(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Link the Git repository, or change the link."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    form = SourceForm(request.POST)
    if save_link(request, repository, form):
        messages.success(request, "Saved. A worker looks at the Git repository now.")
        return redirect("repository-settings", namespace, name)
    return _page(request, repository, source_form=form, status=422)


def save_link(request: HttpRequest, repository: Repository, form: SourceForm) -> bool:
    """Save the form's source; False with the problem at its field where that cannot be."""
    if not form.is_valid():
        return False
    try:
        saved = save_source(person(request), repository, form.draft())
    except Refused as refused:
        form.add_error("clone_url", refused.sentence)
        return False
    if saved.new_secret:
        shown_once.keep(request, f"webhook:{saved.source.pk}", saved.new_secret)
    return True


@login_required
@require_POST
def probe(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Ask a worker to look again."""
    repository, source = _source(request, namespace, name)
    request_probe(source)
    if request.headers.get("HX-Request") == "true":
        return render(request, "builds/_source_probe.html", {"repository": repository, "source": source})
    return _back(request, repository)


@login_required
@require_POST
def webhook_secret(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """A new secret, which the next page shows once."""
    repository, source = _source(request, namespace, name)
    shown_once.keep(request, f"webhook:{source.pk}", renew_webhook_secret(person(request), source))
    return _back(request, repository, "webhook")


@login_required
@require_POST
def deploy_key(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """A new deploy key in place of the old one."""
    repository, source = _source(request, namespace, name)
    make_deploy_key(person(request), source)
    messages.success(
        request, "There is a new deploy key. Add its public half to the forge, and remove the old one there."
    )
    return _back(request, repository, "access")


@login_required
@require_POST
def host_keys(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    repository, source = _source(request, namespace, name)
    form = HostKeysForm(request.POST)
    if not form.is_valid():
        return _page(request, repository, host_keys_form=form, status=422)
    try:
        trust_host_keys(person(request), source, form.cleaned_data["known_hosts"])
    except Refused as refused:
        form.add_error("known_hosts", refused.sentence)
        return _page(request, repository, host_keys_form=form, status=422)
    messages.success(request, "These host keys are trusted now. A worker looks at the Git repository again.")
    return _back(request, repository, "access")


@login_required
@require_POST
def delete(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The end of a repository, once its name was typed."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    form = DeleteForm(repository, request.POST)
    if form.is_valid():
        try:
            remove_repository(person(request), repository)
        except Refused as refused:
            form.add_error(None, refused.sentence)
        else:
            messages.success(request, f"{repository.path} is deleted. Its images stay in the registry.")
            return redirect("home")
    return _page(request, repository, delete_form=form, status=422)


def _source(request: HttpRequest, namespace: str, name: str) -> tuple[Repository, Source]:
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    source = find_source(repository)
    if source is None:
        raise Http404(f"No Git repository is linked to {repository.path} yet. Link one first.")
    return repository, source


def _back(request: HttpRequest, repository: Repository, section: str = "access") -> HttpResponse:
    """To the section of the settings, or to the step of the guide, that the form stood in."""
    path = [repository.namespace.name, repository.name]
    if request.POST.get("next") == "setup":
        step = "webhook" if section == "webhook" else "source"
        return redirect(f"{reverse('repository-setup', args=path)}?step={step}")
    return redirect(f"{reverse('repository-settings', args=path)}#{section}")
