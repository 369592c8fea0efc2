"""The API's ledger: what came in, the verdict per rule, the builds made, and replaying. For members, as the pages."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from builds.models import Build
from builds.views.lookup import access_to, find_repository, person
from lib.paging import MOST, USUAL
from lib.refusal import Refused
from webhooks.actions import replay_delivery
from webhooks.models import Delivery
from webhooks.views.pages import builds_of

router = Router(tags=["deliveries"])
R = "/repositories/{namespace}/{name}"
MOST_BODY = 1024 * 1024


class TagOut(Schema):
    name: str
    template: str
    changed_from: str | None = Field(None, description="The illegal text that the tag was made from.")


class VerdictOut(Schema):
    ref_type: str = ""
    ref: str = ""
    rule_id: int | str | None
    rule: str
    matched: bool
    builds: bool
    reason: str
    tags: list[TagOut]
    problems: list[str]


class ChangeOut(Schema):
    ref_type: str
    ref: str
    before: str
    commit: str
    message: str
    forced: bool
    status: str
    sentence: str
    builds: list[int]


class BuildRef(Schema):
    id: int
    number: int
    state: str
    url: str


class RequestOut(Schema):
    headers: dict[str, str] = Field(description="Without signatures, cookies and tokens.")
    body: str = Field(description="As it came, up to 1 MiB of it.")
    body_bytes: int


class DeliveryOut(Schema):
    id: UUID
    repository: str
    url: str
    received_at: datetime
    event: str
    status: str
    sentence: str
    ref_type: str
    ref: str
    before: str
    commit: str
    message: str
    sender: str
    forced: bool
    times: int = Field(description="More than 1 where a flood of refusals shares this row.")
    verdicts: list[VerdictOut]
    changes: list[ChangeOut] = Field(
        description="What came of each ref, where one delivery moved several; the fields above are those of the first."
    )
    builds: list[BuildRef]
    duplicate_of: UUID | None
    replay_of: UUID | None


class DeliveryDetailOut(DeliveryOut):
    request: RequestOut


class DeliveriesOut(Schema):
    items: list[DeliveryOut]
    next: str | None


@router.get(f"{R}/deliveries", response=DeliveriesOut, summary="List deliveries")
def listing(
    request: HttpRequest, namespace: str, name: str, status: str = "", cursor: str = "", limit: int = USUAL
) -> Any:
    """What came in to a repository, newest first."""
    repository = find_repository(request, namespace, name)
    if not access_to(request, repository).is_member:
        raise Http404(f"Deliveries of {repository.path} are shown to its members.")
    rows = Delivery.objects.filter(source__repository=repository).for_list()
    if status and status not in Delivery.Status.values:
        raise Refused(f"There is no such status. Use one of: {', '.join(Delivery.Status.values)}.")
    if status:
        rows = rows.filter(status=status)
    limit = max(1, min(limit, MOST))
    found = list(_after(rows, cursor).order_by("-received_at", "-pk")[: limit + 1])
    shown, builds = found[:limit], builds_of(found[:limit])
    return {
        "items": [_out(delivery, builds[delivery.pk]) for delivery in shown],
        "next": _cursor(shown[-1]) if len(found) > limit else None,
    }


@router.get("/deliveries/{uuid:delivery_id}", response=DeliveryDetailOut, summary="Read a delivery")
def detail(request: HttpRequest, delivery_id: UUID) -> Any:
    """One delivery with its request. A duplicate or a replay shows the request of the delivery it repeats."""
    return _detail(_find(request, delivery_id))


@router.post("/deliveries/{uuid:delivery_id}/replay", response={202: DeliveryDetailOut}, summary="Replay a delivery")
def replay(request: HttpRequest, delivery_id: UUID) -> Any:
    """Judge it again with the rules as they are now; the answer is the new delivery."""
    found = _find(request, delivery_id)
    if not access_to(request, found.source.repository).can_write:
        raise PermissionDenied(f"You need the write role in {found.source.repository.namespace} to replay a delivery.")
    made = replay_delivery(person(request), found)
    return Status(202, _detail(_find(request, made.pk)))


def _find(request: HttpRequest, delivery_id: UUID) -> Delivery:
    rows = Delivery.objects.visible_to(request.user).select_related(
        "source__repository__namespace", "replay_of", "duplicate_of"
    )
    found = rows.filter(pk=delivery_id).first()
    if found is None:
        raise Http404(f"There is no delivery {delivery_id}, or you are not a member of its namespace.")
    return found


def _detail(delivery: Delivery) -> dict[str, Any]:
    original = delivery.duplicate_of or delivery.replay_of or delivery
    return {
        **_out(delivery, builds_of([delivery])[delivery.pk]),
        "request": {
            "headers": original.headers,
            "body": original.read_body(MOST_BODY).decode("utf-8", "replace"),
            "body_bytes": original.body_bytes,
        },
    }


def _out(delivery: Delivery, builds: list[Build]) -> dict[str, Any]:
    return {
        "id": delivery.pk,
        "repository": delivery.source.repository.path,
        "url": f"{settings.PUBLIC_URL}{delivery.get_absolute_url()}",
        "received_at": delivery.received_at,
        "event": delivery.event,
        "status": delivery.status,
        "sentence": delivery.sentence,
        "ref_type": delivery.ref_type,
        "ref": delivery.ref,
        "before": delivery.before,
        "commit": delivery.commit,
        "message": delivery.commit_message,
        "sender": delivery.sender,
        "forced": delivery.forced,
        "times": delivery.times,
        "verdicts": [{"ref_type": delivery.ref_type, "ref": delivery.ref, **v} for v in delivery.verdicts],
        "changes": delivery.changes,
        "builds": [
            {
                "id": build.pk,
                "number": build.number,
                "state": build.state,
                "url": f"{settings.PUBLIC_URL}{build.get_absolute_url()}",
            }
            for build in builds
        ],
        "duplicate_of": delivery.duplicate_of_id,
        "replay_of": delivery.replay_of_id,
    }


def _cursor(delivery: Delivery) -> str:
    return base64.urlsafe_b64encode(f"{delivery.received_at.isoformat()} {delivery.pk}".encode()).decode().rstrip("=")


def _after(rows: QuerySet[Delivery], cursor: str) -> QuerySet[Delivery]:
    """Times alone are not unique, so the id breaks the tie; `lib.paging` pages by one field."""
    if not cursor:
        return rows
    try:
        at, pk = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split(" ")
        when, last = datetime.fromisoformat(at), UUID(pk)
    except ValueError as error:
        raise Refused("This cursor did not come from this list. Start without one.") from error
    return rows.filter(Q(received_at__lt=when) | Q(received_at=when, pk__lt=last))
