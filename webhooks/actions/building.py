"""From a decision to builds, for one ref or several; and what the delivery's row says once they have numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from builds.actions import Order, request_builds
from builds.actions.rules_file import ask_reading_for_push
from builds.models import Build, Source
from webhooks.actions.decide import Decision, Status, built_sentence, many_sentence
from webhooks.models import Delivery
from webhooks.providers import Event, Ignored, ManyPushes, PushEvent

OrderOf = Callable[[PushEvent], Order]
"""The order for the builds of one push of a delivery."""


def pushed_order(delivery: Delivery) -> OrderOf:
    """Orders of what a forge told."""

    def order(push: PushEvent) -> Order:
        detail = f"{'force-pushed' if push.forced else 'pushed'} by {push.sender}" if push.sender else ""
        return order_of(push, delivery, Build.Cause.PUSH, detail)

    return order


def order_of(push: PushEvent, delivery: Delivery, cause: Build.Cause, detail: str) -> Order:
    """The order for the builds of a push."""
    return Order(
        cause=cause,
        detail=detail,
        delivery_id=delivery.pk,
        before=push.before,
        forced=push.forced,
        commit_message=push.message,
        commit_author=push.author,
    )


def add_builds(delivery: Delivery, source: Source, event: Event, decision: Decision, order_of_push: OrderOf) -> None:
    """Make the builds of a decision, and name them in the delivery's row; inside the caller's transaction."""
    ids: list[int] = []
    sentences: list[str] = []
    for position, (change, part) in enumerate(parts_of(event, decision)):
        sentence, builds = part.sentence, list[Build]()
        if isinstance(change, PushEvent) and part.status == Status.BUILT:
            builds = request_builds(source, change.ref, change.commit, part.verdicts, order_of_push(change))
            sentence = built_sentence(change, part.verdicts, builds, delivery)
        ids += [build.pk for build in builds]
        sentences.append(sentence)
        if delivery.changes:
            delivery.changes[position] |= {"sentence": sentence, "builds": [build.pk for build in builds]}
    # The sentence may have been added to, by what a delivery says of the repository.
    added = delivery.sentence.removeprefix(decision.sentence)
    text = many_sentence(event, sentences) if isinstance(event, ManyPushes) else sentences[0]
    delivery.build_ids = list(dict.fromkeys(ids))
    delivery.sentence = text + added
    delivery.save(update_fields=["build_ids", "sentence", "changes"])


def ask_for_rules(source: Source, event: Event, decision: Decision, order_of_push: OrderOf) -> str:
    """A push of the default branch may bring another rules file; inside the caller's transaction.

    It was judged by the rules that are saved; once the file is read it is judged by those that are new or changed.
    Gives what the ledger says of that, "" where there is nothing to say.
    """
    if source.rules_from != Source.RulesFrom.FILE:
        return ""
    asked = False
    for change, part in parts_of(event, decision):
        if isinstance(change, PushEvent) and not change.deleted:
            is_wanted = part.status in (Status.BUILT, Status.NOTHING)
            asked |= ask_reading_for_push(source, change.ref, change.commit, order_of_push(change), judged=is_wanted)
    return " `.imageyard.yml` is read anew; what is new in it is judged too." if asked else ""


def parts_of(event: Event, decision: Decision) -> Iterator[tuple[PushEvent | Ignored, Decision]]:
    """Each ref of a push with what was decided of it."""
    if isinstance(event, ManyPushes):
        yield from zip(event.changes, decision.parts, strict=True)
    elif isinstance(event, PushEvent):
        yield event, decision
