"""Judging a stored delivery again, with today's rules or with those of then, because a person asks for it."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Sequence

from django.db import transaction

from accounts import audit
from accounts.models import User
from builds.actions import Order
from builds.core.rules import RuleSpec
from builds.models import Build
from lib.refusal import Refused
from webhooks.actions.accept import describe_event, find_source
from webhooks.actions.building import add_builds, order_of
from webhooks.actions.decide import decide, decided_as_json
from webhooks.actions.news import tell_pages
from webhooks.actions.pull_requests import take_pull_request
from webhooks.actions.snapshot import rules_as_json, rules_of_snapshot
from webhooks.models import Delivery
from webhooks.providers import PROVIDERS, FormatError, ManyPushes, PullRequestEvent, PushEvent

_MOST_BODY = 64 * 1024 * 1024
_REPLAYED = {Delivery.Status.BUILT, Delivery.Status.NOTHING, Delivery.Status.SKIPPED, Delivery.Status.FAULT}


def can_replay(delivery: Delivery) -> bool:
    """Whether there may be something to build in it: a push that was proved to be the forge's."""
    if delivery.ref_type == "pull_request" and delivery.status == Delivery.Status.IGNORED:
        return True  # the settings may be others by now
    return delivery.status in _REPLAYED


def can_replay_as_it_was(delivery: Delivery) -> bool:
    """Whether the rules that it was judged by are kept. Pull requests are built by today's rules and policy alone."""
    return can_replay(delivery) and bool(delivery.rules_snapshot) and delivery.ref_type != "pull_request"


def replay_delivery(actor: User, delivery: Delivery, *, as_it_was: bool = False) -> Delivery:
    """A new delivery in the ledger with its own verdicts and their builds; the old one stays as it is.

    It is judged by today's rules, or by those that `delivery` was judged by: then its builds are made as these say,
    also where a rule was changed since; one that was deleted since builds nothing, and its verdict says so. What
    `{date}` and `{latest}` stand for is today's either way, for a tag never goes back. Every call builds again, unless
    a build of the same rule, ref and commit is not over yet. A mark like `[skip ci]` does not count, since a person
    asks. Raises Refused where nothing can be built of it.
    """
    original = delivery.replay_of or delivery
    if not can_replay(delivery):
        raise Refused(_why_not(delivery), code="conflict")
    if as_it_was and not can_replay_as_it_was(delivery):
        raise Refused(why_not_as_it_was(delivery), code="conflict")
    then = rules_of_snapshot(delivery.rules_snapshot) if as_it_was else None
    push = _read_push(original)
    source = find_source(str(original.source_id))
    if source is None:
        raise Refused("The source of this delivery is gone. Link the Git repository again.", code="conflict")
    decision = decide(source, push, source.get_forge_display(), by_hand=True, rules=then)
    verdicts, changes = decided_as_json(push, decision)
    replay = Delivery(
        id=uuid.uuid4(),
        source=source,
        forge=original.forge,
        event=original.event,
        replay_of=original,
        status=decision.status,
        sentence=decision.sentence,
        verdicts=verdicts,
        changes=changes,
        rules_snapshot=rules_as_json(decision.rules),
        as_it_was=as_it_was,
    )
    describe_event(replay, push)
    how = " as it was" if as_it_was else ""
    detail = f"delivery {original.short_id} replayed{how} by {actor.get_username()}"
    with transaction.atomic():
        replay.save(force_insert=True)
        if isinstance(push, PullRequestEvent):
            take_pull_request(replay, source, push, decision, detail=detail)
        elif decision.status == Delivery.Status.BUILT:
            # Not a push: an old commit that is built again must not supersede the newer ones that wait.
            add_builds(replay, source, push, decision, lambda one: _order(one, replay, detail, decision.rules))
        audit.record(actor, "delivery.replay", source.repository, f"{original.pk}{how}")
        tell_pages(source)
    return replay


def _order(push: PushEvent, replay: Delivery, detail: str, rules: Sequence[RuleSpec]) -> Order:
    order = order_of(push, replay, Build.Cause.MANUAL, detail)
    return dataclasses.replace(order, judged_by={rule.id: rule for rule in rules})


def _read_push(delivery: Delivery) -> PushEvent | ManyPushes | PullRequestEvent:
    try:
        event = PROVIDERS[delivery.forge].read(delivery.headers, delivery.read_body(_MOST_BODY))
    except (KeyError, FormatError) as error:
        raise Refused("What was kept of this delivery cannot be read any more. Push again.", code="conflict") from error
    if not isinstance(event, PushEvent | ManyPushes | PullRequestEvent):
        raise Refused("This delivery is no push, so there is nothing in it to build.", code="conflict")
    return event


def why_not_as_it_was(delivery: Delivery) -> str:
    """The sentence for a delivery that can be judged by today's rules only."""
    if delivery.ref_type == "pull_request":
        return "A pull request is built by today's rules and policy alone. Replay it with today's rules."
    return (
        "The rules of then were not kept: no rule judged it, or it came before Imageyard kept them. Replay it with "
        "today's rules."
    )


def _why_not(delivery: Delivery) -> str:
    if delivery.status == Delivery.Status.REFUSED:
        return (
            "A refused delivery is not replayed: nothing proved that it came from the forge. Mend what its sentence "
            "says, then deliver it again from the forge."
        )
    if delivery.status == Delivery.Status.DUPLICATE:
        return "This is a duplicate. Replay the delivery it repeats."
    return "There is nothing to build in this delivery, then or now."
