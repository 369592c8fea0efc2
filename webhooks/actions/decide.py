"""What a good event asks for, by a source's rules: status, sentence, a verdict for every rule. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from builds.actions.known import known_of
from builds.core.plan import Verdict, evaluate, summary_sentence
from builds.core.pull_requests import PullRequest, judge, policy_problem
from builds.core.refnames import ONE, Ref, name_problem, quoted
from builds.core.rules import RuleSpec
from builds.core.skip import skip_sentence
from builds.models import Build, Source
from builds.reading import rules_of
from webhooks.models import Delivery
from webhooks.providers import MOST_CHANGES, Event, Ignored, ManyPushes, Ping, PullRequestEvent, PushEvent

Status = Delivery.Status


@dataclass(frozen=True, slots=True)
class Decision:
    """`verdicts` are those of a push, in the rules' order; builds are made for the ones that build.

    Of a delivery that moved several refs, `parts` are the decisions on each, in their order. `rules` are those that it
    was judged by.
    """

    status: Delivery.Status
    sentence: str
    verdicts: tuple[Verdict, ...] = ()
    parts: tuple[Decision, ...] = ()
    rules: tuple[RuleSpec, ...] = ()


def decide(
    source: Source, event: Event, forge_name: str, *, by_hand: bool = False, rules: Sequence[RuleSpec] | None = None
) -> Decision:
    """By the rules as they are, or by `rules`: those of then, of which the ones that are gone since build nothing.

    `by_hand`: a person asked for it, so a mark like `[skip ci]` in the message does not count.
    """
    if isinstance(event, Ping):
        sentence = f"{forge_name} reached Imageyard: the webhook works. {event.warning}"
        return Decision(Status.CONNECTED, sentence.strip())
    if isinstance(event, Ignored):
        return _decide_ignored(event)
    today = rules_of(source)
    gone = frozenset(rule.id for rule in rules or ()) - {rule.id for rule in today}
    rules = tuple(today if rules is None else rules)
    asked = _Asked(by_hand, gone)
    if isinstance(event, PushEvent):
        decision = _decide_push(source, event, rules, asked)
    elif isinstance(event, ManyPushes):
        decision = _decide_many(source, event, rules, asked)
    else:
        decision = _decide_pull_request(source, event, rules)
    is_judged = bool(decision.verdicts) or any(part.verdicts for part in decision.parts)
    return replace(decision, rules=rules) if is_judged else decision


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whether a person asks, and the ids of rules of then that are no rules any more."""

    by_hand: bool
    gone: frozenset[int | str | None]


def _decide_ignored(ignored: Ignored) -> Decision:
    return Decision(Status.IGNORED, f"Ignored: {ignored.reason[:1].lower() + ignored.reason[1:]}")


_WEIGHT = (Status.BUILT, Status.SKIPPED, Status.NOTHING, Status.IGNORED)


def _decide_many(source: Source, event: ManyPushes, rules: tuple[RuleSpec, ...], asked: _Asked) -> Decision:
    """Each ref by itself; what came of the delivery is the most that came of one of them."""
    parts = tuple(
        _decide_push(source, change, rules, asked) if isinstance(change, PushEvent) else _decide_ignored(change)
        for change in event.changes
    )
    status = min((part.status for part in parts), key=_WEIGHT.index)
    return Decision(status, many_sentence(event, [part.sentence for part in parts]), parts=parts)


def many_sentence(event: ManyPushes, sentences: Sequence[str]) -> str:
    """One sentence for each ref, the tail of a long list as a number."""
    told = []
    for change, sentence in list(zip(event.changes, sentences, strict=True))[:_TOLD]:
        if isinstance(change, PushEvent):
            plain = sentence.removeprefix("Delivered, ")
            told.append(f"{ONE[change.ref.type].capitalize()} {quoted(change.ref.name)}: {plain}")
        else:
            told.append(sentence)
    text = f"{len(event.changes)} refs were pushed at once. {' '.join(told)}"
    if len(event.changes) > _TOLD:
        text += f" What came of the other {len(event.changes) - _TOLD} is listed below."
    if event.left_out:
        text += (
            f" {event.left_out:,} more were not looked at, since {MOST_CHANGES} in one push are the most: catch-up "
            "builds what is missing."
        )
    return text


_TOLD = 5


def _decide_pull_request(source: Source, event: PullRequestEvent, rules: tuple[RuleSpec, ...]) -> Decision:
    """A closed one ends what still waits or runs of it, whatever the settings are by now."""
    pull_request = pull_request_of(event)
    what = f"{pull_request.name} into {quoted(event.base_ref)}"
    if event.action == "closed":
        return Decision(Status.IGNORED, f"Ignored: {what} was closed; a merge is built by its push.")
    if problem := policy_problem(source.pull_requests, pull_request):
        return Decision(Status.IGNORED, problem)
    if not event.head_commit or name_problem(event.base_ref) or not 0 < event.number < _MOST_NUMBER:
        return Decision(Status.IGNORED, f"Ignored: {what} names no commit, or no branch that Git would allow.")
    if event.is_fork and len(event.head_commit) not in _WHOLE:
        digits = len(event.head_commit)
        sentence = f"names its commit by {digits} digits only, and an approval is for one whole commit"
        return Decision(Status.IGNORED, f"Ignored: {what} comes from a fork and {sentence}.")
    verdicts = judge(pull_request, rules, commit=event.head_commit)
    status = Status.BUILT if any(verdict.builds for verdict in verdicts) else Status.NOTHING
    return Decision(status, pull_request_sentence(pull_request, verdicts), verdicts)


_MOST_NUMBER = 2**31
_WHOLE = (40, 64)


def pull_request_of(event: PullRequestEvent) -> PullRequest:
    """The pull request as builds keep it."""
    return PullRequest(
        number=event.number,
        fork=event.is_fork,
        base_ref=event.base_ref,
        head_ref=event.head_ref,
        head_repository=event.head_repository.full_name,
        title=event.title,
        url=event.url,
        author=event.author,
    )


def pull_request_sentence(pull_request: PullRequest, verdicts: Sequence[Verdict], builds: Sequence[Build] = ()) -> str:
    """The line in the list of deliveries, with the builds once they have numbers."""
    what = f"{pull_request.name.capitalize()} into {quoted(pull_request.base_ref)}"
    numbers: dict[int | str | None, int] = {build.rule_id: build.number for build in builds}
    said = f"{what}: {summary_sentence(pull_request.ref, verdicts, numbers).removeprefix('Delivered, ')}"
    held = [f"#{build.number}" for build in builds if build.hold]
    if not held:
        return said
    which = f"Build {held[0]} waits" if len(held) == 1 else f"Builds {', '.join(held)} wait"
    return f"{said} {which} for a member's approval, since the code comes from a fork."


def _decide_push(source: Source, push: PushEvent, rules: tuple[RuleSpec, ...], asked: _Asked) -> Decision:
    if push.deleted:
        what = f"{ONE[push.ref.type]} {quoted(push.ref.name)}"
        stay = "its images stay, unless the clean-up says otherwise"
        return Decision(Status.IGNORED, f"Ignored: ref deleted. The {what} is gone; {stay}.")
    verdicts = evaluate(push.ref, rules, commit=push.commit, known=known_of(source, rules))
    verdicts = tuple(_told_as_gone(verdict) if verdict.rule_id in asked.gone else verdict for verdict in verdicts)
    if not any(verdict.builds for verdict in verdicts):
        return Decision(Status.NOTHING, summary_sentence(push.ref, verdicts), verdicts)
    skipped = None if asked.by_hand else skip_sentence(push.ref, push.message)
    if skipped is not None:
        return Decision(Status.SKIPPED, skipped, tuple(replace(verdict, builds=False) for verdict in verdicts))
    return Decision(Status.BUILT, summary_sentence(push.ref, verdicts), verdicts)


def _told_as_gone(verdict: Verdict) -> Verdict:
    """Whoever deleted a rule wants nothing built by it, and its secrets and limits are gone with it."""
    if not verdict.builds:
        return verdict
    reason = "matched, but the rule was deleted since, so nothing is built by it"
    return replace(verdict, builds=False, reason=reason)


def built_sentence(push: PushEvent, verdicts: Sequence[Verdict], builds: Sequence[Build], delivery: Delivery) -> str:
    """The sentence once the builds have numbers, and which of them an earlier delivery had asked for already."""
    sentence = summary_sentence(push.ref, verdicts, {build.rule_id: build.number for build in builds})
    known = [f"#{build.number}" for build in builds if build.delivery_id != delivery.pk]
    if known:
        which = f"Build {known[0]} was" if len(known) == 1 else f"Builds {', '.join(known)} were"
        sentence += f" {which} under way for this commit already, so there is no second one."
    return f"{sentence} The push was forced." if push.forced else sentence


def decided_as_json(event: Event, decision: Decision) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What `Delivery.verdicts` and `Delivery.changes` keep of a decision; the latter only of several refs."""
    if not isinstance(event, ManyPushes):
        return verdicts_as_json(decision.verdicts, _ref_of(event)), []
    verdicts, changes = [], []
    for change, part in zip(event.changes, decision.parts, strict=True):
        ref = change.ref if isinstance(change, PushEvent) else None
        verdicts += verdicts_as_json(part.verdicts, ref)
        changes.append(_change_as_json(change, part))
    return verdicts, changes


def _ref_of(event: Event) -> Ref | None:
    if isinstance(event, PullRequestEvent):
        return Ref("pull_request", event.base_ref)
    return event.ref if isinstance(event, PushEvent) else None


def _change_as_json(change: PushEvent | Ignored, part: Decision) -> dict[str, Any]:
    told: dict[str, Any] = {"status": part.status.value, "sentence": part.sentence, "builds": []}
    if isinstance(change, Ignored):
        return {**told, "ref_type": "", "ref": "", "before": "", "commit": "", "message": "", "forced": False}
    return {
        **told,
        "ref_type": change.ref.type,
        "ref": change.ref.name,
        "before": change.before,
        "commit": change.commit,
        "message": change.message[:MOST_MESSAGE],
        "forced": change.forced,
    }


MOST_MESSAGE = 1000
"""Characters of a message that are kept for each of several refs; the builds have all of it."""


def verdicts_as_json(verdicts: Sequence[Verdict], ref: Ref | None = None) -> list[dict[str, Any]]:
    """Verdicts as `Delivery.verdicts` and the API have them; `ref` is what they are about."""
    return [
        {
            "ref_type": ref.type if ref else "",
            "ref": ref.name if ref else "",
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
