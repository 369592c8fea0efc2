"""Tags that point to the images of two builds, with their history, and one that was pushed by hand: for pages."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

from django.utils import timezone

from builds.models import Build, ImageLook
from registry.models import Repository, RetentionPolicy, RetentionRun, Tag, TagDeletion, TagMove
from tests.sample_image import documents

BY_HAND = "sha256:" + "e" * 64


def older_document(digest: str) -> dict[str, Any]:
    """The image of `documents()` as it was before: for one platform, smaller, and started otherwise."""
    document = copy.deepcopy(documents())
    document["digest"] = digest
    document["platforms"] = document["platforms"][:1]
    layers, config = document["platforms"][0]["layers"], document["platforms"][0]["config"]
    layers[1] |= {"digest": "sha256:" + "7" * 64, "size_bytes": 12_000_000}
    document["platforms"][0]["size_bytes"] = document["size_bytes"] = sum(layer["size_bytes"] for layer in layers)
    config["user"] = ""
    config["stop_signal"] = ""
    return document


def add_tags(repository: Repository) -> None:
    """`1.9` is build #1's; `latest`, `2` and `2.0` were, and are build #2's; build #1 did not get `latest` back."""
    first, second = (Build.objects.get(repository=repository, number=number) for number in (1, 2))
    now = timezone.now()
    _look(repository, older_document(first.digest))
    for name, build in (("1.9", first), ("build-1", first), ("build-2", second), ("2.0", second), ("2", second)):
        _put(repository, name, build, now)
    _put(repository, "latest", second, now, before=first.digest)
    common = {"repository": repository, "tag": "latest", "to_digest": first.digest, "build_number": 1}
    TagMove.objects.create(**common, at=now - timedelta(days=3))
    sentence = "`latest` was not moved: build #2, of a newer commit, already has it."
    TagMove.objects.create(**common, at=now, moved=False, sentence=sentence)
    Tag.objects.create(repository=repository, name="pushed-by-hand", digest=BY_HAND)
    _add_clean_up(repository, first)


def _add_clean_up(repository: Repository, build: Build) -> None:
    """A policy that nobody has confirmed, and the report of a look by it: its run is #9001."""
    rules = [{"which": "build", "last": 1}, {"which": "pattern", "pattern": "/^1\\./", "always": True}]
    changed = {"changed_by": "wendy", "seen_revision": 0, "next_run_at": timezone.now() + timedelta(hours=9)}
    policy = RetentionPolicy.objects.create(repository=repository, rules=rules, untagged_days=14, **changed)
    run = RetentionRun.objects.create(
        pk=9_001, repository=repository, policy=policy, revision=1,
        is_dry=True, by="wendy", state=RetentionRun.State.DONE,
        sentence="1 of 7 tags would go; 6 stay.", total=7, going=1, freed_bytes=12_000_000, ended_at=timezone.now(),
        reasons=[[True, "not the last of `build-<n>`", 1], [False, "no rule speaks of it", 6]],
    )  # fmt: skip
    line = {"digest": build.digest, "build_number": 1, "kind": "retention", "why": "not the last of `build-<n>`"}
    TagDeletion.objects.create(repository=repository, run=run, tag="build-1", state="listed", **line)


def _put(repository: Repository, name: str, build: Build, now: Any, before: str = "") -> None:
    at = now - timedelta(hours=10 / build.number)
    common = {"repository": repository, "build_number": build.number}
    Tag.objects.create(**common, name=name, digest=build.digest, size_bytes=build.size_bytes, pushed_at=at)
    TagMove.objects.create(**common, tag=name, at=at, from_digest=before, to_digest=build.digest)


def _look(repository: Repository, document: dict[str, Any]) -> None:
    ImageLook.objects.create(
        repository=repository, kind="image", digest=document["digest"], state="ready", facts=document
    )
