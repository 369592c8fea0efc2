"""Pauses: an administrator's word that a host, or every worker, takes no new build for now."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import models
from django.utils import timezone
from django.utils.timezone import localtime

REASON_LENGTH = 200
EVERY_HOST = ""


class PauseQuerySet(models.QuerySet["Pause"]):
    def standing(self) -> Pauses:
        """All that stand now, in one query."""
        found = {pause.host: pause for pause in self}
        return Pauses(queue=found.pop(EVERY_HOST, None), hosts=found)


class Pause(models.Model):
    """One pause; it ends when its row goes. It is kept by host and not by worker, so that it outlasts a restart."""

    host = models.CharField(max_length=255, unique=True, blank=True, help_text="Empty: the whole queue.")
    at = models.DateTimeField(default=timezone.now)
    by = models.CharField(max_length=150)
    reason = models.CharField(max_length=REASON_LENGTH)

    objects = PauseQuerySet.as_manager()

    class Meta:
        ordering = ["host"]

    def __str__(self) -> str:
        return self.host or "the queue"

    @property
    def sentence(self) -> str:
        """`Paused by admin since 12:04: disk exchange.`"""
        at, now = localtime(self.at), localtime()
        since = f"{at:%H:%M}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M}"
        return f"Paused by {self.by} since {since}: {self.reason.rstrip('.')}."


@dataclass(frozen=True, slots=True)
class Pauses:
    """What is paused: the queue, or some hosts by their names."""

    queue: Pause | None = None
    hosts: dict[str, Pause] = field(default_factory=dict)

    def of(self, host: str) -> Pause | None:
        """Why a worker of this host takes nothing new; None where it may."""
        return self.queue or self.hosts.get(host)
