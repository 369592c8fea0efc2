"""Puts one manifest under several tags, all or none. The plan is that of `registry.core.publication`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from registry.client.client import Deletion, RegistryClient
from registry.core.errors import RegistryError
from registry.core.manifest import Manifest
from registry.core.publication import Publication, TagStep, plan_publication

# A publication must be over before the lock it holds ends (90 s), on a registry that answers slowly or not at all.
FORTH_S = 40.0
BACK_S = 30.0


def put_tags(
    client: RegistryClient,
    repository: str,
    manifest: Manifest,
    tags: Sequence[str],
    previous: Mapping[str, str | None],
    *,
    wait_back: Callable[[float], None] = time.sleep,
) -> Publication:
    """Put `manifest` under every one of `tags`, or leave them as they were.

    `previous` says where the caller last put each tag (digest, or None), so that a publication that died half-way can
    be carried out again. Hold the repository's publish lock: it takes at most 70 s, and a second for each tag.
    Never raises `RegistryError`: it is in the outcome, with the tags that could not be taken back. Doing it twice
    ends in the same state. What the client's `wait` raises goes through, after the tags were taken back: whoever
    stops a build does not stop that, so it waits with `wait_back`.
    """
    forth, back = client.within(FORTH_S), client.within(FORTH_S + BACK_S, wait=wait_back)
    try:
        steps, old = _look(forth, repository, manifest, tags, previous)
    except RegistryError as error:
        return Publication(manifest.digest, error=error)
    for position, step in enumerate(steps):
        try:
            forth.put_manifest(repository, step.tag, manifest)
        except RegistryError as error:
            # A refusal moved nothing. A broken answer may have come after the tag moved: that one goes back too.
            doubtful = steps[: position + 1] if error.retryable else steps[:position]
            taken_back, stuck = _take_back(back, repository, doubtful, old)
            return Publication(manifest.digest, taken_back=taken_back, stuck=stuck, error=error)
        except BaseException:
            # Somebody stopped the build while its tags were moving: none of them stays moved.
            _take_back(back, repository, steps[: position + 1], old)
            raise
    return Publication(manifest.digest, tags=tuple(step.tag for step in steps))


def _look(
    client: RegistryClient,
    repository: str,
    manifest: Manifest,
    tags: Sequence[str],
    previous: Mapping[str, str | None],
) -> tuple[tuple[TagStep, ...], dict[str, Manifest]]:
    """Read where the tags point, make the plan, and fetch every manifest that the way back may need."""
    found = {tag: client.find(repository, tag) for tag in dict.fromkeys(tags)}
    old = {item.digest: item for item in found.values() if item is not None}
    now = {tag: item.digest if item else None for tag, item in found.items()}
    steps = plan_publication(manifest.digest, tags, now, previous)
    for step in steps:
        lost = client.find(repository, step.back_to) if step.back_to and step.back_to not in old else None
        if lost is not None:
            old[lost.digest] = lost
    return steps, old


def _take_back(
    client: RegistryClient, repository: str, steps: Sequence[TagStep], old: Mapping[str, Manifest]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    back: list[str] = []
    stuck: list[str] = []
    for step in steps:
        try:
            is_back = _restore(client, repository, step, old) if step.back_to else _remove(client, repository, step.tag)
        except RegistryError:
            is_back = False
        (back if is_back else stuck).append(step.tag)
    return tuple(back), tuple(stuck)


def _restore(client: RegistryClient, repository: str, step: TagStep, old: Mapping[str, Manifest]) -> bool:
    manifest = old.get(step.back_to or "")
    return manifest is not None and client.put_manifest(repository, step.tag, manifest) == manifest.digest


def _remove(client: RegistryClient, repository: str, tag: str) -> bool:
    if client.head(repository, tag) is None:
        return True
    if client.delete_tag(repository, tag) is Deletion.UNSUPPORTED:
        client.replace_and_delete_tag(repository, tag)
    # What a registry says of a deletion and what it did are two things.
    return client.head(repository, tag) is None
