"""One call of a trigger's address: what it asks for is judged like a push, and a row says what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from builds.actions import Order, known_of, request_builds
from builds.core.patterns import read_pattern
from builds.core.plan import Verdict, evaluate, summary_sentence
from builds.core.refnames import ONE, Ref, quoted
from builds.core.rules import RuleSpec
from builds.models import Build, Source
from builds.reading import rules_of
from lib.clock import database_now
from lib.storable import storable
from webhooks.actions.decide import verdicts_as_json
from webhooks.actions.news import tell_pages
from webhooks.models import TriggerCall, TriggerToken
from webhooks.providers.base import FormatError
from webhooks.providers.trigger_body import Wish, read_wish

MOST_BODY_BYTES = 64 * 1024
KEPT_BODY = 4000
KEPT_CALLS = 50
SPAN = timedelta(minutes=1)
_NO_REF = (
    "The default branch of this repository is not known yet, and no rule names a branch exactly. Say which ref to "
    'build: `{"ref": "main"}`.'
)
Status = TriggerCall.Status
Judged = tuple[Ref, tuple[Verdict, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerRequest:
    """A call as it came in; `body` is raw, and cut if it is too large. `secret` is masked in what is kept."""

    secret: str
    body: bytes = b""
    content_type: str = ""
    remote_address: str = ""
    is_too_large: bool = False


@dataclass(frozen=True, slots=True)
class TriggerAnswer:
    """What the caller is told. `verdicts` as `Delivery.verdicts` has them."""

    status: HTTPStatus
    sentence: str
    builds: Sequence[Build] = ()
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    retry_after_s: int = 0


def call_trigger(token: TriggerToken, request: TriggerRequest) -> TriggerAnswer:
    """Take one call: the row and its builds are one transaction. Calls of one token wait for each other."""
    with transaction.atomic():
        TriggerToken.objects.select_for_update().filter(pk=token.pk).first()
        now = database_now()
        wait_s = _seconds_to_wait(token, now)
        if wait_s:
            answer = _limited(wait_s)
            _count_or_record(token, request, answer, now)
            return answer
        wish, answer = _answer(token, request)
        _record(token, request, answer, now, wish)
        TriggerToken.objects.filter(pk=token.pk).update(last_used_at=now)
        tell_pages(token.source)
    return answer


def _seconds_to_wait(token: TriggerToken, now: datetime) -> int:
    """0, or how long until another call is taken. Rows of a clock that was ahead do not count."""
    recent = token.calls.exclude(status=Status.LIMITED).filter(at__gt=now - SPAN, at__lte=now + SPAN)
    times = list(recent.order_by("-at").values_list("at", flat=True)[: settings.TRIGGER_CALLS_PER_MINUTE])
    if len(times) < settings.TRIGGER_CALLS_PER_MINUTE:
        return 0
    return max(1, -int((now - times[-1] - SPAN).total_seconds() // 1))


def _limited(wait_s: int) -> TriggerAnswer:
    sentence = (
        f"This trigger took {settings.TRIGGER_CALLS_PER_MINUTE} calls within a minute, which is the most. Nothing was "
        f"built by this one; call again in {wait_s} s."
    )
    return TriggerAnswer(HTTPStatus.TOO_MANY_REQUESTS, sentence, retry_after_s=wait_s)


def _answer(token: TriggerToken, request: TriggerRequest) -> tuple[Wish, TriggerAnswer]:
    if request.is_too_large:
        sentence = f"The body is larger than {MOST_BODY_BYTES // 1024} KiB. A trigger needs a ref at most."
        return Wish(), TriggerAnswer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)
    try:
        wish = read_wish(request.body, request.content_type)
    except FormatError as error:
        return Wish(), TriggerAnswer(HTTPStatus.BAD_REQUEST, error.sentence)
    return wish, _build(token, wish)


def _build(token: TriggerToken, wish: Wish) -> TriggerAnswer:
    source, rules = token.source, rules_of(token.source)
    judged = [(ref, _judge(source, ref, rules, wish)) for ref in _refs(source, rules, wish)]
    if not judged:
        return TriggerAnswer(HTTPStatus.UNPROCESSABLE_ENTITY, _NO_REF)
    order = Order(cause=Build.Cause.TRIGGER, detail=token.name)
    builds = [build for ref, verdicts in judged for build in request_builds(source, ref, wish.commit, verdicts, order)]
    told = [entry for ref, verdicts in judged for entry in verdicts_as_json(verdicts, ref)]
    status = HTTPStatus.CREATED if builds else HTTPStatus.UNPROCESSABLE_ENTITY
    return TriggerAnswer(status, _sentence(judged, builds), list(dict.fromkeys(builds)), told)


def _refs(source: Source, rules: Sequence[RuleSpec], wish: Wish) -> list[Ref]:
    """The ref that is named; or the default branch and every branch that a rule names exactly.

    A commit alone is one of the default branch. Tags are built where Docker Hub's `docker_tag` asks for one.
    """
    if wish.ref is not None:
        return [wish.ref]
    default = [Ref("branch", source.default_branch)] if source.default_branch else []
    if wish.commit:
        return default
    return list(dict.fromkeys([*default, *_exact(rules, with_tags=bool(wish.docker_tag))]))


def _exact(rules: Sequence[RuleSpec], *, with_tags: bool) -> Iterator[Ref]:
    types = ("branch", "tag") if with_tags else ("branch",)
    for rule in rules:
        pattern = read_pattern(rule.pattern)
        if rule.ref_type in types and not pattern.is_regex and not pattern.problem:
            yield Ref(rule.ref_type, rule.pattern)


def _judge(source: Source, ref: Ref, rules: Sequence[RuleSpec], wish: Wish) -> tuple[Verdict, ...]:
    """As a push of the ref, but with autobuild aside, since the call asks for it. A paused rule rests."""
    known = known_of(source, rules)
    verdicts = evaluate(ref, rules, commit=wish.commit, manual=True, wakes_paused=False, known=known)
    if not wish.docker_tag:
        return verdicts
    reason = f"matches, but makes no tag {quoted(wish.docker_tag)}, which the call asks for"
    return tuple(
        replace(verdict, builds=False, reason=reason)
        if verdict.builds and wish.docker_tag not in {tag.name for tag in verdict.tags}
        else verdict
        for verdict in verdicts
    )


def _sentence(judged: Sequence[Judged], builds: Sequence[Build]) -> str:
    numbers: dict[Ref, dict[int | str | None, int]] = {}
    for build in builds:
        numbers.setdefault(Ref(build.ref_type, build.ref), {})[build.rule_id] = build.number  # type: ignore[arg-type]
    told = [(ref, _plain(summary_sentence(ref, verdicts, numbers.get(ref)))) for ref, verdicts in judged]
    if len(told) == 1:
        return told[0][1]
    return " ".join(
        f"{ONE[ref.type].capitalize()} {quoted(ref.name)}: {text[:1].lower()}{text[1:]}" for ref, text in told
    )


def _plain(sentence: str) -> str:
    text = sentence.removeprefix("Delivered, ")
    return f"{text[:1].upper()}{text[1:]}"


_STATUS = {
    HTTPStatus.CREATED: Status.BUILT,
    HTTPStatus.UNPROCESSABLE_ENTITY: Status.NOTHING,
    HTTPStatus.TOO_MANY_REQUESTS: Status.LIMITED,
}


def _record(
    token: TriggerToken, request: TriggerRequest, answer: TriggerAnswer, now: datetime, wish: Wish | None = None
) -> None:
    ref = wish.ref if wish else None
    text = request.body[: 4 * KEPT_BODY].decode("utf-8", "replace").replace(request.secret, "***")
    TriggerCall.objects.create(
        token=token,
        at=now,
        remote_address=request.remote_address[:45],
        body="" if request.is_too_large else storable(text)[:KEPT_BODY],
        ref_type=ref.type if ref else "",
        ref=ref.name if ref else "",
        commit=wish.commit if wish else "",
        status=_STATUS.get(answer.status, Status.MALFORMED),
        code=answer.status,
        sentence=storable(answer.sentence),
        verdicts=answer.verdicts,
        build_ids=[build.pk for build in answer.builds],
    )
    old = token.calls.values_list("pk", flat=True)[KEPT_CALLS : 2 * KEPT_CALLS]
    token.calls.filter(pk__in=list(old)).delete()


def _count_or_record(token: TriggerToken, request: TriggerRequest, answer: TriggerAnswer, now: datetime) -> None:
    """A flood has one row a minute: it must not push the calls out of the list that tell something."""
    recent = token.calls.filter(status=Status.LIMITED, at__gt=now - SPAN, at__lte=now + SPAN).first()
    if recent is None:
        _record(token, request, answer, now)
    else:
        TriggerCall.objects.filter(pk=recent.pk).update(times=F("times") + 1)
