"""Whether a push changed anything that its rule watches: asked before anything is checked out, for most of the causes.

What somebody or something asked for on purpose (a person, a retry, a token, a schedule, a base image) is always built.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from builds.core.errors import ErrorKind, Skipped
from builds.core.pathfilter import Changes, judge_paths
from builds.core.states import ACTIVE, State
from builds.engine.gitdiff import NoBase, net_changes
from builds.models import Build, BuildRule
from builds.pipeline.checkout import mirror_for, remote_of
from builds.pipeline.job import Job

DIFF_TIMEOUT_S = 300.0
_LOOKED_BACK = 500
_FILTERED = (Build.Cause.PUSH, Build.Cause.CATCH_UP, Build.Cause.PULL_REQUEST)


def skip_unwatched(job: Job, *, is_checked_out: bool) -> None:
    """Raise `Skipped` where nothing that the rule watches has changed; else write down why the build goes on.

    A push is judged before the checkout, which is then spared; a pull request behind it, since the checkout knows how
    a forge gives out its commits. Raises BuildError where the commit cannot be had, in the words of the checkout.
    """
    build = job.build
    if not is_filtered(build) or build.source is None or is_checked_out != _of_pull_request(build):
        return
    include, exclude = _globs(build)
    with job.logbook.own_step("See what changed") as say:
        changes = _changes(job, say)
        if isinstance(changes, NoBase):
            say(f"{changes.why} So it is built.\n")
            return
        verdict = judge_paths(include, exclude, changes)
        say(f"{verdict.sentence}\n")
        for path in verdict.matched:
            say(f"  {path}\n")
    judged = {"base": changes.base, "files": len(changes.paths), "builds": verdict.builds}
    job.note(plan=build.plan | {"changes": judged})
    if not verdict.builds:
        raise Skipped(verdict.sentence)


def is_filtered(build: Build) -> bool:
    """Whether the path filters of the rule, as it was when the build was asked for, have a say in this build."""
    return (
        any(_globs(build))
        and build.cause in _FILTERED
        # Someone asked for it by hand, or tried it again: then it waits at the priority of people.
        and build.priority > Build.Priority.MANUAL
        and build.ref_type != BuildRule.RefType.TAG
        and bool(build.commit)
        and not (build.cause == Build.Cause.CATCH_UP and not build.before)
        and not build.publication
    )


def _of_pull_request(build: Build) -> bool:
    return build.ref_type == BuildRule.RefType.PULL_REQUEST


def _globs(build: Build) -> tuple[list[str], list[str]]:
    return build.plan.get("paths_include", []), build.plan.get("paths_exclude", [])


def _changes(job: Job, say: Any) -> Changes | NoBase:
    build = job.build
    assert build.source is not None
    of_pull_request = _of_pull_request(build)
    return net_changes(
        remote_of(build.source),
        mirror=mirror_for(build),
        ref="" if of_pull_request else f"refs/heads/{build.ref}",
        commit=build.commit,
        base="" if of_pull_request else base_of(build),
        against=build.ref if of_pull_request else build.source.default_branch,
        log=say,
        stop=job.stop,
        timeout_s=DIFF_TIMEOUT_S,
    )


def base_of(build: Build) -> str:
    """The commit to compare a push with; "" for a new ref.

    Where the ref pointed before, or, if builds of the same rule and ref before this one were never carried out, where
    it pointed before the oldest of those: what they would have built is then built now, and no change is lost.
    """
    earlier = Build.objects.filter(
        rule=build.rule_id, ref_type=build.ref_type, ref=build.ref, cause__in=_FILTERED, number__lt=build.number
    )
    columns = earlier.order_by("-number").only("before", "state", "error_kind", "plan", "cancel_requested_at")[
        :_LOOKED_BACK
    ]
    return _oldest_base(build.before, columns.iterator(chunk_size=20)) if build.rule_id else build.before


def _oldest_base(before: str, earlier: Iterable[Build]) -> str:
    """`earlier` from the newest to the oldest, up to the first one that was carried out."""
    base = before
    for build in earlier:
        state = State(build.state)
        if state is State.SUCCEEDED or (state is State.FAILED and build.error_kind == ErrorKind.USER):
            break  # to build it again with the same files would end the same
        # One that waits or runs will be carried out, unless it was told to stop and has not yet.
        is_coming = state in ACTIVE and build.cancel_requested_at is None
        # One that was skipped for its paths had nothing to carry out.
        if not is_coming and build.plan.get("changes", {}).get("builds", True):
            base = build.before
    return base
