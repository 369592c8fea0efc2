"""What a notification says: words for people, bodies for programs. Reads rows; changes and sends nothing."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.conf import settings

from builds.models import Build, BuildEvent
from builds.reading import sentence_of
from lib.humanize import short_commit
from lib.storable import storable
from registry.models import Repository
from webhooks.senders.events import TEST

_TITLES = {
    "started": "{build} has started",
    "succeeded": "{build} succeeded",
    "fixed": "{build} succeeded: {ref} builds again",
    "failed": "{build} failed",
    "first_failure": "{build} failed: {ref} built before",
    "cancelled": "{build} was cancelled",
    "superseded": "{build} was superseded",
    "skipped": "{build} was skipped",
    "approval_needed": "{build} waits for approval",
    "rule_paused": "{repository}: a rule is paused",
    "base_moved": "{build} is asked for, since its base moved",
}
GOOD, BAD = ("succeeded", "fixed"), ("failed", "first_failure", "rule_paused")
_TYPES = {"rule_paused": "rule.paused", "base_moved": "base.moved", TEST: "test"}
_ENDED = {"succeeded": "succeeded", "failed": "failed", "cancelled": "was cancelled", "superseded": "was superseded"}
_TEST_SENTENCE = "This is a test that somebody asked for. Nothing was built."


def type_of(event: str) -> str:
    """The `type` of a body: `build.failed`, `rule.paused`, `base.moved`, `test`."""
    return _TYPES.get(event, f"build.{event}")


def message_for(event: str, build: Build, said: str, *, first_ever: bool = False) -> str:
    """What people read: the title in the first line, the rest below it."""
    repository = build.repository.path
    title = _TITLES[event].format(build=f"{repository} #{build.number}", ref=build.ref, repository=repository)
    if event == "first_failure" and first_ever:
        title = f"{repository} #{build.number} failed"
    where = f"{build.get_ref_type_display()} {build.ref}"
    if build.commit:
        subject = build.commit_message.strip().split("\n", 1)[0][:200]
        where += f" at {short_commit(build.commit)}" + (f": {subject}" if subject else "")
    lines = [" ".join(title.split()), said, where]
    if build.tags and event in GOOD:
        lines.append("Tags: " + ", ".join(build.tags))
    return storable("\n".join([*lines, url_of(build)]))


def test_message(repository: Repository) -> str:
    """What people read who asked for a test."""
    page = f"{settings.PUBLIC_URL}{repository.get_absolute_url()}"
    return "\n".join([f"{repository.path}: a test", _TEST_SENTENCE, page])


def body_for(event: str, build: Build, said: str, news: BuildEvent) -> str:
    """The body of a signed webhook: `{type, timestamp, data}`; what `data` holds is told in docs/notifications.md."""
    kind, message = build.error_kind, build.error_message
    state = state_told(build, news)
    failed = state == build.state == "failed"
    data = {
        "build": {
            "id": build.pk, "number": build.number, "attempt": build.attempt, "cause": build.cause,
            "queued_at": _stamp(build.queued_at), "started_at": _stamp(build.started_at),
            "finished_at": _stamp(build.finished_at),
        },
        "repository": build.repository.path,
        "image": f"{build.repository.registry.host}/{build.repository.path}",
        "tags": build.tags,
        "digest": build.digest or None,
        "state": state,
        "sentence": said,
        "error": {"kind": kind, "message": message, "step": build.error_step, "line": build.error_line}
        if failed else None,
        "commit": build.commit,
        "ref": {"type": build.ref_type, "name": build.ref},
        "rule": str(build.plan.get("pattern") or ""),
        "urls": {"build": url_of(build), "repository": f"{settings.PUBLIC_URL}{build.repository.get_absolute_url()}"},
    }  # fmt: skip
    return _dump({"type": type_of(event), "timestamp": _stamp(news.at), "data": data})


def test_body(repository: Repository, at: datetime) -> str:
    """The body of a test: as `body_for`, of no build."""
    url = f"{settings.PUBLIC_URL}{repository.get_absolute_url()}"
    data = {"build": None, "repository": repository.path, "sentence": _TEST_SENTENCE, "urls": {"repository": url}}
    return _dump({"type": type_of(TEST), "timestamp": _stamp(at), "data": data})


def docker_hub_body(repository: Repository, tag: str, at: datetime) -> str:
    """The body that Docker Hub sent for one tag of an automated build.

    Source: docs.docker.com, "Docker Hub webhooks". `callback_url` was retired there and leads nowhere here either;
    `images` was empty in practice.
    """
    namespace = repository.namespace.name
    seconds = int(at.timestamp())
    return _dump(
        {
            "callback_url": "",
            "push_data": {"images": [], "pushed_at": seconds, "pusher": "trustedbuilder", "tag": tag},
            "repository": {
                "comment_count": 0,
                "date_created": int(repository.created_at.timestamp()),
                "description": repository.description,
                "dockerfile": "",
                "full_description": repository.readme,
                "is_official": False,
                "is_private": repository.visibility != Repository.Visibility.PUBLIC,
                "is_trusted": True,
                "name": repository.name,
                "namespace": namespace,
                "owner": namespace,
                "repo_name": repository.path,
                "repo_url": f"{settings.PUBLIC_URL}{repository.get_absolute_url()}",
                "star_count": 0,
                "status": "Active",
            },
        }
    )


def said_of(event: str, build: Build, news: BuildEvent) -> str:
    """The sentence of a notification: the build's own, or that of the rule."""
    if event == "rule_paused":
        reason = str(news.detail.get("reason", "only failures"))
        pattern = build.plan.get("pattern", "")
        return f"The rule {pattern} is paused: {reason}. Mend what fails, then resume it on the Rules page."
    if event == "base_moved":
        return f"The {build.cause_detail}." if build.cause_detail else "Its base image moved."
    if state_told(build, news) != build.state:
        return f"It {_ENDED.get(state_told(build, news), 'ended')}, and is built again since."
    return sentence_of(build)


def state_told(build: Build, news: BuildEvent) -> str:
    """The state that the news is of: of an end, the one it ended with, though somebody may have retried it since."""
    return str(news.detail.get("state", build.state)) if news.kind == "finished" else build.state


def tags_told(build: Build) -> list[str]:
    """The tags that Docker Hub would have called for: those of the rule, and the build's own where it made no other."""
    own = build.build_tag
    return [tag for tag in build.tags if tag != own] or [own]


def url_of(build: Build) -> str:
    return f"{settings.PUBLIC_URL}{build.get_absolute_url()}"


def _stamp(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None


def _dump(document: dict[str, Any]) -> str:
    return storable(json.dumps(document, ensure_ascii=False, separators=(",", ":")))
