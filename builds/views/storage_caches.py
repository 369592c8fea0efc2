"""The build caches of hosts: what is in them, the policy, pruning by hand, and what was pruned. For administrators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from builds.actions import cache_prunes
from builds.actions.cache_prunes import Policy, policies_of
from builds.core.build_cache import AGES, CacheLimits, CacheReport
from builds.forms.storage import CachePolicyForm
from builds.models import CachePrune, Worker
from builds.views.lookup import person
from builds.views.storage import caches, must_be_superuser
from builds.views.told import do_and_tell
from lib.humanize import format_size

RUNS = 20
_TONES = ("a", "b", "c", "d", "e", "f")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the whole, in percent, with its colour."""

    name: str
    size_bytes: int
    percent: float
    tone: str


@dataclass(frozen=True, slots=True)
class CacheCard:
    """The cache of one host, with what holds for it."""

    worker: Worker
    report: CacheReport
    policy: Policy
    form: CachePolicyForm
    kinds: list[Part]
    ages: list[Part]
    open: CachePrune | None

    @property
    def host(self) -> str:
        return self.worker.host

    @property
    def says(self) -> str:
        """What goes by itself, and by whose word."""
        if not self.policy.may_prune:
            return (
                f"Nothing goes by itself: the builder {self.report.builder} may be used by others too. Set a policy "
                "for this host, or IMAGEYARD_CACHE=own, to have it pruned."
            )
        if self.policy.limits.is_empty:
            return "Nothing goes by itself, unless a disk is nearly full."
        who = f"set by {self.policy.set_by}" if self.policy.set_by else "from the environment"
        every = "" if self.policy.host or not self.policy.set_by else " for every host"
        return f"Kept: {cache_prunes.said(self.policy.limits)} ({who}{every}). More goes when the host is idle."

    @property
    def would_go(self) -> str:
        """What a pruning by hand takes."""
        size = format_size(max(0, min(self.report.reclaimable_bytes, self.report.private_bytes)))
        return (
            f"Everything that no build uses just now goes from the cache of the builder {self.report.builder} of "
            f"{self.host}: about {size}. The next builds take longer. Images stay."
        )


@login_required
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """All hosts, and what was pruned lately."""
    must_be_superuser(request)
    found = caches()
    policies = policies_of([worker.host for worker, _ in found])
    running = {prune.host: prune for prune in CachePrune.objects.filter(state__in=["asked", "running"])}
    cards = [_card(worker, report, policies[worker.host], running.get(worker.host)) for worker, report in found]
    runs = CachePrune.objects.exclude(state__in=["asked", "running"])[:RUNS]
    return render(request, "builds/storage_caches.html", {"cards": cards, "runs": runs})


@login_required
@require_POST
def policy(request: HttpRequest) -> HttpResponse:
    """Set the policy of a host, or take it back (`?take-back`)."""
    must_be_superuser(request)
    host = request.POST.get("host", "")
    if "take_back" in request.POST:
        told = f"The policy of {host} is taken back."
        return _do(request, lambda: cache_prunes.set_policy(person(request), host, None), told)
    form = CachePolicyForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect("storage-caches")
    limits = CacheLimits(form.cleaned_data["keep"], form.cleaned_data["days"])
    act: Callable[[], Any] = lambda: cache_prunes.set_policy(person(request), host, limits)  # noqa: E731
    kept = "nothing goes by itself" if limits.is_empty else f"kept is {cache_prunes.said(limits)}"
    return _do(request, act, f"On {host or 'every host'} {kept}.")


@login_required
@require_POST
def prune(request: HttpRequest) -> HttpResponse:
    """Prune the cache of a host now."""
    must_be_superuser(request)
    host = request.POST.get("host", "")
    told = f"{host} prunes its build cache within seconds; what came of it is below."
    return _do(request, lambda: cache_prunes.ask_prune(person(request), host, CacheLimits()), told)


def _card(worker: Worker, report: CacheReport, held: Policy, running: CachePrune | None) -> CacheCard:
    form = CachePolicyForm(
        initial={"keep": held.limits.keep_bytes, "days": held.limits.unused_days}, auto_id=f"{worker.pk}-%s"
    )
    return CacheCard(
        worker, report, held, form, parts(_largest_first(report.types)), parts(_in_order(report.ages)), running
    )


def _largest_first(sizes: dict[str, int]) -> dict[str, int]:
    """PostgreSQL keeps the keys of a document in an order of its own."""
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def _in_order(sizes: dict[str, int]) -> dict[str, int]:
    return {name: sizes[name] for name, _ in AGES if name in sizes}


def parts(sizes: dict[str, int]) -> list[Part]:
    """Shares of the sum, in the order given; the smallest together where there are too many to tell apart."""
    whole = sum(sizes.values()) or 1
    rows = [(name, size) for name, size in sizes.items() if size > 0]
    if len(rows) > len(_TONES):
        rest = rows[len(_TONES) - 1 :]
        rows = [*rows[: len(_TONES) - 1], ("other", sum(size for _, size in rest))]
    return [
        Part(name, size, round(100 * size / whole, 2), tone) for (name, size), tone in zip(rows, _TONES, strict=False)
    ]


def _do(request: HttpRequest, act: Callable[[], Any], told: str) -> HttpResponse:
    return do_and_tell(request, act, told, then="storage-caches")
