"""What forges shall say of commits: wanted here, in the transaction that learned of it, and sent by a worker later."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from builds.models import Build, BuildEvent, Source
from lib.clock import database_now
from lib.queue import enqueue
from webhooks.actions.status_words import Wish, context_of, rule_facts, skipped_wish, twin_of, wish_of
from webhooks.models import CommitStatus, Delivery, ForgeConnection, SourceLink
from webhooks.providers import ManyPushes, PushEvent

KEPT = timedelta(days=30)
GIVE_UP = timedelta(days=3)
_TOLD_OF = ("queued", "state", "finished")
_BATCH = 2_000


def follow_build(event: BuildEvent) -> None:
    """A consumer of the outbox of builds: what happened to a build, for the commit that it is of."""
    if event.kind in _TOLD_OF and _reports(event.build.source_id):
        want_for_build(event.build)


def _reports(source_id: UUID | None) -> bool:
    return source_id is not None and SourceLink.objects.filter(source_id=source_id, reports_status=True).exists()


def want_for_build(build: Build) -> None:
    """The forge shall know how this build stands now, unless a newer one of its commit and rule has the word.

    The build is read anew once the row is locked: of two readers the later one then writes the later state.
    """
    source_id = build.source_id
    if not build.commit or source_id is None:
        return  # the commit is not known before the checkout; the next event tells it
    fresh = Build.objects.select_related("repository__namespace", "rule", "superseded_by")
    build = fresh.get(pk=build.pk)
    context = context_of(build.repository.path, build.plan, twin_of(build.rule) if build.rule else 0)
    with transaction.atomic():
        row, made = CommitStatus.objects.select_for_update().get_or_create(
            source_id=source_id,
            commit=build.commit,
            context=context,
            defaults={"build": build, "build_number": build.number, **_fields(wish_of(build))},
        )
        if made:
            _ring()
        elif row.build_number <= build.number:
            _want(row, wish_of(fresh.get(pk=build.pk)), build)


def want_for_skipped(delivery: Delivery, source: Source, event: object) -> None:
    """A push that was skipped by its message: every rule that would have built it says so at the forge."""
    if not _reports(source.pk):
        return
    changes = event.changes if isinstance(event, ManyPushes) else (event,)
    by_ref = {(one["ref_type"], one["ref"]): one for one in delivery.changes}
    rules = {rule.pk: rule for rule in source.rules.filter(autobuild=True)}
    for change in changes:
        if not isinstance(change, PushEvent) or not change.commit:
            continue
        told = by_ref.get(
            (change.ref.type, change.ref.name), {"status": delivery.status, "sentence": delivery.sentence}
        )
        if told["status"] != Delivery.Status.SKIPPED:
            continue
        wish = skipped_wish(delivery, str(told["sentence"]))
        for verdict in delivery.verdicts:
            is_of_ref = (verdict["ref_type"], verdict["ref"]) == (change.ref.type, change.ref.name)
            if is_of_ref and verdict["matched"] and verdict["rule_id"] in rules:
                rule = rules[verdict["rule_id"]]
                context = context_of(source.repository.path, rule_facts(rule), twin_of(rule))
                _want_skipped(source, change.commit, context, wish)


def _want_skipped(source: Source, commit: str, context: str, wish: Wish) -> None:
    row, made = CommitStatus.objects.select_for_update().get_or_create(
        source=source, commit=commit, context=context, defaults=_fields(wish)
    )
    if made:
        _ring()
    elif not row.build_number:  # a commit that was built once is not skipped by a second push of it
        _want(row, wish, None)


def _fields(wish: Wish) -> dict[str, object]:
    now = database_now()
    return {
        "state": wish.state,
        "description": wish.description,
        "target_url": wish.target_url,
        "wanted_at": now,
        "next_at": now,
    }


def _want(row: CommitStatus, wish: Wish, build: Build | None) -> None:
    """A newer wish takes the place of the one before, sent or not: only the newest has to arrive."""
    if (row.state, row.description, row.target_url) == (wish.state, wish.description, wish.target_url):
        return
    CommitStatus.objects.filter(pk=row.pk).update(
        revision=F("revision") + 1,
        build=build,
        build_number=build.number if build else 0,
        tries=0,
        is_given_up=False,
        sentence="",
        http_status=None,
        confirmed_at=None,
        **_fields(wish),
    )
    _ring()


def want_again(row: CommitStatus) -> None:
    """The forge says something else than it was told: tell it once more."""
    CommitStatus.objects.filter(pk=row.pk, revision=row.revision).update(
        revision=F("revision") + 1, tries=0, is_given_up=False, next_at=database_now(), confirmed_at=None
    )
    _ring()


def _ring() -> None:
    enqueue("webhooks.send_statuses", expires_s=60)


def wake_statuses(connection: ForgeConnection) -> None:
    """What waited for this connection is tried at once, also what it was refused for good: its token is another one."""
    links = connection.links.filter(reports_status=True)
    rows = CommitStatus.objects.filter(source_id__in=links.values("source_id"), told_revision__lt=F("revision"))
    if rows.filter(wanted_at__gt=database_now() - GIVE_UP).update(next_at=database_now(), is_given_up=False):
        _ring()


def give_up_old(now: datetime) -> int:
    """What no forge took for three days is not tried any more; gives how many."""
    rows = CommitStatus.objects.untold().filter(wanted_at__lt=now - GIVE_UP)
    return rows.update(is_given_up=True, lease_until=None)


def forget_statuses(now: datetime) -> None:
    """Rows of a month ago go, a bounded number at a time."""
    old = CommitStatus.objects.filter(wanted_at__lt=now - KEPT).order_by("wanted_at")
    CommitStatus.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:_BATCH])).delete()


def any_due(now: datetime | None = None) -> bool:
    """Whether a worker has something to send."""
    return CommitStatus.objects.due(now or timezone.now()).exists()
