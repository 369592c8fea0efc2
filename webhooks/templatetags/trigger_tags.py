"""Tags for the page of triggers: what a call came to. No queries."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from builds.templatetags.pills import pill
from webhooks.models import TriggerCall

register = template.Library()

Status = TriggerCall.Status
_LOOK = {
    Status.BUILT: ("ok", "hammer"),
    Status.NOTHING: ("idle", "circle-dashed"),
    Status.MALFORMED: ("bad", "shield-x"),
    Status.LIMITED: ("warn", "clock-off"),
}


@register.simple_tag
def trigger_pill(call: TriggerCall) -> SafeString:
    """`{% trigger_pill call %}`: one word, one colour, one icon; how often, where a flood shares the row."""
    tone, icon_name = _LOOK[Status(call.status)]
    times = f"{call.times:,} times" if call.times > 1 else ""
    return pill(tone, icon_name, call.get_status_display(), more=times)
