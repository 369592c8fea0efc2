"""The API's debug images: everything before the failing step of a build, for `docker run`. Shells are the page's."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.models import Role
from builds.actions.debug_images import ask_debug_image, newest_of, remove_debug_image
from builds.api.builds import find_build
from builds.core.debug_step import StepFacts, run_line
from builds.models import DebugImage
from builds.views.lookup import person

router = Router(tags=["debug images"])
R = "/builds/{int:build_id}/debug-image"


class DebugImageOut(Schema):
    """`state` is asked, making, ready, failed or expired; what is not there yet is empty."""

    state: str
    sentence: str = Field(description="What is done for it now, or why it failed.")
    attempt: int
    step: str = Field(description="The failing step; the image ends before it.")
    image: str
    digest: str
    run: str = Field(description="The command that gives a shell where the step would have run.")
    instruction: str = Field(description="The failing instruction as the Dockerfile has it.")
    command: str = Field(description="What a RUN gave its shell, to paste; empty for other instructions.")
    mounts: list[str] = Field(description="What the step had mounted, and the image has not.")
    args: dict[str, str] = Field(description="The ARGs in force, which an image does not keep.")
    workdir: str
    user: str
    asked_at: datetime
    ready_at: datetime | None
    expires_at: datetime | None


@router.post(R, response={202: DebugImageOut}, summary="Make a debug image")
def make(request: HttpRequest, build_id: int) -> Any:
    """Have a worker make `debug-<number>` of everything before the failing step. Again gives the one that lives."""
    build = find_build(request, build_id, role=Role.WRITE)
    return Status(202, debug_image_out(ask_debug_image(person(request), build)))


@router.get(R, response=DebugImageOut, summary="Read the debug image")
def read(request: HttpRequest, build_id: int) -> Any:
    """The newest debug image of the build, whatever became of it."""
    return debug_image_out(_find(request, build_id))


@router.delete(R, response={202: DebugImageOut}, summary="Remove the debug image")
def remove(request: HttpRequest, build_id: int) -> Any:
    """Let a worker take it out of the registry now, before its time is over. Again is harmless."""
    image = _find(request, build_id)
    remove_debug_image(person(request), image)
    image.refresh_from_db()
    return Status(202, debug_image_out(image))


def _find(request: HttpRequest, build_id: int) -> DebugImage:
    image = newest_of(find_build(request, build_id, role=Role.WRITE))
    if image is None:
        raise Http404(f"Nobody asked for a debug image of build {build_id}.")
    return image


def debug_image_out(image: DebugImage) -> dict[str, Any]:
    """As the API tells it."""
    facts = StepFacts.from_json(image.facts)
    is_ready = image.state == DebugImage.State.READY
    return {
        **{name: getattr(image, name) for name in ("state", "sentence", "attempt", "digest")},
        "step": image.step_name,
        "image": image.image if is_ready else "",
        "run": run_line(image.image, facts) if is_ready else "",
        **{name: getattr(facts, name) for name in ("instruction", "command", "args", "workdir", "user")},
        "mounts": list(facts.mounts),
        **{name: getattr(image, name) for name in ("asked_at", "ready_at", "expires_at")},
    }
