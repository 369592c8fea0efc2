"""Tags for the pages of the ledger: what a delivery's status looks like. No queries."""

from __future__ import annotations

from django import template

from webhooks.models import Delivery

register = template.Library()

Status = Delivery.Status
# One colour and one icon for each status; the word is the status itself.
_LOOK = {
    Status.BUILT: ("ok", "hammer"),
    Status.NOTHING: ("idle", "circle-dashed"),
    Status.IGNORED: ("idle", "circle-minus"),
    Status.SKIPPED: ("idle", "player-skip-forward"),
    Status.CONNECTED: ("ok", "plug-connected"),
    Status.DUPLICATE: ("idle", "copy"),
    Status.REFUSED: ("bad", "shield-x"),
    Status.FAULT: ("warn", "alert-triangle"),
}


@register.inclusion_tag("partials/state_pill.html")
def delivery_pill(delivery: Delivery) -> dict[str, str]:
    """`{% delivery_pill delivery %}`: one word, one colour, one icon; how often, where a flood shares the row."""
    tone, icon_name = _LOOK[Status(delivery.status)]
    times = f"{delivery.times:,} times" if delivery.times > 1 else ""
    return {"tone": tone, "icon_name": icon_name, "word": delivery.get_status_display(), "more": times}
