"""What the evaluator is told beside ref and rules: which tags the repository has, as far as the rows know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from builds.core.facts import NOTHING_KNOWN, Known
from builds.core.refnames import Ref
from builds.core.rules import RuleSpec
from builds.models import Build, BuildRule, Source, refs_of


def known_of(source: Source | None, rules: Sequence[RuleSpec], also: Iterable[Ref] = ()) -> Known:
    """The tags that the newest look at the forge found, those that were pushed since, and `also` (of a tester).

    Asks the database only where one of `rules` makes `{latest}`. Before the first look the tags are not known: then
    `{latest}` waits for the publication.
    """
    if source is None or source.probed_at is None or not wants_tags(rules):
        return NOTHING_KNOWN
    seen = [row["name"] for row in refs_of(source) if row.get("type") == BuildRule.RefType.TAG]
    tried = [ref.name for ref in also if ref.type == "tag"]
    # After a look that failed, nobody knows when the one was that found these.
    since = source.probed_at if source.probe_state != "failed" else None
    return Known(tags=tuple(dict.fromkeys((*seen, *tags_pushed_since(source, since), *tried))))


def wants_tags(rules: Iterable[RuleSpec]) -> bool:
    """Whether one of the rules makes a tag that depends on the other tags of the repository."""
    return any("{latest}" in template.replace(" ", "") for rule in rules for template in rule.tags)


def tags_pushed_since(source: Source, moment: datetime | None) -> list[str]:
    """Tags that a build was asked for after `moment`, or ever: a look at the forge before it may have missed them."""
    builds = Build.objects.filter(source=source, ref_type=BuildRule.RefType.TAG)
    builds = builds if moment is None else builds.filter(queued_at__gte=moment)
    return list(builds.order_by().values_list("ref", flat=True).distinct())
