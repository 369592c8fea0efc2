"""What people did with a tag and may do: the last order, the way back, who holds it, whether it ever moves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from builds.actions.fixed_tags import fixed_tags_of
from builds.actions.origins import tag_place
from builds.actions.tag_orders import deleted_from
from builds.core.tags import is_reserved
from builds.models import TagOrder
from builds.views.lookup import access_to
from builds.views.promotions import promoted_to, writes_somewhere
from registry.models import Repository, Tag, TagDeletion, TagMove

SHOWN = timedelta(minutes=30)
"""How long what came of an order stands above the history, which keeps it."""


def hand_of(request: HttpRequest, repository: Repository, name: str) -> dict[str, Any]:
    """For `builds/_tag_hand.html` and the links beside the history. Nine queries at most."""
    tag = Tag.objects.filter(repository=repository, name=name).first()
    order = TagOrder.objects.filter(repository=repository, tag=name).first()
    is_shown = order is not None and (order.is_open or (order.ended_at or order.asked_at) > timezone.now() - SHOWN)
    deletion = (
        TagDeletion.objects.filter(repository=repository, tag=name).exclude(state=TagDeletion.State.LISTED).first()
    )
    tells = deletion is not None and (
        deletion.is_open or (deletion.ended_at or deletion.asked_at) > timezone.now() - SHOWN
    )
    is_build_tag = is_reserved(name)
    pattern = "" if is_build_tag else fixed_tags_of(repository.pk).pattern_of(name)
    access = access_to(request, repository)
    can_write = access.can_write
    return {
        "repository": repository,
        "name": name,
        "tag": tag,
        "order": order if is_shown else None,
        "promoted_to": promoted_to(request, repository, digest=tag.digest) if tag else [],
        "can_promote": tag is not None and (can_write or writes_somewhere(request)),
        "back_to": _back_to(tag),
        "pattern": pattern,
        "at": tag_place(tag),
        "deletion": deletion if tells else None,
        "gone_from": deleted_from(repository, name) if tag is None and can_write else "",
        "can_delete": tag is not None and access.can_admin and not (deletion is not None and deletion.is_open),
        "can_release": can_write,
        "can_move": can_write and tag is not None and not pattern and not is_build_tag,
    }


def _back_to(tag: Tag | None) -> str:
    """The digest that the tag had before a person moved it; "" where a build moved it last."""
    if tag is None:
        return ""
    last = TagMove.objects.filter(repository_id=tag.repository_id, tag=tag.name, moved=True).first()
    if last is None or not last.by or last.to_digest != tag.digest or last.from_digest == tag.digest:
        return ""
    return last.from_digest
