"""Tags for the page of triggers: what a call came to. No queries."""

from __future__ import annotations

from django import template

from webhooks.models import TriggerCall

register = template.Library()

Status = TriggerCall.Status
_LOOK = {
    Status.BUILT: ("ok", "hammer"),
    Status.NOTHING: ("idle", "circle-dashed"),
    Status.MALFORMED: ("bad", "shield-x"),
    Status.LIMITED: ("warn", "clock-off"),
}


@register.inclusion_tag("partials/state_pill.html")
def trigger_pill(call: TriggerCall) -> dict[str, str]:
    """`{% trigger_pill call %}`: one word, one colour, one icon; how often, where a flood shares the row."""
    tone, icon_name = _LOOK[Status(call.status)]
    times = f"{call.times:,} times" if call.times > 1 else ""
    return {"tone": tone, "icon_name": icon_name, "word": call.get_status_display(), "more": times}
