"""Runs of the storage's clean-up in every condition: one that looked, one that cleaned, one that could not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from registry.actions import default_registry
from registry.actions.collections import has_gone, would_go
from registry.models import CollectionRun
from registry.storage.report import Report

MB = 1000 * 1000


def add_collections() -> None:
    cleaned = Report(repositories=6, images=80, gone_images=12, gone_links=31, gone_blobs=40, freed_bytes=842 * MB)
    cleaned.put_back = 1
    failed = (
        "127.0.0.1:5000 remembers what is not there any more, so its images would lose layers if its storage were "
        "cleaned up while it runs. Take `cache: blobdescriptor` out of its configuration and start it anew. Nothing "
        "was cleaned up."
    )
    _run(50, state="failed", sentence=failed)
    _run(26, by="", sentence=has_gone(cleaned), freed_bytes=cleaned.freed_bytes)
    dry = Report(repositories=7, images=91, gone_images=4, gone_links=9, gone_blobs=11, freed_bytes=312 * MB)
    dry.doubtful_count = 1
    digest = f"sha256:{'5e' * 32}"
    found = {
        "repositories": [["acme/hello", 3, 7, 290 * MB], ["tools/image-resizer", 1, 2, 22 * MB]],
        "unknown": ["acme/legacy-shop", "old-team/a-repository-with-a-rather-long-name"],
        "unknown_count": 2,
        "doubtful": [f"tools/cron: the manifest {digest} is not JSON; nothing of it goes until that is mended."],
        "doubtful_count": 1,
    }
    _run(2, is_dry=True, sentence=would_go(dry), found=found)


def _run(hours: int, **fields: Any) -> None:
    at = timezone.now() - timedelta(hours=hours)
    known = {"by": "admin", "state": "done", "asked_at": at, "started_at": at, "ended_at": at + timedelta(minutes=3)}
    CollectionRun.objects.create(registry=default_registry(), **{**known, **fields})
