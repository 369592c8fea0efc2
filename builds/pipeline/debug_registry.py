"""Debug images in the registry: what one of them says of itself, and taking its tag away and no other."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from builds.actions import debug_images
from builds.core.json_values import table, text, texts
from builds.engine.stopflag import StopFlag
from lib.clock import database_now
from registry.client import Deletion, RegistryClient, RegistryError
from registry.models import Registry
from registry.opening import open_client

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Config:
    """What a step on top of the image would run with (OCI image-spec, config.md; `Shell` is Docker's)."""

    shell: tuple[str, ...]
    workdir: str
    user: str


def open_registry(registry: Registry, stop: StopFlag) -> RegistryClient:
    """A client with the registry's account, that somebody who was told to stop does not wait for."""
    return open_client(registry, wait=partial(_wait, stop))


def _wait(stop: StopFlag, seconds: float) -> None:
    stop.wait(seconds)
    stop.check()


def image_config(client: RegistryClient, repository: str, tag: str) -> Config:
    """The configuration of an image that was made for one platform. Raises RegistryError."""
    manifest = _document(client.manifest(repository, tag).body)
    digest = text(table(manifest.get("config")).get("digest"))
    inner = table(_document(client.blob(repository, digest)).get("config")) if digest else {}
    return Config(texts(inner.get("Shell")), text(inner.get("WorkingDir")), text(inner.get("User")))


def _document(body: bytes) -> dict[str, Any]:
    try:
        return table(json.loads(body))
    except ValueError:
        return {}


def remove_debug_image(pk: int) -> None:
    """Take one debug image's tag away whose time is over. Again, or beside another worker, does nothing."""
    image = debug_images.take_removal(pk, database_now())
    if image is None:
        return
    repository = image.build.repository
    try:
        with open_registry(repository.registry, StopFlag()) as client:
            sentence = _remove_tag(client, repository.registry_path, image.tag, image.digest)
    except RegistryError as error:
        log.info("a debug image stays a while longer", image=image.image, reason=str(error))
        debug_images.postpone_removal(image)
        return
    debug_images.record_removed(image, sentence)


def remove_tags(registry_id: int, path: str, tags: Sequence[str]) -> None:
    """The debug images of a repository that is gone, as far as its registry answers and can delete."""
    registry = Registry.objects.filter(pk=registry_id).first()
    if registry is None:
        return
    with open_registry(registry, StopFlag()) as client:
        for tag in tags:
            try:
                _remove_tag(client, path, tag, "")
            except RegistryError as error:
                log.info("a debug image stays", repository=path, tag=tag, reason=str(error))


def _remove_tag(client: RegistryClient, path: str, tag: str, digest: str) -> str:
    """Remove the tag alone; the sentence to show where it stays.

    Distribution 2.8 deletes by digest, which would take every tag of that image: there the tag gets a manifest of its
    own first, and that is deleted. A tag that somebody has moved since is not ours any more.
    """
    now = client.head(path, tag)
    if now is None:
        return ""
    if digest and now != digest:
        return f"`{tag}` was moved to another image in the meantime and stays."
    how: tuple[Callable[[str, str], Deletion], ...] = (client.delete_tag, client.replace_and_delete_tag)
    if any(each(path, tag) is not Deletion.UNSUPPORTED for each in how):
        return ""
    return f"This registry deletes nothing, so `{tag}` stays in it. Nobody is shown it here any more."
