"""Which of a build's tags may move: what Git and the rows say, held against the rule that none goes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.utils.timezone import localtime

from builds.actions.fixed_tags import fixed_tags_of
from builds.core.fixed_tags import FixedTags
from builds.core.moves import Candidate, Holder, Kept, Relation, decide_move
from builds.core.plan import PlannedTag
from builds.core.tag_words import image_words
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

    def decide(
        self, tags: Sequence[PlannedTag], *, digest: str = "", points_at: Callable[[str], str | None] | None = None
    ) -> list[TagPut]:
        """For each tag whether this build may have it: a floating tag never goes back, one that is held or fixed stays.

        `digest` is this build's image; `points_at` asks the registry for a tag that no row knows of.
        """
        build = self._job.build
        candidate = Candidate(build.number, build.commit, build.ref_type, build.ref, forced=build.forced)  # type: ignore[arg-type]
        puts = [TagPut(build.build_tag, moved=True, sentence="The build tag, which never moves.")]
        rows = {tag.name: tag for tag in _rows(build, [tag.name for tag in tags])}
        holders, fixed = _holders(build, rows), fixed_tags_of(build.repository_id)
        for tag in tags:
            holder, row = holders.get(tag.name), rows.get(tag.name)
            kept = _kept(row, tag.name, fixed) or self._kept_unseen(row, tag.name, fixed, digest, points_at)
            move = decide_move(holder, candidate, self._relation(holder), tag=tag.name, kept=kept)
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

    def _kept_unseen(
        self,
        row: Tag | None,
        name: str,
        fixed: FixedTags,
        digest: str,
        points_at: Callable[[str], str | None] | None,
    ) -> Kept | None:
        """A tag that never moves and was pushed by hand. What an earlier attempt of this build put is its own."""
        pattern = "" if row else fixed.pattern_of(name)
        if not pattern or points_at is None or name in self._job.build.publication.get("tags", ()):
            return None
        found = points_at(name)
        return Kept(found, pattern=pattern) if found not in (None, digest) and found else None


def _kept(row: Tag | None, name: str, fixed: FixedTags) -> Kept | None:
    """Why builds leave a tag alone that points somewhere; None where they do not."""
    if row is None:
        return None
    at = image_words(row.build_number, row.digest)
    if pattern := fixed.pattern_of(name):
        return Kept(at, pattern=pattern)
    if row.held_since is not None:
        since = localtime(row.held_since)
        return Kept(at, by=row.held_by, since=f"{since:%d %b %Y, %H:%M} ({since.tzname()})")
    return None


def _rows(build: Build, names: list[str]) -> list[Tag]:
    return list(Tag.objects.filter(repository=build.repository, name__in=names))


def _holders(build: Build, rows: dict[str, Tag]) -> dict[str, Holder]:
    """The builds that have the tags now. A tag that was pushed by hand has no holder and may be taken."""
    numbers = {name: tag.build_number for name, tag in rows.items() if tag.build_number is not None}
    builds = Build.objects.filter(repository=build.repository, number__in=numbers.values())
    by_number = {b.number: Holder(b.number, b.commit, b.ref_type, b.ref, forced=b.forced) for b in builds}  # type: ignore[arg-type]
    return {name: by_number[number] for name, number in numbers.items() if number in by_number}
