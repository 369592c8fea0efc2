"""Whose containers are whose: names and labels of what a run makes in a Docker Engine, and taking it away again."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection

from django.conf import settings

from builds.actions.runs import Run
from builds.engine.dockerclient import Docker, bare_client
from builds.engine.stopflag import StopFlag

OWNER, RUN = "imageyard.owner", "imageyard.run"


def owner() -> str:
    """The name of this Imageyard in an engine, which it may share with others."""
    return hmac.new(settings.SECRET_KEY.encode(), b"owner of containers", hashlib.sha256).hexdigest()[:12]


def run_name(run: Run) -> str:
    """The run as its folder is named, `<build>.<attempt>`."""
    return f"{run.build_id}.{run.attempt}"


def shell_name(session_id: int) -> str:
    """A shell on a debug image, told apart from runs."""
    return f"shell.{session_id}"


def labels_of(run: Run) -> dict[str, str]:
    """What every container, network and volume of a run is marked with, so that it can be found again."""
    return {OWNER: owner(), RUN: run_name(run)}


def images_of(run: Run) -> str:
    """The name below which a run keeps images in the engine; tags tell them apart."""
    return f"imageyard-test/{owner()}/{run_name(run)}"


def sweep(running: Callable[[], Collection[str]]) -> int:
    """Remove what dead runs left in this worker's engines; gives how many things. Again finds nothing.

    `running` gives the names of the runs under way. It is asked after each look, so that none has begun in between.
    """
    hosts = [settings.DOCKER_HOST, settings.HOOKS_DOCKER_HOST, settings.UNTRUSTED_BUILDER]
    removed = 0
    for host in dict.fromkeys(host for host in hosts if host == settings.DOCKER_HOST or "://" in host):
        with bare_client(host, StopFlag()) as docker:
            for kind in _KINDS:
                gone = _sweep_kind(docker, kind, running)
                if gone is None:
                    break  # no engine there, or it is away
                removed += gone
    return removed


def remove_images(docker: Docker, prefix: str) -> None:
    """Take the images of a run away; layers that others use stay."""
    found = docker.clean_read("image", "ls", "--format={{.Repository}}:{{.Tag}}", f"--filter=reference={prefix}")
    if names := (found or "").split():
        docker.clean("image", "rm", "--force", *names)


# How each kind is listed (id, then its run) and removed; networks and volumes are free once the containers are gone.
_LABEL = f'{{{{.Label "{RUN}"}}}}'
_KINDS = (
    (("ps", "--all", "--no-trunc", f"--format={{{{.ID}}}} {_LABEL}"), ("rm", "--force", "--volumes")),
    (("network", "ls", "--no-trunc", f"--format={{{{.ID}}}} {_LABEL}"), ("network", "rm")),
    (("volume", "ls", f"--format={{{{.Name}}}} {_LABEL}"), ("volume", "rm", "--force")),
    (("image", "ls", "--format={{.Repository}}:{{.Tag}} {{.Repository}}"), ("image", "rm", "--force")),
)


def _sweep_kind(
    docker: Docker, kind: tuple[tuple[str, ...], tuple[str, ...]], running: Callable[[], Collection[str]]
) -> int | None:
    listing, removal = kind
    is_image = listing[0] == "image"
    mine = f"--filter=reference=imageyard-test/{owner()}/*" if is_image else f"--filter=label={OWNER}={owner()}"
    found = docker.clean_read(*listing, mine)
    if not found:
        return None if found is None else 0
    rows = [line.split() for line in found.splitlines()]
    alive = running()
    dead = [row[0] for row in rows if len(row) == 2 and row[1].rpartition("/")[2] not in alive]  # noqa: PLR2004 — as listed
    return len(dead) if dead and docker.clean(*removal, *dead) else 0
