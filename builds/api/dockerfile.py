"""The API's annotated Dockerfile: what was built, line by line, and what each instruction cost."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from builds.api.builds import find_build
from builds.core.annotate import Annotated, Block, Finding, Line
from builds.reading import steps_of
from builds.views.dockerfiles import dockerfile_of

router = Router(tags=["builds"])


class FindingOut(Schema):
    message: str
    url: str


class InstructionOut(Schema):
    """Lines from 1, both included; `steps` are indexes. Sums over all of them."""

    first_line: int
    last_line: int
    steps: list[int]
    outcome: str
    seconds: float | None
    layer_bytes: int | None


class DockerfileLineOut(Schema):
    number: int
    text: str
    warnings: list[FindingOut]
    failed: bool


class StageOut(Schema):
    name: str
    seconds: float
    steps: int
    cached: int
    layer_bytes: int | None


class DockerfileOut(Schema):
    """Where there is no text `lines` is empty, and `notes` say why; they also say what else is missing."""

    path: str
    platform: str = Field(description="The platform whose steps are counted; empty for all of them.")
    platforms: list[str]
    lines: list[DockerfileLineOut]
    instructions: list[InstructionOut]
    stages: list[StageOut]
    warnings: list[FindingOut] = Field(description="Those without a line.")
    notes: list[str]


@router.get("/builds/{int:build_id}/dockerfile", response=DockerfileOut, summary="Read the annotated Dockerfile")
def dockerfile(request: HttpRequest, build_id: int, platform: str = "") -> Any:
    """The Dockerfile that was built with time, cache, layer size, warnings and fault by line; `?platform=` for one."""
    build = find_build(request, build_id)
    shown = dockerfile_of(build, build.attempt, steps_of(build) if build.attempt else [], platform)
    told = shown.annotated or Annotated((), (), (), "", 0, 0)
    return {
        "path": shown.path,
        "platform": told.platform,
        "platforms": list(told.platforms),
        "lines": [_line(line) for line in told.lines],
        "instructions": [_instruction(line.block) for line in told.lines if line.block and line.is_first],
        "stages": [
            {
                "name": stage.name,
                "seconds": stage.seconds,
                "steps": stage.steps,
                "cached": stage.cached,
                "layer_bytes": stage.layer_bytes,
            }
            for stage in told.stages
        ],
        "warnings": [_finding(finding) for finding in told.elsewhere],
        "notes": [*([shown.why] if shown.why else []), *shown.notes],
    }


def _line(line: Line) -> dict[str, Any]:
    warnings = [_finding(finding) for finding in line.findings]
    return {"number": line.number, "text": line.text, "warnings": warnings, "failed": line.is_guilty}


def _instruction(block: Block) -> dict[str, Any]:
    return {
        "first_line": block.first,
        "last_line": block.last,
        "steps": [step.index for step in block.steps],
        "outcome": block.outcome,
        "seconds": block.seconds,
        "layer_bytes": block.layer_bytes,
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {"message": finding.message, "url": finding.url}
