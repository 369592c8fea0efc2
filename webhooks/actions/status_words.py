"""How a build reads as a commit status: its context, state, sentence and address. Changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from builds.core.errors import ErrorKind
from builds.core.states import RUNNING, State
from builds.models import Build, BuildRule, Step
from builds.reading import sentence_of
from webhooks.models import CommitStatus, Delivery

DESCRIPTION = 140
"""Characters that GitHub takes; the others take more."""
_CONTEXT = 255
_S = CommitStatus.State
# What their Dockerfile, their test or their time did. Everything else is somebody's else fault, and an error.
_FAILURES = {ErrorKind.USER, ErrorKind.TIMEOUT, ErrorKind.LIMIT}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the forge shall say of a commit under one context."""

    state: str
    description: str
    target_url: str


def context_of(path: str, rule: Mapping[str, Any], twin: int = 0) -> str:
    """`imageyard/acme/web (main)`: one for each rule, and the same for every build of it.

    `rule` has `ref_type`, `pattern`, `dockerfile`, `context` and `target`, as `Build.plan` does; two rules that watch
    the same refs differ in what they build. Of rules that are alike in all of that, `twin` counts from 0.
    """
    kind = str(rule.get("ref_type") or "branch")
    pattern = str(rule.get("pattern") or "")
    words = [pattern if kind == "branch" else f"{kind.replace('_', ' ')} {pattern}"]
    folder, dockerfile = str(rule.get("context") or "."), str(rule.get("dockerfile") or "Dockerfile")
    if (folder, dockerfile) != (".", "Dockerfile"):
        words.append(dockerfile if folder == "." else f"{dockerfile} in {folder}")
    if rule.get("target"):
        words.append(f"target {rule['target']}")
    if twin:
        words.append(f"#{twin + 1}")
    text = f"imageyard/{path} ({', '.join(words)})"
    if len(text) <= _CONTEXT:
        return text
    # Cut names must not fall together.
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{text[: _CONTEXT - 15]}… {digest}"


def rule_facts(rule: BuildRule) -> dict[str, Any]:
    """What `context_of` reads, of a rule as it is now."""
    return {
        "ref_type": rule.ref_type,
        "pattern": rule.pattern,
        "dockerfile": rule.dockerfile,
        "context": rule.context,
        "target": rule.target,
    }


def twin_of(rule: BuildRule) -> int:
    """How many rules before this one have the same context."""
    alike = BuildRule.objects.filter(source_id=rule.source_id, **rule_facts(rule))
    return (
        alike.filter(position__lt=rule.position).count() + alike.filter(position=rule.position, pk__lt=rule.pk).count()
    )


def wish_of(build: Build) -> Wish:
    """How a build stands now. Under way it says little, so that the forge hears of it twice at most."""
    state = State(build.state)
    url = f"{settings.PUBLIC_URL}{build.get_absolute_url()}"
    if state is State.QUEUED:
        waits = "Waits for a member's approval." if build.hold == "approval" else f"Build #{build.number} is queued."
        return Wish(_S.PENDING, waits, url)
    if state in RUNNING:
        return Wish(_S.PENDING, f"Build #{build.number} is running.", url)
    if state is State.SUCCEEDED:
        return Wish(_S.SUCCESS, shortened(sentence_of(build)), url)
    if state is State.FAILED:
        failed = _S.FAILURE if build.error_kind in _FAILURES else _S.ERROR
        return Wish(failed, shortened(sentence_of(build)), url + _failing_line(build))
    if build.skip_reason:
        return Wish(_S.SKIPPED, shortened(skip_words(build.skip_reason)), url)
    return Wish(_S.STOPPED, shortened(sentence_of(build)), url)


def _failing_line(build: Build) -> str:
    """`?step=4#s4-l213`: the step that failed, and its last line, where the fault is."""
    failed = Step.objects.filter(build=build, attempt=build.attempt, state=Step.State.FAILED).order_by("-index")
    step = failed.only("index", "lines").first()
    if step is None:
        return ""
    return f"?step={step.index}#s{step.index}" + (f"-l{step.lines}" if step.lines else "")


def skipped_wish(delivery: Delivery, sentence: str) -> Wish:
    """A push that a marker such as `[skip ci]` kept from being built: nothing is wrong with it."""
    return Wish(_S.SKIPPED, shortened(skip_words(sentence)), f"{settings.PUBLIC_URL}{delivery.get_absolute_url()}")


def skip_words(reason: str) -> str:
    return reason if reason.startswith("Skipped") else f"Skipped: {reason[:1].lower()}{reason[1:]}"


def shortened(sentence: str) -> str:
    """A sentence on one line that any forge takes, cut at a word; forges show backticks as they are."""
    text = " ".join(sentence.replace("`", "").split())
    if len(text) <= DESCRIPTION:
        return text
    cut = text[: DESCRIPTION - 1]
    whole = cut.rpartition(" ")[0]
    return f"{whole if len(whole) > DESCRIPTION // 2 else cut}…"
