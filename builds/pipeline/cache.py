"""The cache report of a run, made when its end is told: what it is compared with, and what Git says of the files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from builds.actions.cache import note_cache
from builds.actions.changes import keep_changes
from builds.core.cache_files import ChangedFiles
from builds.core.cache_reasons import Circumstances
from builds.core.cache_report import Took, make_report, took
from builds.core.cache_sides import Ran, Side
from builds.core.errors import BuildError, Skipped, Stopped
from builds.core.hooks import FOLDER
from builds.core.paths import BadPathError, clean_path
from builds.core.states import State
from builds.engine.gitdiff import NoBase
from builds.engine.gitlook import look
from builds.models import Build, BuildRecord, Step
from builds.models.ran import ran_of
from builds.pipeline.checkout import mirror_for
from builds.pipeline.job import Job
from lib.storable import storable

LOOKED_BACK = 20
"""Builds among which the last one that succeeded is looked for, and the times of steps."""
GIT_TIMEOUT_S = 20.0
# How far back the last build of a rule may be, in builds of the repository.
_NEAR = 1000
_IGNORE_BYTES = 64 * 1024
_IGNORE = ".dockerignore"


def report_cache(job: Job, ended: Stopped | BuildError | Skipped | None) -> dict[str, Any]:  # noqa: ARG001
    """A recorder: why the steps of this build ran or did not, whether it succeeded or failed."""
    build = job.build
    steps = list(Step.objects.filter(build=build, attempt=job.run.attempt))
    ran = ran_of(steps)
    if not ran:
        return {}  # it never came to BuildKit, or only finished the publication of an earlier attempt
    this = _side(build, ran, BuildRecord.objects.filter(build=build).first())
    before, tried, told = _compared_with(build)
    around = Circumstances(
        cache=build.plan.get("cache", True),
        isolated=build.untrusted,
        git_dir=bool(build.source and build.source.keeps_git_dir),
        makers=("a hook",) if any(step.name.startswith(f"{FOLDER}/") for step in steps) else (),
        files=_files(build, this, before) if before else None,
    )
    report = make_report(this, before, tried, around, _spared(build, before, told))
    if not note_cache(job.run, cacheable=report.cacheable, cached=report.cached, saved_s=report.saved_s):
        return {}
    return {"cache_report": _masked(report.document, job.logbook.redactor.text)}


def _side(build: Build, ran: Sequence[Ran], record: BuildRecord | None) -> Side:
    plan: dict[str, Any] = build.plan
    return Side(
        number=build.number,
        commit=build.commit,
        steps=tuple(ran),
        args=plan.get("passed", {}).get("args", plan.get("build_args", {})),
        dockerfile=record.dockerfile if record else "",
        builder=record.builder if record else "",
        target=plan.get("target") or "",
        platforms=tuple(plan.get("platforms", [])),
    )


def _compared_with(build: Build) -> tuple[Side | None, Side | None, dict[int, float]]:
    """The last build of the rule that succeeded, of the same ref if there is one; a newer one that did not; and what
    the first one's report knows of the times of its steps, by index.

    A stranger's build shares its cache with those of the same pull request alone, and nobody else's with it.
    """
    rows = Build.objects.filter(rule=build.rule_id, number__lt=build.number, untrusted=build.untrusted, attempt__gt=0)
    rows = rows.filter(repository=build.repository_id, state__in=[State.SUCCEEDED, State.FAILED, State.CANCELLED])
    if build.untrusted:
        rows = rows.filter(pull_request__number=build.pull_request.get("number", 0))
    if build.rule_id is None:
        return None, None, {}
    newest = list(rows.filter(number__gt=build.number - _NEAR).order_by("-number")[:LOOKED_BACK])
    of_ref = [row for row in newest if (row.ref_type, row.ref) == (build.ref_type, build.ref)]
    best = of_ref if any(row.state == State.SUCCEEDED for row in of_ref) else newest
    tried: Side | None = None
    for row in best:
        if row.state == State.SUCCEEDED:
            record = BuildRecord.objects.filter(build=row).first()
            if side := _stored(row, record):
                return side, tried, _told_seconds(record)
        elif tried is None:
            tried = _stored(row, BuildRecord.objects.filter(build=row).first())
    return None, None, {}


def _stored(build: Build, record: BuildRecord | None) -> Side | None:
    """An earlier build as its rows have it; None where BuildKit ran no step of it."""
    steps = Step.objects.filter(build=build).exclude(vertex="").order_by("-attempt", "index")
    rows = list(steps)
    ran = ran_of(row for row in rows if row.attempt == rows[0].attempt)
    return _side(build, ran, record) if ran else None


def _told_seconds(record: BuildRecord | None) -> dict[int, float]:
    """What a step cost when it last really ran, as the report of the build has it: that may be long ago."""
    report = record.cache_report if record else {}
    told = {}
    for stage in report.get("stages", []):
        for step in stage["steps"]:
            seconds = step["saved_s"] if step["cached"] else step["seconds"]
            if seconds is not None:
                told[step["index"]] = seconds
    return told


def _spared(build: Build, before: Side | None, told: dict[int, float]) -> Took:
    """How long the steps took when they last ran: in this repository's last builds, or as the one before knows."""
    earlier = Build.objects.filter(repository=build.repository_id, number__lt=build.number).order_by("-number")
    steps = Step.objects.filter(build__in=list(earlier.values_list("pk", flat=True)[:LOOKED_BACK]))
    steps = steps.filter(cached=False, internal=False, state=Step.State.SUCCEEDED, duration_s__isnull=False)
    columns = steps.exclude(vertex="").order_by("-build__number", "-attempt", "index")
    columns = columns.only("index", "name", "operation", "fingerprint", "duration_s", "build", "attempt")
    lately = [
        Ran(row.index, row.name, operation=row.operation, fingerprint=row.fingerprint, seconds=row.duration_s)
        for row in columns
    ]
    known = [before.by_index[index] for index in told if index in before.by_index] if before else []
    return took([*((row, row.seconds) for row in lately), *((row, told[row.index]) for row in known)])


def _files(build: Build, this: Side, before: Side) -> ChangedFiles | None:
    """What Git says of the two commits; kept for whoever compares the builds."""
    if build.source is None:
        return None
    context, names = _ignore_names(build.plan)
    if before.commit == this.commit:
        return ChangedFiles(context=context)
    found, texts = _look(mirror_for(build), before.commit, this.commit, names)
    if isinstance(found, NoBase):
        return ChangedFiles(context=context, why_unknown=found.why)
    paths = tuple(storable(one.path) for one in found.paths)
    keep_changes(build.source, before.commit, this.commit, files=paths)
    name = next((name for name in names if name in texts), names[-1])
    return ChangedFiles(
        paths=paths,
        submodules=frozenset(storable(one.path) for one in found.paths if one.submodule),
        context=context,
        ignore=texts.get(name, ""),
        ignore_name=name,
    )


def _look(mirror: Path, base: str, head: str, names: tuple[str, ...]) -> Any:
    return look(mirror, base, head, names=names, most_bytes=_IGNORE_BYTES, timeout_s=GIT_TIMEOUT_S)


def _ignore_names(plan: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The context's folder, and where its list of ignored files may be: the Dockerfile's own first."""
    try:
        context, dockerfile = clean_path(plan["context"], "context"), clean_path(plan["dockerfile"], "dockerfile")
    except (BadPathError, KeyError):
        return ".", (_IGNORE,)
    folder = "" if context == "." else f"{context}/"
    return context, (f"{dockerfile}{_IGNORE}", f"{folder}{_IGNORE}")


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: _masked(one, mask) for key, one in value.items()}
    return [_masked(one, mask) for one in value] if isinstance(value, list | tuple) else value
