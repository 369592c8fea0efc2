"""What happens behind the pages while a browser looks: scenes with the sample set."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from builds import live
from builds.actions.image_looks import topic_of
from builds.models import Build, ImageLook, Source, TagOrder
from registry.actions import TagPut, record_tags
from registry.core.origin import Origin
from registry.models import Repository
from tests.factories import make_admin
from tests.sample import fill
from tests.sample_builds import add_builds
from tests.sample_forges import connect
from tests.sample_tags import older_document
from tests.sample_triggers import ask


def people() -> dict[str, Any]:
    """The administrator and everything there is to see; bob reads, wendy writes."""
    fill(make_admin())
    connect("acme/web")
    ask(make_admin(), "tools/backup")
    return {}


def every_page() -> dict[str, Any]:
    """What the pages of a build tell, which the sample set has none of."""
    add_builds(make_admin())
    return {}


def image_read(digest: str) -> dict[str, Any]:
    """A worker has read the image that somebody asked for, and pages hear of it."""
    look = ImageLook.objects.get(kind="image", digest=digest)
    ImageLook.objects.filter(pk=look.pk).update(state="ready", facts=older_document(digest))
    live.wake(topic_of(look))
    return {}


def copying(tag: str, done: int, total: int) -> dict[str, Any]:
    """A worker copies build #2 of acme/site to acme/web, for `tag` there, and pages hear how far it is."""
    source = Repository.objects.get(namespace__name="acme", name="site")
    target = Repository.objects.get(namespace__name="acme", name="web")
    build = Build.objects.get(repository=source, number=2)
    asked = {"digest": build.digest, "kind": "promote", "by": "wendy", "source": source, "source_path": "acme/site"}
    order, _ = TagOrder.objects.get_or_create(repository=target, tag=tag, defaults={**asked, "source_build": 2})
    TagOrder.objects.filter(pk=order.pk).update(state="doing", bytes_done=done, bytes_total=total)
    live.wake(f"repository:{target.pk}")
    return {}


def promoted(tag: str) -> dict[str, Any]:
    """It is done."""
    order = TagOrder.objects.select_related("repository").get(tag=tag)
    sentence = f"`{tag}` was promoted from acme/site build #2 (`sha256:{order.digest[7:19]}`) by wendy."
    origin = Origin("acme/site", 2, order.source_id)
    kept = {"digest": order.digest, "media_type": "", "size_bytes": 52_000_000, "build_number": None}
    record_tags(order.repository, [TagPut(tag, True, sentence)], kind="promote", by="wendy", origin=origin, **kept)
    ended = {"state": "done", "sentence": sentence, "ended_at": timezone.now()}
    TagOrder.objects.filter(pk=order.pk).update(**ended)
    live.wake(f"repository:{order.repository_id}")
    return {}


def finish(path: str) -> dict[str, Any]:
    """The newest build of a repository fails, and pages hear of it."""
    namespace, name = path.split("/")
    build = Build.objects.filter(repository__namespace__name=namespace, repository__name=name).latest("number")
    sentence = "Step 4 of 6 was killed for using 7.9 of 8 GB."
    Build.objects.filter(pk=build.pk).update(
        state="failed", finished_at=timezone.now(), error_kind="limit", error_message=sentence
    )
    live.announce(build.pk, "finished", {"state": "failed"})
    return {"number": build.number, "sentence": sentence}


def run_again(path: str) -> dict[str, Any]:
    """The newest build of a repository is as it was before its end. Nobody is told."""
    namespace, name = path.split("/")
    build = Build.objects.filter(repository__namespace__name=namespace, repository__name=name).latest("number")
    Build.objects.filter(pk=build.pk).update(state="building", finished_at=None, error_kind="", error_message="")
    return {}


def queue_news() -> dict[str, Any]:
    """Something changed in the queue; what, is not said."""
    live.wake("queue", "workers")
    return {}


def answer(path: str) -> dict[str, Any]:
    """The Git server of a source answered the worker."""
    namespace, name = path.split("/")
    Source.objects.filter(repository__namespace__name=namespace, repository__name=name).update(
        probe_state="good",
        probe_sentence="The Git server answers.",
        probed_at=timezone.now(),
        default_branch="main",
        refs=[{"type": "branch", "name": "main", "commit": "a" * 40}],
    )
    return {}


def deliver(path: str) -> dict[str, Any]:
    """The first good delivery arrived."""
    namespace, name = path.split("/")
    Source.objects.filter(repository__namespace__name=namespace, repository__name=name).update(
        connected_at=timezone.now(), last_delivery_at=timezone.now()
    )
    return {}
