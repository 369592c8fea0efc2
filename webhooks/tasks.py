"""Celery's doorbell for what goes out: each task calls one function, and may be lost or doubled without harm."""

from __future__ import annotations

from celery import shared_task

from lib.clock import database_now


@shared_task(name="webhooks.tick")
def tick() -> None:
    """Every 10 s from beat: read what happened to builds, and ring for what waits to be told or asked at forges."""
    from webhooks.actions.forge_bells import ring_for_forges
    from webhooks.actions.outbox import read_build_events
    from webhooks.actions.subscriptions import ring_for_notifications

    now = database_now()
    read_build_events(now)
    ring_for_forges(now)
    ring_for_notifications(now)


@shared_task(name="webhooks.read_build_events")
def read_build_events() -> None:
    """Read what happened to builds; rung when one ends."""
    from webhooks.actions.outbox import read_build_events as read

    read(database_now())


@shared_task(name="webhooks.hourly")
def hourly() -> None:
    """What need not be done often: old rows go, and forges are asked whether they know what they should."""
    from webhooks.actions.outbox import forget_read_events
    from webhooks.actions.statuses import forget_statuses, give_up_old
    from webhooks.actions.subscriptions import forget_notifications
    from webhooks.errands.reconcile import reconcile

    now = database_now()
    forget_read_events(now)
    forget_notifications(now)
    give_up_old(now)
    forget_statuses(now)
    reconcile(now)


@shared_task(name="webhooks.send_statuses")
def send_statuses() -> None:
    """Tell forges how builds stand."""
    from webhooks.errands.statuses import send_statuses as send

    send(database_now())


@shared_task(name="webhooks.send_notification")
def send_notification(notification_id: str) -> None:
    """Tell one receiver of one event, and of what else waits for it."""
    from webhooks.errands.notifications import send_waiting as send

    send(notification_id, database_now())


@shared_task(name="webhooks.check_connection")
def check_connection(connection_id: int) -> None:
    """Ask a forge whose token a connection has."""
    from webhooks.errands.connections import check_connection as check

    check(connection_id)


@shared_task(name="webhooks.list_repositories")
def list_repositories(connection_id: int) -> None:
    """Ask a forge which repositories a connection sees."""
    from webhooks.errands.connections import list_repositories as look

    look(connection_id)


@shared_task(name="webhooks.run_forge_errand")
def run_forge_errand(link_id: int) -> None:
    """Look at, install, mend or remove webhooks at the forge."""
    from webhooks.errands.hooks import run_errand

    run_errand(link_id)
