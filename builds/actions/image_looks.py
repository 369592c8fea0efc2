"""What people want to see of images and a worker reads from the registry: asked for once, kept by digest.

Asking again while it is read changes nothing; what failed is read again. Every write of a worker names its lease.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import orjson
import zstandard
from django.db.models import Q
from django.utils import timezone

from builds import live
from builds.models import ImageLook
from lib.clock import database_now
from lib.queue import enqueue
from registry.models import Repository

QUICK = (ImageLook.Kind.IMAGE, ImageLook.Kind.PACKAGES)
SLOW = (ImageLook.Kind.FILES, ImageLook.Kind.WASTE)
MOST_LOOKS = 500
"""Kept for each repository; the ones asked for longest ago go first."""
LEASE = timedelta(seconds=150)
RING_AGAIN = timedelta(seconds=20)
State = ImageLook.State


def ask_look(repository: Repository, kind: str, digest: str) -> ImageLook:
    """Want to see something; it is there, being read, or will be soon."""
    look, is_new = ImageLook.objects.get_or_create(repository=repository, kind=kind, digest=digest)
    if is_new:
        _forget_old(repository)
    elif look.state == State.FAILED:
        asked = {"state": State.ASKED, "sentence": "", "asked_at": timezone.now()}
        ImageLook.objects.filter(pk=look.pk, state=State.FAILED).update(**asked)
        look.refresh_from_db()
    if look.state == State.ASKED:
        _ring(kind)
    return look


def ask_packages(repository: Repository, document: dict[str, Any]) -> None:
    """Have the SBOMs of an image read that was just read itself."""
    for platform in document["platforms"]:
        for row in platform["statements"]:
            if row["kind"] == "sbom":
                ask_look(repository, ImageLook.Kind.PACKAGES, row["digest"])


def remind(look: ImageLook) -> None:
    """Somebody waits in front of the page: ring again where the bell may have been lost, or a worker has died."""
    now = timezone.now()
    is_late = look.state == State.ASKED and look.asked_at < now - RING_AGAIN
    if is_late or (look.state == State.READING and look.lease_until and look.lease_until < now):
        _ring(look.kind)


def _ring(kind: str) -> None:
    enqueue("builds.look_at_images", "quick" if kind in QUICK else "slow", expires_s=60)


def _forget_old(repository: Repository) -> None:
    rows = ImageLook.objects.filter(repository=repository).order_by("-asked_at", "-pk")
    old = list(rows.values_list("pk", flat=True)[MOST_LOOKS : MOST_LOOKS + 50])
    ImageLook.objects.filter(pk__in=old).delete()


def take_look(kinds: Iterable[str]) -> ImageLook | None:
    """The look that has waited longest, with a lease for whoever got it; None where nothing is to be read."""
    now = database_now()
    waiting = Q(state=State.ASKED) | Q(state=State.READING, lease_until__lt=now)
    rows = ImageLook.objects.filter(waiting, kind__in=list(kinds)).order_by("asked_at")
    for pk in list(rows.values_list("pk", flat=True)[:10]):
        if ImageLook.objects.filter(waiting, pk=pk).update(state=State.READING, lease_until=now + LEASE):
            return ImageLook.objects.select_related("repository__namespace", "repository__registry").get(pk=pk)
    return None


def tell_look(look: ImageLook, sentence: str) -> bool:
    """How far it is, with a new lease; False where it was taken away, or its repository is gone."""
    until = database_now() + LEASE
    told = _mine(look).update(sentence=sentence, lease_until=until)
    look.lease_until = until
    live.wake(topic_of(look))
    return bool(told)


def put_back(look: ImageLook, sentence: str) -> None:
    """Let it be read on in another turn; others may come before it."""
    _mine(look).update(state=State.ASKED, sentence=sentence, asked_at=timezone.now(), lease_until=None)
    live.wake(topic_of(look))


def finish_look(look: ImageLook, *, facts: dict[str, Any] | None = None, data: bytes = b"") -> None:
    """Keep what was read."""
    found = {"facts": facts or {}, "data": data, "sentence": "", "read_at": timezone.now()}
    _mine(look).update(state=State.READY, lease_until=None, **found)
    live.wake(topic_of(look))


def fail_look(look: ImageLook, sentence: str) -> None:
    """Keep why it could not be read."""
    _mine(look).update(state=State.FAILED, lease_until=None, sentence=sentence, read_at=timezone.now())
    live.wake(topic_of(look))


def keep_files(repository: Repository, digest: str, *, facts: dict[str, Any], data: bytes) -> None:
    """The files of a layer that were read on the way to something else."""
    found = {"state": State.READY, "facts": facts, "data": data, "sentence": "", "read_at": timezone.now()}
    ImageLook.objects.update_or_create(repository=repository, kind=ImageLook.Kind.FILES, digest=digest, defaults=found)


def topic_of(look: ImageLook) -> str:
    """What pages that show it listen to."""
    return f"repository:{look.repository_id}"


def _mine(look: ImageLook) -> Any:
    return ImageLook.objects.filter(pk=look.pk, state=State.READING, lease_until=look.lease_until)


def pack(document: bytes) -> bytes:
    """JSON as it is kept in `ImageLook.data`."""
    return zstandard.ZstdCompressor(level=6).compress(document)


def unpack(data: bytes) -> bytes:
    """What `pack` was given; of nothing nothing."""
    return zstandard.ZstdDecompressor().decompress(data) if data else b""


def content_of(look: ImageLook) -> Any:
    """The document in `look.data`; None where there is none."""
    return orjson.loads(unpack(bytes(look.data))) if look.data else None


def unread(repository: Repository, digests: Iterable[str]) -> list[str]:
    """The layers among `digests` whose files nobody has read yet, in their order."""
    wanted = list(dict.fromkeys(digests))
    rows = ImageLook.objects.filter(repository=repository, kind=ImageLook.Kind.FILES, state=State.READY)
    known = set(rows.filter(digest__in=wanted).values_list("digest", flat=True))
    return [digest for digest in wanted if digest not in known]
