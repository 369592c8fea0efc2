"""Point 2: what a registry tells, read as a stranger's: recorded envelopes, and whatever else may come."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from registry.core.manifest import OCI_MANIFEST
from registry.core.notification_config import endpoints, events_secret
from registry.core.notifications import MOST_EVENTS, Told, read_events

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64


def recorded(data: Path, name: str) -> list[Told]:
    lines = (data / "registry-events" / f"{name}.jsonl").read_bytes().splitlines()
    return [told for line in lines for told in read_events(line, NOW)]


def event(**changed: Any) -> dict[str, Any]:
    made = {
        "id": "1ae883c6-3293-4479-880e-22d110e93d76",
        "timestamp": "2026-11-29T15:56:11.115137869Z",
        "action": "push",
        "target": {"mediaType": OCI_MANIFEST, "digest": DIGEST, "repository": "acme/web", "tag": "1"},
        "request": {"method": "PUT", "useragent": "docker/28.5.2"},
        "actor": {"name": "wendy"},
    }
    target = {**made["target"], **changed.pop("target", {})}
    return {**made, "target": target, **changed}


def read(*events: Any) -> tuple[Told, ...]:
    return read_events(json.dumps({"events": events}).encode(), NOW)


@pytest.mark.parametrize(
    ("name", "pulls"),
    [
        ("pull-image-first", ["3"]),
        ("pull-image-repeated", ["3"]),
        ("pull-index-first", ["1"]),
        ("pull-index-repeated", ["1"]),
        ("pull-digest-first", [""]),
        ("pull-digest-repeated", [""]),
        ("pull-all-tags", ["3", "2", "1"]),
        ("imagetools-inspect", ["1"]),
        ("docker-manifest-inspect", []),
        ("watcher-head", []),
        ("delete-digest", []),
    ],
)
def test_one_docker_pull_is_one_pull(data: Path, name: str, pulls: list[str]) -> None:
    """Of an image or an index, by tag or digest, the first time and again; looking whether there is news is none."""
    assert [told.tag for told in recorded(data, name) if told.counted == "pull"] == pulls


def test_a_build_uses_its_base_and_does_not_pull_it_as_people_do(data: Path) -> None:
    lines = (
        (data / "registry-events" / "buildx-build.jsonl")
        .read_text()
        .replace('"actor": {}', '"actor": {"name": "build:7"}')
    )
    events = [told for line in lines.splitlines() for told in read_events(line.encode(), NOW)]
    assert [(told.tag, told.counted) for told in events if told.counted] == [("base", "use")]
    assert [told.tag for told in events if told.action == "push"] == ["1"]
    assert not any(told.is_by_hand for told in events)


def test_imageyards_own_reads_are_nothing(data: Path) -> None:
    for name in ("pull-index-first", "watcher-head"):
        lines = (data / "registry-events" / f"{name}.jsonl").read_text().replace("{}", '{"name": "imageyard"}')
        events = [told for line in lines.splitlines() for told in read_events(line.encode(), NOW)]
        assert events and not any(told.counted or told.is_by_hand for told in events)


def test_only_what_has_a_tag_is_a_push(data: Path) -> None:
    """The images of an index are pushed by digest before it."""
    (told,) = [told for told in recorded(data, "push-index") if told.action == "push"]
    assert told.tag == "1" and told.media_type.endswith("index.v1+json") and told.at < NOW
    assert (
        told.id
        == json.loads((data / "registry-events/push-index.jsonl").read_text().splitlines()[-1])["events"][0]["id"]
    )


def test_a_deleted_digest_is_told_with_its_tags(data: Path) -> None:
    told = recorded(data, "delete-digest")
    assert [(one.action, one.tag, bool(one.digest)) for one in told] == [
        ("delete", "", True),
        ("delete", "2", False),
        ("delete", "1", False),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        7,
        [],
        {},
        event(action="mount"),
        event(action=["push"]),
        event(target={"repository": None}),
        event(target={"repository": "Acme/Web"}),
        event(target={"repository": "../../etc"}),
        event(target={"repository": "a" * 256}),
        event(target={"repository": "acme/web\x00"}),
        event(target={"tag": "-x"}),
        event(target={"tag": "x" * 129}),
        event(target={"tag": ["1"]}),
        event(target={"digest": "sha256:zz"}),
        event(target={"digest": 5}),
        {**event(), "target": "acme/web"},
    ],
)
def test_what_cannot_be_read_is_left_out_and_the_rest_is_taken(wrong: Any) -> None:
    assert [told.tag for told in read(wrong, event(target={"tag": "2"}))] == ["2"]


def test_odd_words_around_a_good_event_are_empty() -> None:
    odd = event(id=["x"], actor="wendy", request=None, timestamp=None, target={"mediaType": 4})
    (told,) = read(odd)
    assert (told.actor, told.agent, told.media_type, told.at) == ("", "", "", NOW)
    assert told.id == read(odd)[0].id and len(told.id) == 64
    (told,) = read(event(id="x" * 101, actor={"name": "we\x00ndy"}))
    assert told.actor == "" and len(told.id) == 64


@pytest.mark.parametrize(
    ("timestamp", "at"),
    [
        ("2026-11-29T15:56:11.115137869Z", datetime(2026, 11, 29, 15, 56, 11, 115137, tzinfo=UTC)),
        ("2026-11-29T16:56:11+01:00", datetime(2026, 11, 29, 15, 56, 11, tzinfo=UTC)),
        ("2026-11-29T15:56:11", datetime(2026, 11, 29, 15, 56, 11, tzinfo=UTC)),
        ("2031-01-01T00:00:00Z", NOW),
        ("0001-01-01T00:00:00Z", NOW),
        ("0001-01-01T00:00:00+23:59", NOW),
        ("yesterday", NOW),
        (1764432971, NOW),
    ],
)
def test_a_time_that_is_none_or_lies_ahead_is_now(timestamp: Any, at: datetime) -> None:
    assert read(event(timestamp=timestamp))[0].at == at


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"events": {}}', b'{"events": null}', b"\xff", b"[" * 5000, b"7"]
)
def test_a_body_that_is_no_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        read_events(body, NOW)


def test_an_envelope_of_thousands_is_bounded() -> None:
    told = read(*[event(id=str(number)) for number in range(MOST_EVENTS + 5)])
    assert len(told) == MOST_EVENTS


def test_the_secret_is_of_the_key_and_ends_with_it() -> None:
    assert events_secret("one") == events_secret("one") != events_secret("two")
    (endpoint,) = endpoints("https://yard.example.com/", events_secret("one"))
    assert endpoint["url"] == "https://yard.example.com/registry/events"
    assert endpoint["headers"] == {"Authorization": [f"Bearer {events_secret('one')}"]}
