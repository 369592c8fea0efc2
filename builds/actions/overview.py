"""What a repository shows of its source: the README of the newest success of the default branch."""

from __future__ import annotations

from builds.core.states import State
from builds.models import Build
from registry.actions import take_readme

README_BYTES = 256 * 1024


def show_readme(build: Build, markdown: str) -> None:
    """Take the README over that this success was built with. One of another branch, or an older one, is left.

    Whether the commit is older than what the tags have is known where they are put: then this is not called.
    """
    source = build.source
    if source is None or not markdown or build.ref_type != "branch":
        return
    if build.ref != (source.default_branch or build.ref):
        return
    same = Build.objects.filter(repository=build.repository, ref_type="branch", ref=build.ref, state=State.SUCCEEDED)
    if not same.filter(number__gt=build.number).exists():
        take_readme(build.repository, markdown[:README_BYTES])
