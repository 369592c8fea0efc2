"""One inbound request: proved to be the forge's, read, judged by every rule, and in the ledger whatever comes of it.

Asks no Git server, no registry and no worker: the answer to the forge depends on the database alone.
"""

from __future__ import annotations

import logging
import uuid

from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError
from django.db.models import F

from builds.actions import record_contact
from builds.models import Source
from webhooks.actions.bells import ledger_transaction
from webhooks.actions.belonging import contact_sentence, foreign_problem
from webhooks.actions.building import add_builds, ask_for_rules, pushed_order
from webhooks.actions.decide import Decision, decide, decided_as_json
from webhooks.actions.gone_refs import note_refs
from webhooks.actions.inbound import Answer, Inbound, Kind, kept_body, kept_headers
from webhooks.actions.news import tell_pages
from webhooks.actions.pull_requests import describe_pull_request, take_pull_request
from webhooks.actions.refuse import record_refusal
from webhooks.actions.skipped import note_skipped_pushes
from webhooks.actions.snapshot import rules_as_json
from webhooks.actions.statuses import want_for_skipped
from webhooks.models import Delivery, pack_body
from webhooks.providers import PROVIDERS, Event, FormatError, ManyPushes, Provider, PullRequestEvent, PushEvent

MOST_DUPLICATES = 10
"""Repetitions of one delivery that get a row of their own; the rest are counted on the last."""

log = logging.getLogger(__name__)

# What an answer needs of a source: every column more is time at each request. Another one is read when it is used.
_NEEDED = (
    "forge", "clone_url", "default_branch", "webhook_secret", "forge_repository_id", "forge_full_name", "connected_at",
    "pull_requests", "rules_from", "probe_state", "probed_at", "repository__name", "repository__namespace__name",
)  # fmt: skip

UNKNOWN = "No source has this webhook address. Copy it again from the source's settings."
UNSIGNED = "The signature is missing or wrong. The list of deliveries in Imageyard says more."
TOO_LARGE = "The body is larger than 25 MiB, the most that forges send. Nothing was read of it."
FAULT = (
    "Imageyard kept this delivery and then could not judge it; that is its own fault, and its log says more. "
    "Deliver it again, or press Replay."
)


class _Refusal(Exception):  # noqa: N818 — a refusal is an answer, not a fault
    """`sentence` is for the ledger; `told` is what the sender reads, where that must be less."""

    def __init__(self, kind: Kind, sentence: str, *, told: str = "") -> None:
        super().__init__(sentence)
        self.kind, self.sentence, self.told = kind, sentence, told or sentence


def accept_delivery(inbound: Inbound) -> Answer:
    """Take one request. The row, the verdicts and the builds are one transaction.

    A delivery id that came before gives the first delivery and no build, also where both arrive at the same moment
    (field case W09). Raises DatabaseError where nothing could be stored: the forge must hear of it.
    """
    source = find_source(inbound.source_id)
    if source is None:
        return Answer("unknown", UNKNOWN)
    try:
        provider = _provider_at(source, inbound)
        _prove(source, provider, inbound)
        return _take(source, provider, inbound)
    except _Refusal as refusal:
        known = PROVIDERS[source.forge]
        is_proved = refusal.kind in ("malformed", "foreign")
        row = record_refusal(source, inbound, known.event_name(inbound.headers), refusal.sentence, is_proved=is_proved)
        # A forge that stops calling an address that refuses what it proved would be lost for what is wanted, too.
        kind: Kind = "noted" if refusal.kind == "foreign" and known.stops_calling else refusal.kind
        return Answer(kind, refusal.told, row)


def find_source(source_id: str) -> Source | None:
    """The source with its repository; None for an id that is unknown or no id at all."""
    rows = Source.objects.select_related("repository__namespace").only(*_NEEDED)
    try:
        return rows.get(pk=source_id)
    except (Source.DoesNotExist, ValidationError, ValueError):
        return None


def _provider_at(source: Source, inbound: Inbound) -> Provider:
    forge = source.get_forge_display()
    if inbound.forge != source.forge:
        sentence = (
            f"The request came to the address for `{inbound.forge[:32]}`, and this source is on {forge}. Copy the "
            "webhook address again from the settings."
        )
        raise _Refusal("unknown", sentence, told=UNKNOWN)
    return PROVIDERS[source.forge]


def _prove(source: Source, provider: Provider, inbound: Inbound) -> None:
    """Raises _Refusal unless the request is whole and signed with the source's secret."""
    if inbound.is_too_large:
        raise _Refusal("too_large", TOO_LARGE)
    problem = provider.signature_problem(source.webhook_secret, inbound.headers, inbound.body)
    if problem is not None:
        raise _Refusal("unsigned", problem, told=UNSIGNED)


def _take(source: Source, provider: Provider, inbound: Inbound) -> Answer:
    """A proved request: read, judged and recorded. Raises _Refusal for what the source has no use for."""
    delivery = _new_row(source, provider, inbound)
    try:
        event = provider.read(inbound.headers, inbound.body)
        if foreign := foreign_problem(source, event.repository):
            raise _Refusal("foreign", foreign)  # noqa: TRY301 — told apart from faults two lines below
        describe_event(delivery, event)
        with ledger_transaction():
            _record(delivery, source, event, decide(source, event, provider.name))
    except FormatError as error:
        raise _Refusal("malformed", error.sentence) from error
    except IntegrityError:
        first = Delivery.objects.filter(source=source, forge_delivery_id=delivery.forge_delivery_id)
        if delivery.forge_delivery_id is None or not first.exists():
            raise
        return _duplicate(delivery, first.for_list().get())
    except (_Refusal, DatabaseError):
        raise
    except Exception:
        # Whatever our own code did wrong, the delivery stays in the ledger, and can be delivered and replayed.
        answer = _fault(delivery)
        log.exception("delivery %s of source %s could not be judged", delivery.pk, source.pk)
        return answer
    return Answer("accepted", delivery.sentence, delivery)


def _new_row(source: Source, provider: Provider, inbound: Inbound) -> Delivery:
    return Delivery(
        id=uuid.uuid4(),
        source=source,
        forge=inbound.forge,
        event=provider.event_name(inbound.headers),
        forge_delivery_id=provider.delivery_id(inbound.headers) or None,
        headers=kept_headers(inbound.headers, source.webhook_secret),
        body=pack_body(kept_body(inbound.body, source)),
        body_bytes=len(inbound.body),
    )


def describe_event(delivery: Delivery, event: Event) -> None:
    """Put what a push says of itself into the columns that lists show; of several refs, what the first says."""
    delivery.sender = event.sender
    changes = event.changes if isinstance(event, ManyPushes) else (event,)
    if isinstance(event, PullRequestEvent):
        describe_pull_request(delivery, event)
    push = next((change for change in changes if isinstance(change, PushEvent)), None)
    if push is not None:
        delivery.ref_type, delivery.ref = push.ref.type, push.ref.name
        delivery.before, delivery.commit = push.before, push.commit
        delivery.commit_message, delivery.forced = push.message, push.forced
        others = [change.ref.name for change in changes if isinstance(change, PushEvent) and change is not push]
        delivery.more_refs = "\n".join(others)


def _record(delivery: Delivery, source: Source, event: Event, decision: Decision) -> None:
    repository = event.repository
    delivery.status = decision.status
    delivery.sentence = decision.sentence + contact_sentence(source, repository)
    delivery.sentence += ask_for_rules(source, event, decision, pushed_order(delivery))
    delivery.verdicts, delivery.changes = decided_as_json(event, decision)
    delivery.rules_snapshot = rules_as_json(decision.rules)
    delivery.save(force_insert=True)
    record_contact(
        source, forge_id=repository.id, full_name=repository.full_name, default_branch=repository.default_branch
    )
    note_refs(source, event)
    if isinstance(event, PullRequestEvent):
        take_pull_request(delivery, source, event, decision)
    elif decision.status == Delivery.Status.BUILT:
        add_builds(delivery, source, event, decision, pushed_order(delivery))
    if Delivery.Status.SKIPPED in (decision.status, *(part.status for part in decision.parts)):
        note_skipped_pushes(delivery, source, event, decision)
        want_for_skipped(delivery, source, event)
    tell_pages(source)


def _duplicate(delivery: Delivery, first: Delivery) -> Answer:
    """The row of a repetition: seen in the ledger, without a second copy of the body; many share one."""
    answer = Answer("duplicate", f"duplicate of #{first.pk}: {first.sentence}", first)
    repeats = list(first.duplicates.order_by("-received_at").values_list("pk", flat=True)[:MOST_DUPLICATES])
    if len(repeats) == MOST_DUPLICATES:
        Delivery.objects.filter(pk=repeats[0]).update(times=F("times") + 1)
        return answer
    delivery.forge_delivery_id = None
    delivery.duplicate_of = first
    delivery.body = b""
    delivery.status = Delivery.Status.DUPLICATE
    delivery.verdicts, delivery.changes, delivery.build_ids, delivery.rules_snapshot = [], [], [], []
    delivery.sentence = (
        f"Duplicate of delivery `{first.short_id}`: the forge sent it again under the same id, and nothing is built "
        "twice. To build the commit again, press Replay there."
    )
    with ledger_transaction():
        delivery.save(force_insert=True)
        tell_pages(delivery.source)
    return answer


def _fault(delivery: Delivery) -> Answer:
    # Without the forge's id, so that "Redeliver" is not taken for a duplicate of what was never judged.
    delivery.forge_delivery_id = None
    delivery.status, delivery.sentence = Delivery.Status.FAULT, FAULT
    delivery.verdicts, delivery.changes, delivery.build_ids, delivery.rules_snapshot = [], [], [], []
    delivery.save(force_insert=True)
    return Answer("fault", FAULT, delivery)
