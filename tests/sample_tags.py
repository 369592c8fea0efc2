"""Tags that point to the images of two builds, with their history, and one that was pushed by hand: for pages."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

from django.utils import timezone

from builds.models import Build, ImageLook
from registry.models import Repository, Tag, TagMove
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


def _put(repository: Repository, name: str, build: Build, now: Any, before: str = "") -> None:
    at = now - timedelta(hours=10 / build.number)
    common = {"repository": repository, "build_number": build.number}
    Tag.objects.create(**common, name=name, digest=build.digest, size_bytes=build.size_bytes, pushed_at=at)
    TagMove.objects.create(**common, tag=name, at=at, from_digest=before, to_digest=build.digest)


def _look(repository: Repository, document: dict[str, Any]) -> None:
    ImageLook.objects.create(
        repository=repository, kind="image", digest=document["digest"], state="ready", facts=document
    )
