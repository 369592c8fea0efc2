"""Deliveries that are nearly right: whatever is changed in one, it is read or refused with a sentence."""

from __future__ import annotations

import copy
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webhooks.forges import SENDERS
from tests.webhooks.sending import COMMIT, push_payload
from webhooks.providers import PROVIDERS, FormatError, Ignored, ManyPushes, Ping, PullRequestEvent, PushEvent
from webhooks.providers.base import Event


def told() -> dict[str, tuple[str, str, str, dict]]:
    """Forge, header and name of the event, and a document, of every kind of delivery that is read field by field."""
    found = {"github push": ("github", "x-github-event", "push", push_payload())}
    pull = {
        "action": "opened",
        "pull_request": {
            "number": 7,
            "head": {"ref": "x", "sha": COMMIT, "repo": {"id": 1}},
            "base": {"ref": "main", "repo": {"id": 1}},
        },
    }
    found["github pull request"] = ("github", "x-github-event", "pull_request", pull)
    for name, kind in SENDERS.items():
        sender = kind()
        made = {
            "push": sender.push("refs/heads/main"),
            "tag": sender.push("refs/tags/v1"),
            "deletion": sender.deleted("refs/heads/x"),
        }
        if hasattr(sender, "pull_request"):
            made["pull request"] = sender.pull_request()
        for what, (event, document) in made.items():
            found[f"{name} {what}"] = (sender.forge, sender.event.lower(), event, document)
    found["gogs tag"] = ("gitea", "x-gogs-event", "create", {"ref": "v1", "ref_type": "tag", "sha": COMMIT})
    return found


TOLD = told()
ODD = [None, True, 0, -1, 10**30, 1.5, "", "x" * 400, "\x00", "\ud800", [], {}, [[]], [{}], {"a": None}, "0" * 40]
ODD += ["refs/heads/", "refs/tags/a b", "https://[", "//", "javascript:x", "ssh://@/", ["x"] * 3]


def places(value, path=()):
    """The way to every value inside."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*path, number))


def replaced(document, path, value):
    document = copy.deepcopy(document)
    inside = document
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return document


def read(name: str, document: object) -> Event | None:
    """The event; None where it was refused. Anything but FormatError goes on up."""
    forge, header, event, _ = TOLD[name]
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    provider = PROVIDERS[forge]
    headers = {header: event}
    provider.event_name(headers)
    provider.signature_problem("s", headers, body)
    try:
        found = provider.read(headers, body)
    except FormatError as error:
        assert error.sentence
        return None
    check(found)
    return found


def check(event: Event) -> None:
    """What every event promises to whoever acts on it, so that each of its texts can be stored and shown."""
    if isinstance(event, ManyPushes):
        for change in event.changes:
            check(change)
    elif isinstance(event, PushEvent):
        assert event.ref.name
        assert event.deleted == (event.commit == "") or event.created
        assert "\x00" not in event.message + event.author + event.sender
        assert event.url == "" or event.url.startswith(("https://", "http://"))
    elif isinstance(event, PullRequestEvent):
        assert event.number > 0
        assert event.base_ref
        assert event.head_commit or event.action == "closed"
    else:
        assert isinstance(event, Ping | Ignored)
    text = event.repository.full_name + event.repository.id + event.repository.host + event.sender
    text.encode()
    assert "\x00" not in text


@pytest.mark.parametrize("name", TOLD)
def test_as_it_is_it_is_read(name):
    assert not isinstance(read(name, TOLD[name][3]), Ignored | None)


@pytest.mark.parametrize("name", TOLD)
def test_any_one_value_replaced_it_is_read_or_refused_with_a_sentence(name):
    document = TOLD[name][3]
    for path in places(document):
        for value in random.Random(str(path)).sample(ODD, 8):
            read(name, replaced(document, path, value))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.sampled_from(ODD[:12]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(TOLD)), st.data())
def test_any_values_replaced_it_is_read_or_refused_with_a_sentence(name, data):
    document = TOLD[name][3]
    for _ in range(data.draw(st.integers(1, 4))):
        ways = list(places(document))
        if ways:
            document = replaced(document, data.draw(st.sampled_from(ways)), data.draw(JSON))
    read(name, document)


@given(st.sampled_from(sorted(TOLD)), st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_it_reads_or_refuses_with_a_sentence(name, body):
    read(name, body)


HEADER = st.text(st.characters(max_codepoint=255), max_size=80)


@given(st.sampled_from(sorted(PROVIDERS)), st.data())
def test_any_headers_prove_nothing_and_raise_nothing(forge, data):
    names = ["x-hub-signature-256", "x-hub-signature", "x-gitea-signature", "x-gogs-signature", "x-gitlab-token"]
    names += ["webhook-signature", "webhook-id", "x-imageyard-signature-256", "authorization", "x-event-key"]
    headers = data.draw(st.dictionaries(st.sampled_from(names), HEADER))
    provider = PROVIDERS[forge]
    assert provider.signature_problem("a secret nobody guesses", headers, b"{}")
    assert len(provider.delivery_id({**headers, "idempotency-key": "x" * 500, "x-github-delivery": "y" * 500})) <= 128
