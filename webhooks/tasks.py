"""Celery's doorbell for what goes out: each task calls one function, and may be lost or doubled without harm."""

from __future__ import annotations

from celery import shared_task

from lib.clock import database_now


@shared_task(name="webhooks.tick")
def tick() -> None:
    """Every 10 s from beat: read what happened to builds."""
    from webhooks.actions.outbox import read_build_events

    read_build_events(database_now())


@shared_task(name="webhooks.read_build_events")
def read_build_events() -> None:
    """Read what happened to builds; rung when one ends."""
    from webhooks.actions.outbox import read_build_events as read

    read(database_now())


@shared_task(name="webhooks.hourly")
def hourly() -> None:
    """What need not be done often: old events go."""
    from webhooks.actions.outbox import forget_read_events

    forget_read_events(database_now())
