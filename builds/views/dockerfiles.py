"""The Dockerfile of a build with what is known of its lines, for the page and the API. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from builds.core.annotate import Annotated, Finding, Outcome, StepFacts, annotate
from builds.core.dockerfile_words import find_lines
from builds.core.failure_digest import read_digest
from builds.core.states import State
from builds.models import Build, BuildRecord, Step

# So many earlier builds of the rule are asked whether their Dockerfile was the same.
_LOOK_BACK = 3
_HOOK = "hooks/build"
# A text may be all line breaks: nobody reads further.
MOST_LINES = 3000
MOST_UNPLACED = 200
_OUTCOMES: dict[str, Outcome] = {
    Step.State.SUCCEEDED: "ran",
    Step.State.FAILED: "failed",
    Step.State.RUNNING: "running",
    Step.State.CANCELLED: "cut off",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """`annotated` is None where there is no text, and `why` then says so. `notes` say what is missing beside it."""

    path: str
    text: str
    annotated: Annotated | None
    notes: tuple[str, ...] = ()
    why: str = ""


def dockerfile_of(build: Build, attempt: int, steps: Sequence[Step], platform: str = "") -> Shown:
    """What was built and how it went, line by line. Three queries at most."""
    record = BuildRecord.objects.filter(build=build).defer("platforms", "image", "cache_report").first()
    path = (record.dockerfile_path if record else "") or build.plan.get("dockerfile", "") or "Dockerfile"
    if record is None or not record.dockerfile:
        return Shown(path, "", None, why=_why_none(build, attempt, steps))
    facts = [_facts(step, is_over=build.is_final, now=timezone.now()) for step in steps if not step.internal]
    facts, notes = _placed(build, record.dockerfile, facts)
    guilty_line, guilty_step = _guilty(build, record, attempt)
    annotated = annotate(
        record.dockerfile,
        facts,
        findings=_findings(build, path),
        guilty_line=guilty_line,
        guilty_step=guilty_step,
        platform=platform,
    )
    if record.attempt != attempt:
        notes = (f"The text is as attempt {record.attempt} read it; the commit is the same.", *notes)
    return Shown(path, record.dockerfile, _bounded(annotated), (*notes, *_missing(build, annotated)))


def _bounded(annotated: Annotated) -> Annotated:
    return replace(annotated, lines=annotated.lines[:MOST_LINES], unplaced=annotated.unplaced[:MOST_UNPLACED])


def _facts(step: Step, *, is_over: bool, now: datetime) -> StepFacts:
    outcome = _OUTCOMES.get(step.state, "not reached" if is_over else "not yet")
    seconds = step.duration_s
    if outcome == "running" and step.started_at:
        seconds = (now - step.started_at).total_seconds()
    if step.cached:
        outcome, seconds = "cached", None
    if outcome in ("not reached", "not yet"):
        seconds = None
    return StepFacts(
        step.index, step.name, outcome, seconds, step.layer_bytes, tuple(step.dockerfile_lines), step.lines
    )


def _placed(build: Build, text: str, facts: list[StepFacts]) -> tuple[list[StepFacts], tuple[str, ...]]:
    """Steps without lines get those of an earlier build of the same text, else those with their words."""
    open_ = [one for one in facts if not one.lines and one.label.role == "step"]
    if not open_ or len(open_) < sum(one.label.role == "step" for one in facts):
        return facts, ()  # BuildKit told: what it left out stands on no line
    number, known = _from_before(build, text)
    found = {one.name: known[one.name] for one in open_ if one.name in known}
    notes = (
        [f"Which line made which step is known from build #{number}, whose Dockerfile was the same."] if found else []
    )
    rest = [one for one in open_ if one.name not in found]
    words = find_lines(text, [one.label.instruction for one in rest])
    by_words = {one.name: words[one.label.instruction] for one in rest if one.label.instruction in words}
    if by_words:
        notes.append(
            "BuildKit tells which line made which step only at the end of a good build, so steps were put where their "
            "words stand."
        )
    found |= by_words
    return [replace(one, lines=found.get(one.name, one.lines)) for one in facts], tuple(notes)


def _from_before(build: Build, text: str) -> tuple[int, dict[str, tuple[int, ...]]]:
    """The last build of the rule with the same Dockerfile that BuildKit told the lines of: its number, lines by "
    "step.
    """
    before = BuildRecord.objects.filter(build__repository_id=build.repository_id, build__rule_id=build.rule_id)
    before = before.filter(build__state=State.SUCCEEDED, build__number__lt=build.number).exclude(platforms=[])
    rows = before.order_by("-build__number").values_list("build_id", "attempt", "build__number", "dockerfile")
    for build_id, attempt, number, dockerfile in rows[:_LOOK_BACK]:
        if dockerfile == text:
            steps = Step.objects.filter(build_id=build_id, attempt=attempt).exclude(dockerfile_lines=[])
            return number, {name: tuple(lines) for name, lines in steps.values_list("name", "dockerfile_lines")}
    return 0, {}


def _guilty(build: Build, record: BuildRecord, attempt: int) -> tuple[int | None, str]:
    digest = read_digest(record.failure)
    if digest is not None and digest.attempt == attempt:
        return digest.dockerfile_line, digest.step
    return (build.error_line, build.error_step) if attempt == build.attempt else (None, "")


def _findings(build: Build, path: str) -> dict[int | None, list[Finding]]:
    """BuildKit's warnings by line; those of another file have no line here."""
    name = path.rsplit("/", 1)[-1]
    found: dict[int | None, list[Finding]] = {}
    for warning in build.warnings:
        if not isinstance(warning, dict):
            continue
        is_here = str(warning.get("file") or "").rsplit("/", 1)[-1] in ("", name)
        url = str(warning.get("url") or "")
        line = warning.get("line") if is_here else None
        finding = Finding(str(warning.get("message", "")), url if url.startswith("https://") else "")
        found.setdefault(line if isinstance(line, int) else None, []).append(finding)
    return found


def _missing(build: Build, annotated: Annotated) -> list[str]:
    """What the page cannot show of this build, and why."""
    notes = []
    if len(annotated.lines) > MOST_LINES:
        notes.append(f"The first {MOST_LINES:,} of {len(annotated.lines):,} lines are shown.")
    is_told = any(line.block and line.block.layer_bytes is not None for line in annotated.lines)
    if build.state == State.SUCCEEDED and not is_told:
        notes.append(
            "BuildKit gives no layer sizes for a push of several platforms."
            if len(annotated.platforms) > 1
            else "BuildKit gave no layer sizes with this build."
        )
    elif build.is_final and build.state != State.SUCCEEDED:
        notes.append("Layer sizes are known of builds that succeeded.")
    if annotated.unplaced:
        count = len(annotated.unplaced)
        notes.append(f"{count} step{'' if count == 1 else 's'} could not be put on a line; they are listed below.")
    return notes


def _why_none(build: Build, attempt: int, steps: Sequence[Step]) -> str:
    if any(step.name == _HOOK for step in steps):
        return (
            "The repository's own `hooks/build` made this image, so that Imageyard does not know which Dockerfile it "
            "used. The log of that step tells more."
        )
    if any(step.vertex for step in steps):
        return "The Dockerfile of this build was not kept."
    if not build.is_final:
        return "The Dockerfile appears here once a worker has checked out the commit."
    if not attempt:
        return "No worker took this build, so that no Dockerfile was read."
    return "This attempt ended before the Dockerfile was read."
