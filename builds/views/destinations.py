"""Where a repository's images go: its main registry, further ones, and what became of a build's copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Role
from builds.actions.destination_pushes import ask_again
from builds.forms.destinations import PlaceForm
from builds.models import Build, DestinationPush
from builds.views.build_lookup import find_build
from builds.views.lookup import access_to, find_repository, person
from lib.refusal import Refused
from registry.actions.destinations import remove_destination, save_destination, set_main_registry
from registry.models import Destination, Repository


@login_required
@require_safe
def page(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The main registry, and where else images are copied to."""
    return _page(request, find_repository(request, namespace, name, role=Role.ADMIN))


def _page(
    request: HttpRequest,
    repository: Repository,
    *,
    main: PlaceForm | None = None,
    further: PlaceForm | None = None,
    status: int = 200,
) -> HttpResponse:
    initial = {"registry": repository.registry_id, "remote_path": repository.remote_path}
    rows = list(repository.destinations.select_related("registry").defer("registry__password"))
    newest = _newest(rows)
    context = {
        "repository": repository,
        "tab": "settings",
        "main": main or PlaceForm(repository, initial=initial, prefix="main"),
        "further": further or PlaceForm(repository, taken=True, prefix="further"),
        "destinations": [(row, newest.get(row.pk)) for row in rows],
    }
    return render(request, "builds/repository_registries.html", context, status=status)


def _newest(rows: list[Destination]) -> dict[int | None, DestinationPush]:
    """The last copy to each, with its build."""
    last = (
        DestinationPush.objects.filter(destination__in=rows).order_by().values("destination").annotate(last=Max("pk"))
    )
    found = DestinationPush.objects.filter(pk__in=[row["last"] for row in last])
    return {push.destination_id: push for push in found.select_related("build__repository__namespace")}


@login_required
@require_POST
def set_main(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Choose the main registry."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    form = PlaceForm(repository, request.POST, prefix="main")

    def act(values: dict[str, Any]) -> str:
        set_main_registry(person(request), repository, values["registry"], values["remote_path"])
        return f"Saved: the next build goes to {repository.image}. Images that are there already stay where they are."

    return _saved(request, repository, form, act) or _page(request, repository, main=form, status=422)


@login_required
@require_POST
def add(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Copy images to one more registry."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    form = PlaceForm(repository, request.POST, taken=True, prefix="further")

    def act(values: dict[str, Any]) -> str:
        made = save_destination(person(request), repository, values["registry"], values["remote_path"])
        return f"Saved: images of the next builds are copied to {made.image}."

    return _saved(request, repository, form, act) or _page(request, repository, further=form, status=422)


def _saved(
    request: HttpRequest, repository: Repository, form: PlaceForm, act: Callable[[dict[str, Any]], str]
) -> HttpResponse | None:
    if not form.is_valid():
        return None
    try:
        messages.success(request, act(form.cleaned_data))
    except Refused as refused:
        form.add_error(None, refused.sentence)
        return None
    return redirect("settings-registries", *repository.path.split("/"))


@login_required
@require_POST
def switch(request: HttpRequest, namespace: str, name: str, destination_id: int) -> HttpResponse:
    """Switch copying there on or off."""
    repository, row = _destination(request, namespace, name, destination_id)
    is_on = request.POST.get("on") == "1"
    try:
        save_destination(person(request), repository, row.registry, is_on=is_on, destination=row)
    except Refused as refused:
        messages.error(request, refused.sentence)
    else:
        told = f"Images are copied to {row.image} again." if is_on else f"Nothing is copied to {row.image} any more."
        messages.success(request, told)
    return redirect("settings-registries", namespace, name)


@login_required
@require_POST
def remove(request: HttpRequest, namespace: str, name: str, destination_id: int) -> HttpResponse:
    """Copy nothing there any more."""
    _, row = _destination(request, namespace, name, destination_id)
    remove_destination(person(request), row)
    messages.success(request, f"Removed: nothing is copied to {row.image} any more. What is there stays there.")
    return redirect("settings-registries", namespace, name)


def _destination(request: HttpRequest, namespace: str, name: str, pk: int) -> tuple[Repository, Destination]:
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    row = repository.destinations.select_related("registry").defer("registry__password").filter(pk=pk).first()
    if row is None:
        raise Http404(f"{repository.path} is not copied there; it may have been removed.")
    row.repository = repository
    return repository, row


@require_safe
def of_build(request: HttpRequest, namespace: str, name: str, number: int) -> HttpResponse:
    """The copies of one build, while they are under way."""
    found = find_build(request, namespace, name, number)
    context = {"build": found, "repository": found.repository, "pushes": pushes_of(found)}
    context["can_push"] = access_to(request, found.repository).can_write
    return render(request, "builds/_build_destinations.html", context)


def pushes_of(build: Build) -> list[DestinationPush]:
    """What became of a build's image at further registries."""
    return list(DestinationPush.objects.filter(build=build))


@require_POST
def push_again(request: HttpRequest, namespace: str, name: str, number: int, push_id: int) -> HttpResponse:
    """Copy the image of a build to one destination once more."""
    found = find_build(request, namespace, name, number, role=Role.WRITE)
    push = DestinationPush.objects.select_related("build").filter(build=found, pk=push_id).first()
    if push is None:
        raise Http404(f"Build #{number} was not copied there.")
    try:
        ask_again(person(request), push)
    except Refused as refused:
        messages.error(request, refused.sentence)
    return redirect(found.get_absolute_url())
