"""What needs a person: rules that fail, workers that are missing, builders that do not answer, disks that fill."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from django.db.models import Exists, F, OuterRef, Subquery
from django.urls import reverse
from django.utils import timezone

from accounts.access import member_of
from accounts.models import Role
from builds.core.states import FINAL, State
from builds.models import Build, BuildRule, CatchUp, Pause, Worker
from lib.humanize import plural
from registry.core.rate import LOW_PART, WINDOW_S
from registry.models import Registry, Repository

MOST = 6
# Failures are looked at from the newest: a bound keeps the page as fast with a million builds as with ten.
LOOK_BACK = 300
FEW = 200
# What a notice names of where it belongs to; a source also has its refs, which may be many.
_BUILD = ("repository__name", "repository__namespace__name")
_NAMED = tuple(f"source__{column}" for column in _BUILD)


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that waits for a person: what it is, in words, and where to go."""

    tone: Literal["bad", "warn"]
    icon: str
    title: str
    sentence: str
    url: str
    build: Build | None = None


def notices_for(user: Any) -> list[Notice]:
    """Everything that needs the person, most urgent first; empty when all is well. One query for each kind."""
    mine = [*_questions(user), *_missed_pushes(user), *_paused_rules(user), *_failing_rules(user)]
    return [*_workers(), *_few_pulls(user), *mine]


def _few_pulls(user: Any) -> Iterator[Notice]:
    """Superusers hear that a registry will soon give no more images, before builds fail for it."""
    if not user.is_superuser:
        return
    fresh = timezone.now() - timedelta(seconds=WINDOW_S)
    few = Registry.objects.for_page().filter(rate_limit__gte=F("rate_remaining") * LOW_PART, rate_seen_at__gt=fresh)
    for row in few[:MOST]:
        rate = row.rate
        if rate is not None:
            text = f"{rate.sentence} Use an account with more, or switch the cache for Docker Hub on."
            yield Notice("warn", "database", f"{row.host} gives few more images", text, reverse("registries"))


def _workers() -> Iterator[Notice]:
    queue = reverse("queue")
    alive = list(Worker.objects.alive())
    yield from _pauses()
    if not alive:
        text = "Builds wait until one is. `make up` starts one; with compose it is the service `worker`."
        yield Notice("bad", "plug-connected-x", "No worker is connected", text, queue)
    for worker in alive:
        if worker.builder_fault:
            yield Notice(
                "bad", "engine-off", f"The builder of {worker.host} does not answer", worker.builder_fault, queue
            )
        if worker.disk_fault:
            title = f"{worker.host} takes no builds: a disk is nearly full"
            yield Notice("bad", "database-exclamation", title, worker.disk_fault, queue)


def _pauses() -> Iterator[Notice]:
    """Whoever waits sees who keeps it back and why."""
    for pause in Pause.objects.all()[:MOST]:
        title = f"{pause.host} is paused" if pause.host else "The queue is paused"
        yield Notice("warn", "player-pause", title, pause.sentence, reverse("queue"))


def _missed_pushes(user: Any) -> Iterator[Notice]:
    """Pushes that Imageyard did not hear of, where somebody has to say what is built of them."""
    mine = member_of("source__repository__namespace", user, Role.WRITE)
    rows = CatchUp.objects.filter(mine, decided_at=None).select_related("source__repository__namespace")
    for question in rows.only("missed", *_NAMED).order_by("-pk")[:MOST]:
        repository, count = question.source.repository, len(question.missed)
        title = f"{repository.path}: {plural(count, 'push was', 'pushes were')} missed"
        refs = ", ".join(f"`{push['ref']}`" for push in question.missed[:3])
        text = f"{refs}{' and more' if count > 3 else ''}: build the newest, all or none."  # noqa: PLR2004
        yield Notice("warn", "history", title, text, f"{repository.get_absolute_url()}#missed")


def _paused_rules(user: Any) -> Iterator[Notice]:
    """Rules that build by hand alone, since they failed too often."""
    mine = member_of("source__repository__namespace", user, Role.WRITE)
    rows = BuildRule.objects.filter(mine, paused_at__isnull=False).select_related("source__repository__namespace")
    for rule in rows.only("pattern", "paused_reason", *_NAMED).order_by("-paused_at")[:MOST]:
        repository = rule.source.repository
        url = f"{reverse('repository-rules', args=[repository.namespace.name, repository.name])}#paused-{rule.pk}"
        title = f"{repository.path}: the rule {rule.pattern} is paused"
        yield Notice("warn", "player-pause", title, f"{rule.paused_reason}. Mend what fails, then resume it.", url)


def _questions(user: Any) -> Iterator[Notice]:
    """Pull requests from forks that wait for a word of somebody who may give it."""
    mine = member_of("repository__namespace", user, Role.WRITE)
    rows = Build.objects.filter(mine, state=State.QUEUED, hold="approval").select_related("repository__namespace")
    for build in rows.only("number", "pull_request", *_BUILD).order_by("pk")[:MOST]:
        asked = build.pull_request
        title = f"{build.repository.path}: pull request #{asked.get('number')} asks for your approval"
        text = f"“{asked.get('title', '')}” by {asked.get('author') or 'somebody'}, from a fork."
        address = [*build.repository.path.split("/"), build.number]
        yield Notice("warn", "git-pull-request", title, text, reverse("build-review", args=address))


def _failing_rules(user: Any) -> Iterator[Notice]:
    """Rules whose newest finished build failed.

    Who sees few repositories is asked by their rules: among all failures theirs may be far down. Who sees many, by the
    newest failures.
    """
    few = (
        None if user.is_superuser else list(Repository.objects.visible_to(user).values_list("pk", flat=True)[: FEW + 1])
    )
    if few is not None and len(few) <= FEW:
        newest = Build.objects.filter(rule=OuterRef("pk"), state__in=FINAL).order_by("-pk").values("pk")[:1]
        rules = BuildRule.objects.filter(source__repository__in=few).annotate(newest=Subquery(newest))
        rows = Build.objects.filter(pk__in=rules.values("newest"), state=State.FAILED)
    else:
        failed = Build.objects.visible_to(user).filter(state=State.FAILED, rule__isnull=False).order_by("-pk")
        newer = Build.objects.filter(rule=OuterRef("rule"), state__in=FINAL, pk__gt=OuterRef("pk"))
        rows = Build.objects.filter(pk__in=failed.values("pk")[:LOOK_BACK]).exclude(Exists(newer))
    columns = ("number", "ref_type", "ref", "error_message", "finished_at", *_BUILD)
    for build in rows.select_related("repository__namespace").only(*columns).order_by("-pk")[:MOST]:
        title = f"{build.repository.path}: {build.get_ref_type_display().lower()} {build.ref} fails"
        yield Notice("bad", "x", title, build.error_message, build.get_absolute_url(), build)
