"""The API's ledger: what came in, the verdict per rule, the builds made, and replaying. For members, as the pages."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema, Status

from builds.core.rules import describe_rule
from builds.models import Build
from builds.reading import rules_of
from builds.views.lookup import access_to, find_repository, person
from lib.paging import MOST, USUAL
from lib.refusal import Refused
from webhooks.actions import replay_delivery
from webhooks.actions.snapshot import rules_of_snapshot, since_then
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
    as_it_was: bool = Field(description="A replay with the rules of then.")


class RuleThenOut(Schema):
    id: int | str | None
    rule: str = Field(description="As it was, in words.")
    since: str = Field(description="What became of it since; empty where it is as it was.")


class DeliveryDetailOut(DeliveryOut):
    request: RequestOut
    rules_then: list[RuleThenOut] = Field(description="The rules that it was judged by; empty where by none.")


class ReplayIn(Schema):
    """How to replay; without a body it is by the rules of now."""

    rules: Literal["now", "then"] = Field("now", description="`then`: those that the delivery was judged by.")


class DeliveryFilters(Schema):
    """What to list; an empty one lists everything."""

    status: str = ""
    event: str = Field("", max_length=200, description="The forge's name of it, such as `push`.")
    ref: str = Field("", max_length=200, description="A part of a branch's or tag's name.")
    text: str = Field("", max_length=200, description="A part of sentence, message or sender; or how a commit begins.")
    since: datetime | None = Field(None, description="Received then or later.")
    until: datetime | None = Field(None, description="Received before that.")

    def asked(self) -> dict[str, Any]:
        """For `Delivery.objects.like`. A time without a zone is UTC."""
        texts = {name: getattr(self, name).replace("\0", "") for name in ("status", "event", "ref", "text")}
        return {**texts, "since": _in_utc(self.since), "until": _in_utc(self.until)}


def _in_utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


class DeliveriesOut(Schema):
    items: list[DeliveryOut]
    next: str | None


@router.get(f"{R}/deliveries", response=DeliveriesOut, summary="List deliveries")
def listing(
    request: HttpRequest,
    namespace: str,
    name: str,
    wanted: Query[DeliveryFilters],
    cursor: str = "",
    limit: int = USUAL,
) -> Any:
    """What came in to a repository, newest first."""
    repository = find_repository(request, namespace, name)
    if not access_to(request, repository).is_member:
        raise Http404(f"Deliveries of {repository.path} are shown to its members.")
    if wanted.status and wanted.status not in Delivery.Status.values:
        raise Refused(f"There is no such status. Use one of: {', '.join(Delivery.Status.values)}.")
    rows = Delivery.objects.filter(source__repository=repository).like(**wanted.asked()).for_list()
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
def replay(request: HttpRequest, delivery_id: UUID, wish: ReplayIn | None = None) -> Any:
    """Judge it again with the rules as they are now, or with those that it was judged by: `{"rules": "then"}`.

    The answer is the new delivery. A rule that was deleted since builds nothing, and its verdict says so.
    """
    found = _find(request, delivery_id)
    if not access_to(request, found.source.repository).can_write:
        raise PermissionDenied(f"You need the write role in {found.source.repository.namespace} to replay a delivery.")
    made = replay_delivery(person(request), found, as_it_was=wish is not None and wish.rules == "then")
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
        "rules_then": _rules_then(delivery),
    }


def _rules_then(delivery: Delivery) -> list[dict[str, Any]]:
    then = rules_of_snapshot(delivery.rules_snapshot)
    told = since_then(then, rules_of(delivery.source)) if then else {}
    return [{"id": rule.id, "rule": describe_rule(rule), "since": told[rule.id]} for rule in then]


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
        "as_it_was": delivery.as_it_was,
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
