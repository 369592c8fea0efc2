"""GitHub's headers and bytes as events: pure, no database."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builds.core.refnames import Ref
from lib.crypto import sign_sha256
from tests.webhooks.sending import BEFORE, COMMIT, ZEROS, push_payload
from webhooks.providers import PROVIDERS, FormatError, Ignored, Ping, PushEvent

github = PROVIDERS["github"]
TAG_OBJECT = "9" * 40
SHA256 = "ab" * 32


def read(payload, event="push", content_type="application/json"):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return github.read({"x-github-event": event, "content-type": content_type}, body)


def test_a_branch_push_it_reads_every_field():
    event = read(push_payload(forced=True, message="Fix login\n\nAnd more."))
    assert isinstance(event, PushEvent)
    assert (event.ref, event.commit, event.before) == (Ref("branch", "main"), COMMIT, BEFORE)
    assert (event.forced, event.created, event.deleted) == (True, False, False)
    assert (event.message, event.author, event.sender) == ("Fix login\n\nAnd more.", "A. Author", "alice")
    assert (event.repository.id, event.repository.full_name, event.repository.default_branch) == (
        "42",
        "acme/web",
        "main",
    )


def test_w03_an_annotated_tag_it_takes_the_commit_and_not_the_tag_object():
    payload = push_payload("refs/tags/v1.0.0", TAG_OBJECT, head_commit={"id": COMMIT, "message": "rel"}, commits=[])
    assert read(payload).commit == COMMIT


def test_w03_a_tag_without_head_commit_it_leaves_peeling_to_the_checkout():
    assert read(push_payload("refs/tags/v1.0.0", TAG_OBJECT, head_commit=None)).commit == TAG_OBJECT


@pytest.mark.parametrize(
    "fields",
    [
        {"after": ZEROS, "deleted": True, "head_commit": None},
        {"after": ZEROS, "deleted": False, "head_commit": None},
        {"after": "0" * 64, "head_commit": None},
    ],
    ids=["as GitHub", "by zeros alone", "by 64 zeros"],
)
def test_w01_a_deletion_it_has_no_commit(fields):
    event = read(push_payload(**fields))
    assert event.deleted
    assert event.commit == ""


def test_w01_a_sha256_repository_it_takes_64_digits():
    assert read(push_payload(after=SHA256)).commit == SHA256


@pytest.mark.parametrize("message", [None, 5, [], {}], ids=repr)
def test_w12_a_message_of_another_type_it_is_empty(message):
    assert read(push_payload(message=message)).message == ""


def test_w05_an_empty_commit_list_it_is_a_push_all_the_same():
    assert read(push_payload(commits=[])).commit == COMMIT


def test_a_message_it_loses_what_no_database_stores():
    body = json.dumps(push_payload(message="a\0b \ud83d c")).encode()
    assert read(body).message == "a\ufffdb \ufffd c"


BAD = {
    "empty body": (b"", "is empty"),
    "spaces": (b"  \n", "is empty"),
    "list": (b"[]", "a list and not an object"),
    "null": (b"null", "null and not an object"),
    "text": (b'"x"', "a text and not an object"),
    "number": (b"12", "a number and not an object"),
    "not JSON": (b"{ref: main}", "is not JSON"),
    "cut": (b'{"ref": "refs/heads/ma', "is not JSON"),
    "latin-1": ('{"ref": "refs/heads/main", "x": "é"}'.encode("latin-1"), "is not UTF-8"),
    "nested without end": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    "number without end": (b'{"a": ' + b"9" * 5000 + b"}", "number that is too long"),
    "ref null": (b'{"ref": null}', "names no ref"),
    "ref a number": (b'{"ref": 123}', "names no ref"),
    "ref short": (b'{"ref": "main"}', "not a full ref name"),
    "no ref": (b"{}", "names no ref"),
    "no commit": (b'{"ref": "refs/heads/main"}', "names no commit"),
    "commit is no hash": (b'{"ref": "refs/heads/main", "after": "HEAD; id"}', "names no commit"),
}


@pytest.mark.parametrize(("body", "sentence"), BAD.values(), ids=BAD)
def test_w10_a_body_that_is_no_push_it_says_what_is_wrong(body, sentence):
    with pytest.raises(FormatError) as caught:
        read(body)
    assert sentence in caught.value.sentence
    assert caught.value.sentence.endswith(".")


@pytest.mark.parametrize("ref", ["refs/pull/7/merge", "refs/notes/x", "refs/heads/a b", "refs/heads/x.lock", "refs/x"])
def test_w10_a_ref_that_no_rule_can_name_it_ignores(ref):
    event = read(push_payload(ref))
    assert isinstance(event, Ignored)
    assert ref in event.reason


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + json.dumps(push_payload()).encode(),
        json.dumps({**push_payload(), "deep": json.loads("[" * 200 + "]" * 200)}).encode(),
        b"\n\t " + json.dumps(push_payload()).encode() + b"\n",
    ],
    ids=["BOM", "200 levels", "white space"],
)
def test_w10_odd_but_good_bodies_it_reads(body):
    assert read(body).commit == COMMIT


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "", "application/json; charset=utf-8"])
def test_w10_whatever_type_it_says_a_body_of_json_it_reads(content_type):
    assert read(push_payload(), content_type=content_type).commit == COMMIT


def test_a_form_without_payload_it_says_so():
    with pytest.raises(FormatError, match="without a field `payload`"):
        read(b"x=1&y=2", content_type="application/x-www-form-urlencoded")


def test_no_event_header_it_is_no_delivery():
    with pytest.raises(FormatError, match="X-GitHub-Event"):
        read(push_payload(), event="")


def test_a_ping_it_warns_where_no_pushes_are_sent():
    event = read({"zen": "…", "hook": {"events": ["issues"]}}, event="ping")
    assert isinstance(event, Ping)
    assert "no pushes" in event.warning


@pytest.mark.parametrize("events", [["push"], ["*"], ["push", "create"], [], None])
def test_a_ping_of_a_good_webhook_it_warns_of_nothing(events):
    assert read({"hook": {"events": events}}, event="ping").warning == ""


def test_a_delivery_id_that_is_too_long_it_stands_as_its_digest():
    long = github.delivery_id({"x-github-delivery": "x" * 5000})
    assert len(long) <= 128
    assert long != github.delivery_id({"x-github-delivery": "x" * 5001})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["refs/heads/main", COMMIT, ZEROS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(push_payload())), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(sorted(push_payload())), JSON), st.sampled_from(["push", "ping", "create", "x"]))
@settings(deadline=None)
def test_w10_whatever_types_the_fields_have_it_raises_nothing_but_format_errors(fields, event):
    try:
        read(json.dumps({**push_payload(), **fields}).encode(), event=event)
    except FormatError as error:
        assert error.sentence


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_w10_whatever_bytes_come_it_raises_nothing_but_format_errors(body):
    for content_type in ("application/json", "application/x-www-form-urlencoded"):
        try:
            read(b"payload=" + body if "form" in content_type else body, content_type=content_type)
        except FormatError as error:
            assert error.sentence


def test_a_signature_it_takes_only_the_right_one():
    right = "sha256=" + sign_sha256(b"secret", b"body")
    assert github.signature_problem("secret", {"x-hub-signature-256": right}, b"body") is None
    assert github.signature_problem("secret", {"x-hub-signature-256": right}, b"body ") is not None
    assert github.signature_problem("", {"x-hub-signature-256": "sha256=" + sign_sha256(b"", b"body")}, b"body")
