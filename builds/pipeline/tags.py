"""Which tags a build makes in the end: its rule as it was, held against what is known once the image is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from builds.actions.known import known_of, tags_pushed_since, wants_tags
from builds.core.errors import BuildError
from builds.core.facts import Known
from builds.core.plan import Verdict, evaluate
from builds.core.rules import Ref, RuleSpec
from builds.engine import git
from builds.models import Build, Source
from builds.pipeline.checkout import remote_of
from builds.pipeline.job import Job
from lib.clock import database_now

LOOK_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Looked:
    """The Git tags that the forge had at a moment; None where nobody asked, or the forge did not answer."""

    at: datetime
    tags: tuple[str, ...] | None


def look_for_tags(job: Job) -> Looked:
    """Ask the forge which tags there are, where the rule makes `{latest}`. A forge that is away stops no build."""
    at, source = database_now(), job.build.source
    if source is None or not wants_tags([rule_as_it_was(job.build)]):
        return Looked(at, None)
    try:
        refs = git.list_refs(remote_of(source), stop=job.stop, timeout_s=LOOK_TIMEOUT_S).refs
    except BuildError:
        return Looked(at, None)
    return Looked(at, tuple(ref.name for ref in refs if ref.type == "tag"))


def verdict_of(build: Build, looked: Looked) -> Verdict:
    """The rule's last word, under the publish lock: no build that publishes later can have been overlooked.

    `{date}` is the day on which the build was asked for, also when it was tried again since.
    """
    rule = rule_as_it_was(build)
    if build.ref_type == "pull_request":  # built and tested; no tag moves for what is not merged
        return Verdict(rule.id, rule.pattern, matched=True, builds=True, reason="")
    ref = Ref(build.ref_type, build.ref)  # type: ignore[arg-type]  # choices are exactly RefType
    at = datetime.fromisoformat(build.plan["asked_at"]) if build.plan.get("asked_at") else build.queued_at
    known = Known(at=at, number=build.number, tags=_tags(build.source, looked, rule))
    return evaluate(ref, [rule], commit=build.commit, manual=True, known=known)[0]


def rule_as_it_was(build: Build) -> RuleSpec:
    """The rule when the build was asked for, as far as its tags go."""
    plan = build.plan
    return RuleSpec(None, plan["ref_type"], plan["pattern"], tuple(plan["templates"]))


def _tags(source: Source | None, looked: Looked, rule: RuleSpec) -> tuple[str, ...]:
    """Those of the forge, and those whose push came while it was asked; else what the rows know."""
    if source is None:
        return ()
    if looked.tags is None:
        return known_of(source, [rule]).tags or ()
    return (*looked.tags, *tags_pushed_since(source, looked.at))
