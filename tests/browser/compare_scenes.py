"""Builds of one rule with reports and records, to compare; and a worker's answer that comes while somebody looks."""

from __future__ import annotations

from typing import Any

from builds import live
from builds.actions.changes import keep_changes
from builds.models import Build, CommitChanges
from tests.compared_builds import DOCKERFILE, NEW, OLD, add_build, report_on, two_builds
from tests.factories import make_repository, make_rule, make_source

PATH = "acme/compared"


def compared() -> dict[str, Any]:
    """A dozen builds of `acme/compared`, the last of which moved its base, edited a step and ran most of them."""
    source = make_source(make_repository(PATH), clone_url="https://github.com/acme/compared.git", forge="github")
    rule = source.rules.first() or make_rule(source)
    two_builds(rule)
    everything = tuple(range(3, 10))
    hits = [everything, (3, 4, 5, 8), everything, everything, (3, 4, 5), (3,), everything, (3, 4, 5), everything]
    before = Build.objects.get(repository=source.repository, number=2)
    for place, cached in enumerate(hits):
        build = add_build(rule, f"{place:x}" * 40, cached=cached, commit_message="Fix a typo", sizes={8: 30})
        report_on(build, before, ("src/app.py",))
        before = build
    changed = DOCKERFILE.replace("requirements.txt\n", "requirements.txt --no-cache-dir\n", 2)
    last = add_build(
        rule, "beef" * 10, cached=(3, 4), pace=1.3, more=" --no-cache-dir", sizes={8: 68, 9: 2},
        args={"VERSION": "2", "CHANNEL": "stable"}, dockerfile=changed, commit_message="Compile the extensions ourselves",
    )  # fmt: skip
    report_on(last, before, tuple(f"src/module_{name}.py" for name in "abcdefgh"))
    return {"before": before.number, "after": last.number, "path": last.get_absolute_url(), "pages": f"/r/{PATH}"}


def nobody_looked() -> dict[str, Any]:
    """No pair of commits was compared yet."""
    CommitChanges.objects.all().delete()
    return {}


def files_found() -> dict[str, Any]:
    """A worker lists the files that differ between the first two builds, and pages hear of it."""
    source = make_source(make_repository(PATH))
    keep_changes(source, OLD, NEW, files=["requirements.txt", "<b>bold</b>.txt"])
    live.wake(f"repository:{source.repository_id}")
    return {}
