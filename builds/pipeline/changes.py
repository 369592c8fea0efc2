"""Compare the commits of two builds for a page: from the mirror, or from the server where the mirror lacks one."""

from __future__ import annotations

import structlog

from builds import live
from builds.actions.changes import keep_changes
from builds.core.errors import BuildError, Stopped
from builds.core.pathfilter import Changes
from builds.engine.gitdiff import NoBase, net_changes
from builds.engine.gitlook import look
from builds.engine.stopflag import StopFlag
from builds.models import Build, BuildRule
from builds.pipeline.checkout import mirror_for, ref_of_pull_request, remote_of
from lib.storable import storable

log = structlog.get_logger(__name__)
TIMEOUT_S = 120.0


def compare_commits(build_id: int, base: str) -> None:
    """Write down which files differ between `base` and the build's commit. Again finds the same."""
    build = Build.objects.for_page().filter(pk=build_id).first()
    if build is None or build.source is None:
        return
    try:
        found = _differ(build, base)
    except (BuildError, Stopped) as error:
        found = NoBase(error.message if isinstance(error, BuildError) else "The Git server took too long.")
    except Exception as error:  # a bug of ours must not leave the page waiting
        log.exception("two commits could not be compared", build=build.pk)
        found = NoBase(f"Imageyard itself met a fault ({type(error).__name__}) that its log tells more of.")
    if isinstance(found, NoBase):
        keep_changes(build.source, base, build.commit, failed=found.why)
    else:
        keep_changes(build.source, base, build.commit, files=[storable(one.path) for one in found.paths])
    live.wake(f"repository:{build.repository_id}")


def _differ(build: Build, base: str) -> Changes | NoBase:
    assert build.source is not None
    found, _ = look(mirror_for(build), base, build.commit, most_bytes=0, timeout_s=TIMEOUT_S)
    if isinstance(found, Changes):
        return found
    folder = "tags" if build.ref_type == BuildRule.RefType.TAG else "heads"
    fetched = net_changes(
        remote_of(build.source),
        mirror=mirror_for(build),
        ref=ref_of_pull_request(build) or f"refs/{folder}/{build.ref}",
        commit=build.commit,
        base=base,
        against=build.source.default_branch,
        log=lambda _: None,
        stop=StopFlag(),
        timeout_s=TIMEOUT_S,
    )
    # Where the older commit is gone, the server compares with what the two have in common: that is not what was asked.
    if isinstance(fetched, Changes) and fetched.base != base:
        return NoBase("The older commit is no longer in the repository; it was probably force-pushed away.")
    return fetched
