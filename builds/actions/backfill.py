"""Back-fill: building refs that were there before their rule was, through the one queue and behind everything else."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from django.db import transaction

from accounts import audit
from accounts.models import User
from builds.actions.known import known_of
from builds.actions.request import Order, request_builds
from builds.core.backfill import Gap, Key, find_gaps
from builds.core.plan import Verdict
from builds.core.refnames import Ref, quoted
from builds.core.states import ACTIVE, State
from builds.models import Build, Source, refs_of
from lib.refusal import Refused

MOST_BUILDS = 1000
LOOK_S = 3.0
"""Time for judging refs; ten thousand take a third of a second by three rules."""

_AT_ONCE = 50
_COMMITS_AT_ONCE = 500


def gaps_of(source: Source) -> tuple[Gap, ...]:
    """What of the refs that a worker saw last has no image yet, oldest first."""
    rules = [rule.spec for rule in source.rules.all()]
    refs = [(Ref(row["type"], row["name"]), str(row.get("commit", ""))) for row in refs_of(source)]
    if not rules or not refs:
        return ()
    until = time.monotonic() + LOOK_S
    return find_gaps(
        refs,
        rules,
        done=_done(source, [commit for _, commit in refs]),
        known=known_of(source, rules),
        default_branch=source.default_branch,
        is_over=lambda: time.monotonic() > until,
    )


def _done(source: Source, commits: Iterable[str]) -> dict[Key, str]:
    """Of each rule, ref and commit that was built: the best that came of it."""
    wanted = iter(dict.fromkeys(commits))
    done: dict[Key, str] = {}
    while some := list(islice(wanted, _COMMITS_AT_ONCE)):
        done |= _came_of(source, some)
    return done


def _came_of(source: Source, commits: list[str]) -> dict[Key, str]:
    rank = {"image": 2, "under way": 1, "failed": 0}
    done: dict[Key, str] = {}
    rows = Build.objects.filter(source=source, rule__isnull=False).exclude(ref_type="pull_request").order_by()
    wanted = rows.filter(commit__in=commits, state__in=[State.SUCCEEDED, State.FAILED, *ACTIVE])
    for rule, kind, name, commit, state in wanted.values_list("rule_id", "ref_type", "ref", "commit", "state"):
        key = (rule, Ref(kind, name), commit)  # type: ignore[arg-type]  # what the rows hold is exactly RefType
        came = {State.SUCCEEDED.value: "image", State.FAILED.value: "failed"}.get(state, "under way")
        if key not in done or rank[came] > rank[done[key]]:
            done[key] = came
    return done


def back_fill(actor: User, source: Source, refs: Collection[str] | None = None) -> list[Build]:
    """Build what has no image yet: `refs` (`tag v1.0`), or all that was never tried. Again makes no second build.

    Older versions first, behind pushes and everything else that waits. In small transactions: a webhook that comes
    meanwhile waits for fifty rows and not for a thousand, and what was cut short goes on with the next call. Raises
    Refused where there is nothing to build, or too much at once.
    """
    gaps = chosen(gaps_of(source), refs)
    count = sum(len(gap.verdicts) for gap in gaps)
    if not count:
        raise Refused(_nothing(source, refs))
    if count > MOST_BUILDS:
        raise Refused(
            f"These would be {count:,} builds, and {MOST_BUILDS:,} at once are the most. Choose some of the refs first."
        )
    order = Order(cause=Build.Cause.BACK_FILL, detail=f"built by {actor.get_username()} because it had no image")
    with transaction.atomic():
        audit.record(actor, "build.back_fill", source.repository, f"{len(gaps)} refs, {count} builds")
    builds: list[Build] = []
    for batch in _batches(gaps):
        with transaction.atomic():
            # Two people who press the button at once: the second one sees what the first one asked for.
            Source.objects.select_for_update().get(pk=source.pk)
            done = _done(source, [gap.commit for gap in batch])
            for gap in batch:
                builds += request_builds(source, gap.ref, gap.commit, _still_open(gap, done), order)
    return builds


def chosen(gaps: Sequence[Gap], refs: Collection[str] | None) -> list[Gap]:
    """Those of `refs`. Without a choice, what failed before is left alone: it would most likely fail again."""
    if refs is not None:
        wanted = set(refs)
        return [gap for gap in gaps if gap.key in wanted]
    return [gap for gap in map(_untried, gaps) if gap.verdicts]


def _untried(gap: Gap) -> Gap:
    left = tuple(verdict for verdict in gap.verdicts if verdict.rule_id not in gap.tried)
    return Gap(gap.ref, gap.commit, left)


def _still_open(gap: Gap, done: dict[Key, str]) -> tuple[Verdict, ...]:
    return tuple(each for each in gap.verdicts if done.get((each.rule_id, gap.ref, gap.commit), "failed") == "failed")


def _batches(gaps: Sequence[Gap]) -> Iterator[list[Gap]]:
    rest = iter(gaps)
    while batch := list(islice(rest, _AT_ONCE)):
        yield batch


def _nothing(source: Source, refs: Collection[str] | None) -> str:
    if refs:
        first = quoted(next(iter(refs)))
        return (
            f"Nothing to build: of what was chosen ({first}{' and more' if len(refs) > 1 else ''}) everything has its "
            "image or is under way, or no rule builds it."
        )
    if refs is not None:
        return "Nothing was chosen. Choose the branches and tags that are to be built."
    if not source.probed_at:
        return "The branches and tags are not known yet: a worker has to look at the Git server first."
    return "Nothing to build: every branch and tag that a rule builds has its image, or is under way."
