"""Tags for the page of notifications: how a message stands, and what it was of. No queries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from django import template
from django.utils.safestring import SafeString

from builds.templatetags.pills import pill
from webhooks.models import Notification, Subscription
from webhooks.senders.events import EVENTS
from webhooks.senders.targets import service_of

register = template.Library()

_S = Notification.State
_LOOK = {
    _S.QUEUED: ("idle", "clock"),
    _S.SENDING: ("run", "loader-2"),
    _S.SENT: ("ok", "check"),
    _S.GIVEN_UP: ("bad", "x"),
}


@register.simple_tag
def notification_pill(row: Notification) -> SafeString:
    """`{% notification_pill row %}`: one word, one colour, one icon."""
    tone, icon_name = _LOOK[_S(row.state)]
    if row.state == _S.QUEUED and row.attempts:
        return pill("warn", "clock", "trying again")
    return pill(tone, icon_name, row.get_state_display())


@register.filter
def event_words(name: str) -> str:
    """`first_failure` → `first failure`."""
    return name.replace("_", " ")


@register.filter
def events_told(names: Iterable[str]) -> str:
    """`["failed", "fixed"]` → `failed, fixed`; all of them are `everything`."""
    listed = [event_words(name) for name in EVENTS if name in set(names)]
    return "everything" if len(listed) == len(EVENTS) else ", ".join(listed)


@register.filter
def receiver_kind(row: Subscription) -> str:
    """`Slack`, `webhook`, `webhook in Docker Hub's format`."""
    if not row.is_webhook:
        return service_of(row.shown_target) or "message"
    return "webhook in Docker Hub's format" if row.format == Subscription.Format.DOCKER_HUB else "webhook"


@register.filter
def attempt_time(at: str) -> str:
    """`25 Nov, 08:00:12 UTC` of an attempt's ISO time."""
    return f"{datetime.fromisoformat(at).astimezone(UTC):%-d %b, %H:%M:%S} UTC"
