"""Which events one thing that happened to a build is, and who is told of them how often."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils import timezone

from builds.models import Build, BuildEvent
from tests.factories import make_build
from webhooks.actions.outbox import read_build_events
from webhooks.models import Notification
from webhooks.senders.events import EVENTS, events_of

TABLE: list[tuple[str, dict[str, Any], dict[str, Any], tuple[str, ...]]] = [
    ("state", {"state": "preparing"}, {}, ("started",)),
    ("state", {"state": "preparing"}, {"taken_again": True}, ()),
    ("state", {"state": "building"}, {}, ()),
    ("queued", {}, {}, ()),
    ("queued", {}, {"cause": "push"}, ()),
    ("queued", {}, {"cause": "base_image"}, ("base_moved",)),
    ("queued", {"by": "alice"}, {"cause": "base_image"}, ()),
    ("queued", {"reason": "The worker was lost."}, {"cause": "base_image"}, ()),
    ("cancel", {"by": "alice"}, {}, ()),
    ("finished", {"state": "succeeded"}, {}, ("succeeded",)),
    ("finished", {"state": "succeeded"}, {"previous": "succeeded"}, ("succeeded",)),
    ("finished", {"state": "succeeded"}, {"previous": "failed"}, ("fixed", "succeeded")),
    ("finished", {"state": "failed"}, {"previous": "succeeded"}, ("first_failure", "failed")),
    ("finished", {"state": "failed"}, {"previous": ""}, ("first_failure", "failed")),
    ("finished", {"state": "failed"}, {"previous": "failed"}, ("failed",)),
    ("finished", {"state": "cancelled"}, {}, ("cancelled",)),
    ("finished", {"state": "cancelled"}, {"skipped": True}, ("skipped",)),
    ("finished", {"state": "superseded"}, {}, ("superseded",)),
    ("approval_needed", {"commit": "a1b2"}, {}, ("approval_needed",)),
    ("rule_paused", {"reason": "25 builds failed in a row"}, {}, ("rule_paused",)),
    ("rule_resumed", {}, {}, ()),
]


@pytest.mark.parametrize(("kind", "detail", "facts", "expected"), TABLE)
def test_what_happened_it_calls_by_its_events(kind, detail, facts, expected):
    assert events_of(kind, detail, **facts) == expected


def test_every_event_that_can_be_chosen_it_tells_of_something():
    assert {name for *_, names in TABLE for name in names} == set(EVENTS)


def happen(build: Build, kind: str, **detail: Any) -> None:
    """An event of the build, with its state, read at once."""
    if kind == "finished":
        Build.objects.filter(pk=build.pk).update(state=detail["state"])
    BuildEvent.objects.create(build=build, kind=kind, attempt=1, detail=detail)
    read_build_events(timezone.now())


def told() -> list[str]:
    return list(Notification.objects.order_by("created_at", "event").values_list("event", flat=True))


def ends(*states: str, **fields: Any) -> list[str]:
    """Builds of one rule end one after the other; what was told of them all."""
    for state in states:
        happen(make_build(**fields), "finished", state=state)
    return told()


def test_first_failure_and_fixed_it_tells_once_for_each_change(follow):
    follow("https://hooks.example.com/x", "first_failure", "fixed")
    assert ends("succeeded", "failed", "failed", "cancelled", "failed", "succeeded", "succeeded") == [
        "first_failure",
        "fixed",
    ]


def test_another_branch_it_does_not_count_as_the_build_before(follow):
    follow("https://hooks.example.com/x", "fixed")
    ends("failed", ref="main")
    assert ends("succeeded", ref="next") == []


def test_a_retry_that_succeeds_it_calls_fixed(follow):
    follow("https://hooks.example.com/x", "fixed")
    build = make_build()
    happen(build, "finished", state="failed")
    happen(build, "finished", state="succeeded")
    assert told() == ["fixed"]


def test_the_end_before_it_knows_from_the_builds_when_the_outbox_has_forgotten(follow):
    follow("https://hooks.example.com/x", "fixed")
    make_build(state="failed")
    assert ends("succeeded") == ["fixed"]


def test_an_event_read_twice_it_tells_once(follow, rings):
    follow("https://hooks.example.com/x", "failed", "first_failure")
    ends("failed")
    BuildEvent.objects.update(handled_at=None)
    read_build_events(timezone.now())
    assert sorted(told()) == ["failed", "first_failure"]


def test_people_it_tells_one_message_of_one_build(follow):
    follow("json://hooks.example.com", "failed", "first_failure", kind="apprise")
    ends("failed")
    assert told() == ["first_failure"]


def test_a_run_that_was_handed_back_it_does_not_tell_again(follow):
    follow("https://hooks.example.com/x", "started")
    build = make_build()
    happen(build, "queued")
    happen(build, "state", state="preparing")
    happen(build, "queued", reason="the worker was stopped")
    happen(build, "state", state="preparing")
    assert told() == ["started"]


def test_who_is_off_or_of_another_repository_it_does_not_tell(follow, source):
    from tests.factories import make_repository, make_rule, make_source

    subscription = follow("https://hooks.example.com/x", "failed")
    other = make_rule(make_source(make_repository("acme/other")))
    happen(make_build(other), "finished", state="failed")
    subscription.enabled = False
    subscription.save(update_fields=["enabled"])
    assert ends("failed", rule=source.rules.get()) == []


def test_a_rule_that_is_paused_it_tells_with_the_reason(follow):
    follow("https://hooks.example.com/x", "rule_paused")
    happen(make_build(), "rule_paused", reason="25 builds failed in a row", failures=25, platform=False)
    body = json.loads(Notification.objects.get().body)
    assert body["type"] == "rule.paused"
    assert "25 builds failed in a row" in body["data"]["sentence"]


def test_the_body_it_fills_with_what_programs_need(follow):
    follow("https://hooks.example.com/x", "failed")
    build = make_build(error_kind="user", error_message="`make` ended with 2.", error_step="RUN make", error_line=4)
    happen(build, "finished", state="failed")
    body = json.loads(Notification.objects.get().body)
    data = body["data"]
    assert (body["type"], data["state"], data["repository"]) == ("build.failed", "failed", "acme/web")
    assert data["error"] == {"kind": "user", "message": "`make` ended with 2.", "step": "RUN make", "line": 4}
    assert data["ref"] == {"type": "branch", "name": "main"}
    assert (data["commit"], data["build"]["number"]) == (build.commit, build.number)
    assert data["urls"]["build"].endswith(f"/r/acme/web/builds/{build.number}")


def test_an_end_that_was_retried_since_it_tells_as_it_was(follow):
    follow("https://hooks.example.com/x", "failed")
    build = make_build(state="queued")
    BuildEvent.objects.create(build=build, kind="finished", attempt=1, detail={"state": "failed"})
    read_build_events(timezone.now())
    data = json.loads(Notification.objects.get().body)["data"]
    assert (data["state"], data["sentence"]) == ("failed", "It failed, and is built again since.")


def test_docker_hubs_format_it_sends_once_for_each_tag_of_a_success(follow):
    follow("https://hooks.example.com/x", format="docker_hub")
    build = make_build(tags=["build-1", "latest", "1.2"])
    happen(build, "finished", state="succeeded")
    happen(make_build(), "finished", state="failed")
    bodies = [json.loads(row.body) for row in Notification.objects.order_by("tag")]
    assert [body["push_data"]["tag"] for body in bodies] == ["1.2", "latest"]
    assert {body["repository"]["repo_name"] for body in bodies} == {"acme/web"}
    assert set(bodies[0]) == {"callback_url", "push_data", "repository"}
    assert isinstance(bodies[0]["push_data"]["pushed_at"], int)


def test_a_base_that_moved_it_tells_of_by_both_digests(follow):
    follow("https://hooks.example.com/x", "base_moved")
    build = make_build(cause="base_image", cause_detail="base debian:12 moved a1b2c3d4e5f6 → c3d4e5f6a1b2")
    happen(build, "queued")
    body = json.loads(Notification.objects.get().body)
    assert (body["type"], body["data"]["build"]["cause"]) == ("base.moved", "base_image")
    assert body["data"]["sentence"] == "The base debian:12 moved a1b2c3d4e5f6 → c3d4e5f6a1b2."
