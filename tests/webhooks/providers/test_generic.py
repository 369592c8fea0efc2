"""The webhook of scripts, read without a database: what proves it, and its small format."""

from __future__ import annotations

import json

import pytest

from lib.crypto import sign_sha256
from tests.webhooks.sending import BEFORE, COMMIT, ZEROS
from webhooks.providers import FormatError, Ignored, ManyPushes, Ping, PushEvent
from webhooks.providers.generic import Generic

SECRET, BODY = "s3cret", b"{}"
MAC = sign_sha256(SECRET.encode(), BODY)
READER = Generic()
SIGNATURE = "x-imageyard-signature-256"


def read(document, **headers):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return READER.read(headers, body)


@pytest.mark.parametrize(
    ("headers", "good"),
    [
        ({SIGNATURE: f"sha256={MAC}"}, True),
        ({"authorization": f"Bearer {SECRET}"}, True),
        ({"authorization": f"bearer {SECRET}"}, True),
        ({SIGNATURE: f"sha256={MAC}", "authorization": f"Bearer {SECRET}"}, True),
        ({SIGNATURE: f"sha256={MAC}", "authorization": "Basic YTpi"}, True),
        ({SIGNATURE: f"sha256={MAC}", "authorization": "Bearer no"}, False),
        ({SIGNATURE: "sha256=" + "0" * 64, "authorization": f"Bearer {SECRET}"}, False),
        ({SIGNATURE: MAC}, False),
        ({SIGNATURE: f"sha256={MAC.upper()}"}, False),
        ({SIGNATURE: ""}, False),
        ({"authorization": f"Basic {SECRET}"}, False),
        ({"authorization": SECRET}, False),
        ({"authorization": "Bearer "}, False),
        ({"authorization": f"Bearer {SECRET}x"}, False),
        ({"x-hub-signature-256": f"sha256={MAC}"}, False),
        ({}, False),
    ],
)
def test_w08_a_signature_or_the_secret_it_takes_and_nothing_wrong_beside_it(headers, good):
    assert (READER.signature_problem(SECRET, headers, BODY) is None) == good


def test_w08_an_empty_bearer_it_does_not_take_for_an_empty_secret():
    assert READER.signature_problem("", {"authorization": "Bearer "}, BODY)


def test_the_smallest_push_it_reads():
    push = read({"ref": "refs/heads/main", "after": COMMIT})
    assert push == PushEvent(ref=push.ref, commit=COMMIT)


def test_the_event_it_takes_from_the_header_or_the_body():
    assert isinstance(read({"event": "ping"}), Ping)
    assert isinstance(READER.read({"x-imageyard-event": "ping"}, b"{}"), Ping)
    assert isinstance(read({"event": "moon"}), Ignored)
    assert isinstance(read({"event": 7}), Ignored)


def test_several_refs_it_reads_with_what_each_says():
    changes = [
        {"ref": "refs/heads/main", "before": BEFORE, "after": COMMIT, "message": "Fix", "author": "A", "forced": True},
        {"ref": "refs/tags/v1", "before": ZEROS, "after": "9" * 40, "commit": COMMIT},
        {"ref": "refs/heads/old", "before": COMMIT, "after": ZEROS},
        {"ref": "refs/heads/gone", "deleted": True},
        {"ref": "refs/notes/commits", "after": COMMIT},
    ]
    event = read({"changes": changes, "sender": "alice"})
    assert isinstance(event, ManyPushes)
    main, tag, old, gone, notes = event.changes
    assert (main.commit, main.before, main.forced, main.message, main.author) == (COMMIT, BEFORE, True, "Fix", "A")
    assert (tag.commit, tag.created) == (COMMIT, True)
    assert (old.deleted, gone.deleted) == (True, True)
    assert isinstance(notes, Ignored)


@pytest.mark.parametrize("changes", [{}, [1], [[]], "refs/heads/main", None])
def test_changes_that_are_no_list_of_objects_it_refuses(changes):
    with pytest.raises(FormatError, match="`changes` must be a list"):
        read({"changes": changes})


def test_a_message_in_another_encoding_it_reads_all_the_same():
    push = read(b'{"ref": "refs/heads/main", "after": "' + COMMIT.encode() + b'", "message": "caf\xe9"}')
    assert push.message == "caf\ufffd"


def test_a_push_without_a_commit_it_refuses():
    with pytest.raises(FormatError, match="names no commit"):
        read({"ref": "refs/heads/main", "after": "HEAD"})
