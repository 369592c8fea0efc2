"""The consumer that makes notifications of what happened to builds, in the outbox's transaction. Sends nothing."""

from __future__ import annotations

from collections.abc import Iterable

from builds.core.states import State
from builds.models import Build, BuildEvent
from lib.clock import database_now
from lib.queue import enqueue
from webhooks.actions.notices import body_for, docker_hub_body, message_for, said_of, tags_told
from webhooks.models import Notification, Subscription
from webhooks.models.notification import SECRETS
from webhooks.senders.events import events_of

_ENDS = (State.SUCCEEDED.value, State.FAILED.value)


def notify_followers(event: BuildEvent) -> None:
    """A consumer of the outbox of builds. Read twice, an event makes its notifications once."""
    if event.kind not in ("queued", "state", "finished", "approval_needed", "rule_paused"):
        return
    rows = Subscription.objects.filter(repository_id=event.build.repository_id, enabled=True).defer(*SECRETS)
    subscriptions = list(rows)
    if not subscriptions:
        return
    previous = previous_end(event) if event.kind == "finished" else ""
    build = Build.objects.select_related("repository__namespace", "repository__registry", "superseded_by").get(
        pk=event.build_id
    )
    names = events_of(
        event.kind,
        event.detail,
        previous=previous,
        cause=build.cause,
        skipped=bool(build.skip_reason),
        taken_again=event.kind == "state" and _was_handed_back(event),
    )
    for subscription in subscriptions:
        for row in _rows(subscription, build, event, names, first_ever=not previous):
            queue_notification(row)


def _rows(
    subscription: Subscription, build: Build, event: BuildEvent, names: tuple[str, ...], *, first_ever: bool
) -> Iterable[Notification]:
    """People get the most telling of what they chose; programs get each, since each has its own type."""
    chosen = [name for name in names if name in subscription.events]
    facts = {"subscription": subscription, "build": build, "build_event_id": event.pk}
    if subscription.is_webhook and subscription.format == Subscription.Format.DOCKER_HUB:
        if "succeeded" in names and build.is_pushed and build.tags:
            for tag in tags_told(build):
                body = docker_hub_body(build.repository, tag, build.finished_at or event.at)
                yield Notification(event="succeeded", tag=tag, body=body, **facts)
        return
    for name in chosen if subscription.is_webhook else chosen[:1]:
        said = said_of(name, build, event)
        if subscription.is_webhook:
            body = body_for(name, build, said, event)
        else:
            body = message_for(name, build, said, first_ever=first_ever)
        yield Notification(event=name, body=body, **facts)


def queue_notification(row: Notification) -> None:
    """Store one that is not there yet, and ring for it after the commit."""
    row.created_at = row.next_at = database_now()
    # Conflicts are ignored rather than looked for: two readers of one event may be here at once.
    Notification.objects.bulk_create([row], ignore_conflicts=True)
    if Notification.objects.filter(pk=row.pk).exists():
        enqueue("webhooks.send_notification", str(row.pk), expires_s=60)


def previous_end(event: BuildEvent) -> str:
    """How the run of the same rule and ref before this one ended: "succeeded", "failed", or "" where none did.

    The outbox knows the order, also of attempts; what it has forgotten after a month is asked of the builds.
    """
    build = event.build
    if build.rule_id is None:
        return ""
    alike = {"rule_id": build.rule_id, "ref_type": build.ref_type, "ref": build.ref}
    ended = BuildEvent.objects.filter(
        kind="finished",
        pk__lt=event.pk,
        detail__state__in=_ENDS,
        **{f"build__{name}": value for name, value in alike.items()},
    )
    newest = ended.order_by("-pk").values_list("detail", flat=True).first()
    if newest is not None:
        return str(newest["state"])
    before = Build.objects.filter(state__in=_ENDS, number__lt=build.number, **alike)
    return before.order_by("-number").values_list("state", flat=True).first() or ""


def _was_handed_back(event: BuildEvent) -> bool:
    """Whether the run follows one that a worker handed back, which was told already."""
    queued = BuildEvent.objects.filter(build_id=event.build_id, kind="queued", pk__lt=event.pk).order_by("-pk")
    newest = queued.values_list("attempt", "detail").first()
    return newest is not None and "reason" in newest[1]
