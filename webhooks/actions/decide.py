"""What a good event asks for, by the rules as they are: status, sentence, a verdict for every rule. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from builds.core.plan import Verdict, evaluate, summary_sentence
from builds.core.refnames import ONE, quoted
from builds.core.skip import skip_sentence
from builds.models import Build, Source
from builds.reading import rules_of
from webhooks.models import Delivery
from webhooks.providers import Event, Ping, PullRequestEvent, PushEvent

Status = Delivery.Status


@dataclass(frozen=True, slots=True)
class Decision:
    """`verdicts` are those of a push, in the rules' order; builds are made for the ones that build."""

    status: Delivery.Status
    sentence: str
    verdicts: tuple[Verdict, ...] = ()


def decide(source: Source, event: Event, forge_name: str, *, by_hand: bool = False) -> Decision:
    """`by_hand`: a person asked for it, so a mark like `[skip ci]` in the message does not count."""
    if isinstance(event, PushEvent):
        return _decide_push(source, event, by_hand=by_hand)
    if isinstance(event, Ping):
        sentence = f"{forge_name} reached Imageyard: the webhook works. {event.warning}"
        return Decision(Status.CONNECTED, sentence.strip())
    if isinstance(event, PullRequestEvent):
        return _decide_pull_request(event)
    return Decision(Status.IGNORED, f"Ignored: {event.reason[:1].lower() + event.reason[1:]}")


def _decide_pull_request(pull_request: PullRequestEvent) -> Decision:
    what = f"pull request #{pull_request.number} into {quoted(pull_request.base_ref)}"
    sentence = f"Ignored: {what} was {pull_request.action}, and pull requests are not built in this repository."
    return Decision(Status.IGNORED, sentence)


def _decide_push(source: Source, push: PushEvent, *, by_hand: bool) -> Decision:
    if push.deleted:
        what = f"{ONE[push.ref.type]} {quoted(push.ref.name)}"
        return Decision(Status.IGNORED, f"Ignored: ref deleted. The {what} is gone; images made from it stay.")
    verdicts = evaluate(push.ref, rules_of(source), commit=push.commit)
    if not any(verdict.builds for verdict in verdicts):
        return Decision(Status.NOTHING, summary_sentence(push.ref, verdicts), verdicts)
    skipped = None if by_hand else skip_sentence(push.ref, push.message)
    if skipped is not None:
        return Decision(Status.SKIPPED, skipped, tuple(replace(verdict, builds=False) for verdict in verdicts))
    return Decision(Status.BUILT, summary_sentence(push.ref, verdicts), verdicts)


def built_sentence(push: PushEvent, verdicts: Sequence[Verdict], builds: Sequence[Build], delivery: Delivery) -> str:
    """The sentence once the builds have numbers, and which of them an earlier delivery had asked for already."""
    sentence = summary_sentence(push.ref, verdicts, {build.rule_id: build.number for build in builds})
    known = [f"#{build.number}" for build in builds if build.delivery_id != delivery.pk]
    if known:
        which = f"Build {known[0]} was" if len(known) == 1 else f"Builds {', '.join(known)} were"
        sentence += f" {which} under way for this commit already, so there is no second one."
    return f"{sentence} The push was forced." if push.forced else sentence


def verdicts_as_json(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Verdicts as `Delivery.verdicts` and the API have them."""
    return [
        {
            "rule_id": verdict.rule_id,
            "rule": verdict.rule,
            "matched": verdict.matched,
            "builds": verdict.builds,
            "reason": verdict.reason,
            "tags": [{"name": t.name, "template": t.template, "changed_from": t.changed_from} for t in verdict.tags],
            "problems": list(verdict.problems),
        }
        for verdict in verdicts
    ]
