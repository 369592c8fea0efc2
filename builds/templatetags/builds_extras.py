"""Tags and filters of every page: icons, state pills, and values as people read them. No queries."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django import template
from django.forms import BoundField
from django.template import RequestContext
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from builds.core.states import State
from builds.models import Build
from builds.templatetags.icons import draw
from builds.templatetags.pills import pill
from lib.humanize import format_ago, format_duration, format_size, plural, short_commit, short_digest

register = template.Library()

# One colour and one icon for each state; the word is the state itself.
_LOOK = {
    State.QUEUED: ("idle", "clock"),
    State.PREPARING: ("run", "loader-2"),
    State.BUILDING: ("run", "loader-2"),
    State.TESTING: ("run", "loader-2"),
    State.PUBLISHING: ("run", "loader-2"),
    State.SUCCEEDED: ("ok", "check"),
    State.FAILED: ("bad", "x"),
    State.CANCELLED: ("idle", "player-stop"),
    State.SUPERSEDED: ("idle", "player-skip-forward"),
}
_FAULTS = {
    "user": "your build",
    "source": "source",
    "registry": "registry",
    "builder": "builder",
    "timeout": "timeout",
    "limit": "limit",
    "platform": "Imageyard",
}
_BACKTICKS = re.compile(r"`([^`\n]+)`")


@register.simple_tag(name="icon")
def icon(name: str, **attributes: str) -> SafeString:
    """`{% icon "clock" class="…" %}`: the drawing, hidden from screen readers; the word stands beside it."""
    return draw(name, attributes.get("class", ""))


def tone_of(state: str) -> str:
    """ok, bad, run or idle: the last part of the CSS classes `pill-…` and `spark-…`."""
    return _LOOK[State(state)][0]


@register.simple_tag
def state_pill(build: Build) -> SafeString:
    """`{% state_pill build %}`: one word, one colour, one icon; whose fault, by whom, by which build."""
    state = State(build.state)
    tone, icon_name = _LOOK[state]
    more = ""
    if state is State.FAILED:
        more = _FAULTS.get(build.error_kind, "")
    elif build.skip_reason:
        return skipped_pill(build.skip_reason)
    elif state is State.CANCELLED and build.cancelled_by:
        more = f"by {build.cancelled_by}"
    elif state is State.SUPERSEDED and build.superseded_by_id and Build.superseded_by.is_cached(build):
        more = f"by #{build.superseded_by.number}" if build.superseded_by else ""
    title = build.error_message if state is State.FAILED else ""
    return pill(tone, icon_name, state.value, more=more, title=title, icon_class="spin" if tone == "run" else "")


@register.simple_tag
def skipped_pill(reason: str = "") -> SafeString:
    """`{% skipped_pill %}`: of a push that made no build, as its message asked for none, or there was nothing new.

    It is of what Imageyard itself ended: nobody stopped it.
    """
    return pill("idle", "player-skip-forward", "skipped", title=reason)


@register.simple_tag
def ago(at: datetime | None) -> SafeString:
    """`{% ago build.queued_at %}`: relative, with the absolute time in the title; kept fresh by ago.js."""
    if at is None:
        return mark_safe("–")
    at = at.astimezone(timezone.get_current_timezone())
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        at.isoformat(timespec="seconds"),
        at.strftime("%Y-%m-%d %H:%M:%S %Z"),
        format_ago(at, timezone.now()),
    )


@register.filter
def duration(seconds: float | None) -> str:
    """`1 m 04 s`."""
    return format_duration(seconds)


@register.filter
def build_duration(build: Build) -> float | None:
    """Seconds from the first claim to the end, or until now while it runs; None before it started."""
    if build.started_at is None:
        return None
    return ((build.finished_at or timezone.now()) - build.started_at).total_seconds()


@register.filter
def percent(share: float | None) -> str:
    """`62 %` of a share from 0 to 1."""
    return "–" if share is None else f"{share * 100:.0f} %"


@register.filter
def size(size_bytes: int | None) -> str:
    """`84.2 MB`."""
    return format_size(size_bytes)


@register.filter
def counted(count: int, nouns: str) -> str:
    """`{{ n|counted:"build" }}`, `{{ n|counted:"entry,entries" }}`."""
    one, _, many = nouns.partition(",")
    return plural(count, one, many)


@register.filter
def first_line(text: str) -> str:
    """The subject of a commit message."""
    return text.strip().partition("\n")[0]


@register.filter
def short(text: str) -> str:
    """A commit cut to 7 characters, a digest to 12."""
    return short_digest(text) if ":" in text else short_commit(text)


@register.inclusion_tag("partials/hash.html")
def commit(value: str) -> dict[str, str]:
    """`{% commit build.commit %}`: short, whole in the title, with a copy button."""
    return {"text": value, "short": short_commit(value), "label": "the commit"}


@register.inclusion_tag("partials/hash.html")
def digest(value: str, url: str = "") -> dict[str, str]:
    """`{% digest tag.digest %}`: short, whole in the title, with a copy button; a link to `url` where there is one."""
    return {"text": value, "short": short_digest(value), "label": "the digest", "url": url}


@register.filter
def dressed(field: BoundField) -> SafeString:
    """The field's widget with Tabler's classes, also where a library made the form."""
    attributes = field.field.widget.attrs
    look = "form-check-input" if field.widget_type == "checkbox" else "form-control"
    return field.as_widget(attrs={} if "class" in attributes else {"class": look})


@register.filter
def code(sentence: object) -> SafeString:
    """A sentence whose `quoted` parts are set as code; everything is escaped first."""
    escaped = conditional_escape(sentence if isinstance(sentence, SafeString) else str(sentence))
    return mark_safe(_BACKTICKS.sub(r"<code>\1</code>", escaped))  # noqa: S308 — escaped on the line above


@register.simple_tag(takes_context=True)
def with_query(context: RequestContext, **changes: Any) -> str:
    """The page's own address with some query fields changed; None or "" takes a field away."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value not in (None, ""):
            query[name] = str(value)
    return f"?{query.urlencode()}"
