"""The webhook of a source as a forge should have it: where it calls, with which secret, for what."""

from __future__ import annotations

from django.conf import settings

from builds.models import Source
from webhooks.forges import HookWish


def webhook_address(source: Source) -> str:
    return f"{settings.PUBLIC_URL}/webhooks/{source.forge}/{source.pk}"


def wished_hook(source: Source) -> HookWish:
    """Pull requests are asked for only where the source builds them."""
    return HookWish(
        webhook_address(source),
        source.webhook_secret,
        pull_requests=source.pull_requests != Source.PullRequests.OFF,
    )
