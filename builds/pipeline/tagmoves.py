"""Which of a build's tags may move: what Git and the rows say, held against the rule that none goes back."""

from __future__ import annotations

from collections.abc import Sequence

from builds.core.moves import Candidate, Holder, Relation, decide_move
from builds.core.plan import PlannedTag
from builds.engine.git import Checkout
from builds.models import Build
from builds.pipeline.checkout import commit_relation
from builds.pipeline.job import Job
from registry.actions import TagPut
from registry.models import Tag


class TagMoves:
    """The decision of one run. It counts only under the publish lock; one made before that has asked Git already."""

    def __init__(self, job: Job, checkout: Checkout) -> None:
        self._job = job
        self._checkout = checkout
        self._relations: dict[str, Relation] = {}  # by the holder's commit: how two commits stand never changes

    def decide(self, tags: Sequence[PlannedTag]) -> list[TagPut]:
        """For each tag whether this build may have it: a floating tag never goes back."""
        build = self._job.build
        candidate = Candidate(build.number, build.commit, build.ref_type, build.ref, forced=build.forced)  # type: ignore[arg-type]
        puts = [TagPut(build.build_tag, moved=True, sentence="The build tag, which never moves.")]
        holders = _holders(build, [tag.name for tag in tags])
        for tag in tags:
            holder = holders.get(tag.name)
            move = decide_move(holder, candidate, self._relation(holder), tag=tag.name)
            puts.append(TagPut(tag.name, move.moves, move.sentence))
        return puts

    def _relation(self, holder: Holder | None) -> Relation:
        if holder is None:
            return "unknown"
        known = self._relations.get(holder.commit)
        if known is None:
            known = commit_relation(self._job, self._checkout.commit, holder.commit)
            if known != "unknown":
                self._relations[holder.commit] = known
        return known


def _holders(build: Build, names: list[str]) -> dict[str, Holder]:
    """The builds that have the tags now. A tag that was pushed by hand has no holder and may be taken."""
    tags = Tag.objects.filter(repository=build.repository, name__in=names).exclude(build_number=None)
    numbers = {tag.name: tag.build_number for tag in tags if tag.build_number is not None}
    builds = Build.objects.filter(repository=build.repository, number__in=numbers.values())
    by_number = {b.number: Holder(b.number, b.commit, b.ref_type, b.ref, forced=b.forced) for b in builds}  # type: ignore[arg-type]
    return {name: by_number[number] for name, number in numbers.items() if number in by_number}
