"""Which images builds and people's orders need, whatever tags say: asked by the storage's clean-up."""

from __future__ import annotations

from django.db.models import Q

from builds.core.states import ACTIVE
from builds.models import Build, DebugImage, TagOrder
from registry.actions.keeping import Needs


def needed_digests(repository_id: int) -> Needs:
    """Images that an order is about to tag or copy, that builds under way have pushed, and debug images that live."""
    orders = TagOrder.objects.filter(
        Q(repository=repository_id) | Q(source=repository_id), state__in=[TagOrder.State.ASKED, TagOrder.State.DOING]
    )
    active = Build.objects.filter(repository=repository_id, state__in=ACTIVE)
    debug = DebugImage.objects.filter(build__repository=repository_id).exclude(
        state__in=[DebugImage.State.FAILED, DebugImage.State.EXPIRED]
    )
    digests = [rows.order_by().values_list("digest", flat=True) for rows in (orders, active, debug)]
    return Needs(
        digests={digest for each in digests for digest in each if digest},
        is_busy=active.exists() or orders.filter(repository=repository_id).exists(),
    )
