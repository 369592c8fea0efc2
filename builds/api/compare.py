"""The API's comparison of two builds of one repository: inputs, steps, layers and settings, as the page tells them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.models import Role
from builds.actions.changes import ask_changes
from builds.api.builds import find_build
from builds.core.build_compare import StepRow
from builds.core.image_compare import LayerRow
from builds.models import Build, CommitChanges
from builds.views.comparing import Compared, changes_of, compared, two_builds
from builds.views.comparing_images import ComparedImage, ComparedSettings

router = Router(tags=["builds"])


class InputOut(Schema):
    """`kind` is setting, argument, secret or base; "" stands for not given."""

    kind: str
    name: str
    before: str
    after: str
    change: str


class SideOut(Schema):
    index: int
    words: str
    state: str
    cached: bool
    seconds: float | None


class ComparedStepOut(Schema):
    change: str
    moved: bool
    words: str
    before: SideOut | None
    after: SideOut | None
    delta_s: float


class ComparedLayerOut(Schema):
    change: str
    made_by: str
    line: int | None
    is_base: bool
    before_bytes: int | None
    after_bytes: int | None
    delta_bytes: int


class ComparedLayersOut(Schema):
    platform: str
    sentence: str
    before_bytes: int
    after_bytes: int
    rows: list[ComparedLayerOut]


class ConfigRowOut(Schema):
    platform: str
    change: str
    what: str
    name: str
    before: str
    after: str


class FilesOut(Schema):
    """`state` is asked, good or failed; "unknown" where nobody asked yet, "same" where the commits are one."""

    state: str
    total: int
    paths: list[str]
    sentence: str


class ComparisonOut(Schema):
    before: int = Field(description="Number of the older build.")
    after: int
    headlines: list[str]
    forge_url: str
    inputs: list[InputOut] = Field(description="Those that differ.")
    files: FilesOut
    dockerfile_diff: list[str]
    steps: list[ComparedStepOut]
    layers: list[ComparedLayersOut]
    config: list[ConfigRowOut]


@router.get("/builds/{int:before_id}/compare/{int:after_id}", response=ComparisonOut, summary="Compare two builds")
def compare(request: HttpRequest, before_id: int, after_id: int) -> Any:
    """The older one first as a rule. 404 for builds of different repositories."""
    return _out(compared(*_pair(request, before_id, after_id)))


@router.post(
    "/builds/{int:before_id}/compare/{int:after_id}/files", response={202: FilesOut}, summary="List the changed files"
)
def list_files(request: HttpRequest, before_id: int, after_id: int) -> Any:
    """Have a worker compare the two commits; then the comparison lists the files. For members; again is harmless."""
    before, after = _pair(request, before_id, after_id, role=Role.READ)
    ask_changes(before, after)
    return Status(202, _files(before, after, changes_of(before, after)))


def _pair(request: HttpRequest, before_id: int, after_id: int, *, role: Role | None = None) -> tuple[Build, Build]:
    first, second = find_build(request, before_id, role=role), find_build(request, after_id, role=role)
    if first.repository_id != second.repository_id:
        raise Http404("Only builds of one repository are compared.")
    return two_builds(second.repository, first.number, second.number)


def _files(before: Build, after: Build, changes: CommitChanges | None) -> dict[str, Any]:
    nothing = "same" if before.commit and before.commit == after.commit else "unknown"
    return {
        "state": changes.state if changes else nothing,
        "total": changes.total if changes else 0,
        "paths": changes.files if changes else [],
        "sentence": changes.sentence if changes else "",
    }


def _out(found: Compared) -> dict[str, Any]:
    return {
        "before": found.before.number,
        "after": found.after.number,
        "headlines": found.headlines,
        "forge_url": found.forge_url,
        "inputs": [
            {"kind": row.kind, "name": row.name, "before": row.before, "after": row.after, "change": row.change}
            for row in found.builds.changed_inputs
        ],
        "files": _files(found.before, found.after, found.changes),
        "dockerfile_diff": found.builds.diff,
        "steps": [_step(row) for row in found.builds.steps],
        "layers": [layers_out(image) for image in found.images],
        "config": config_out(found.configs),
    }


def layers_out(image: ComparedImage) -> dict[str, Any]:
    """As ComparedLayersOut has it."""
    return {
        "platform": image.platform,
        "sentence": image.sentence,
        "before_bytes": image.layers.before_bytes,
        "after_bytes": image.layers.after_bytes,
        "rows": [_layer(row) for row in image.layers.rows],
    }


def config_out(configs: Iterable[ComparedSettings]) -> list[dict[str, Any]]:
    """As ConfigRowOut has each."""
    return [
        {
            "platform": config.platform,
            "change": row.change,
            "what": row.what,
            "name": row.name,
            "before": row.before,
            "after": row.after,
        }
        for config in configs
        for row in config.rows
    ]


def _step(row: StepRow) -> dict[str, Any]:
    sides = {
        name: side
        and {
            "index": side.index,
            "words": side.words,
            "state": side.state,
            "cached": side.cached,
            "seconds": side.seconds,
        }
        for name, side in (("before", row.before), ("after", row.after))
    }
    return {"change": row.change, "moved": row.moved, "words": row.shown.words, "delta_s": row.delta_s, **sides}


def _layer(row: LayerRow) -> dict[str, Any]:
    return {
        "change": row.change,
        "made_by": row.shown.made_by,
        "line": row.shown.line,
        "is_base": row.shown.is_base,
        "before_bytes": row.before.size_bytes if row.before else None,
        "after_bytes": row.after.size_bytes if row.after else None,
        "delta_bytes": row.delta_bytes,
    }
