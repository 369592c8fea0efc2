"""Tags for the pages of the ledger: what a delivery's status looks like, and what forges want pasted. No queries."""

from __future__ import annotations

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from builds.templatetags.pills import pill
from webhooks.models import Delivery
from webhooks.providers.gitlab import signing_token as gitlab_signing_token

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


@register.simple_tag
def delivery_pill(delivery: Delivery) -> SafeString:
    """`{% delivery_pill delivery %}`: one word, one colour, one icon; how often, where a flood shares the row."""
    times = f"{delivery.times:,} times" if delivery.times > 1 else ""
    return _pill(Status(delivery.status), times)


@register.simple_tag
def status_pill(status: str) -> SafeString:
    """`{% status_pill change.status %}`: the same of one ref among several."""
    return _pill(Status(status))


def _pill(status: Status, more: str = "") -> SafeString:
    tone, icon_name = _LOOK[status]
    return pill(tone, icon_name, str(status.label), more=more)


@register.filter
def signing_token(secret: str) -> str:
    """`{{ webhook_secret|signing_token }}`: a source's secret as GitLab's “Signing token” wants it."""
    return gitlab_signing_token(secret)


@register.simple_tag
def post_receive(webhook_url: str) -> str:
    """`{% post_receive webhook_url as script %}`: the hook for Git servers without webhooks, as plain text."""
    # Joined, because what was rendered counts as HTML and this is none: the page has to escape it.
    return "".join(["", render_to_string("webhooks/post-receive.sh", {"webhook_url": webhook_url})])
