"""GitLab's webhooks, read without a database: what proves them, their ids, pushes and merge requests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest

from tests.webhooks.forges import GitLabSender
from tests.webhooks.sending import BEFORE, COMMIT, ZEROS
from webhooks.providers import FormatError, Ignored, PullRequestEvent, PushEvent
from webhooks.providers.gitlab import GitLab, signing_token

SECRET = "5f" * 32
BODY = b'{"object_kind": "push"}'
READER, SENDER = GitLab(), GitLabSender()


def read(told, event="Push Hook"):
    return READER.read({"x-gitlab-event": event}, json.dumps(told[1]).encode())


def standard(key: bytes, *, identity="msg_1", at="1764000000", body=BODY) -> dict[str, str]:
    """Headers as the Standard Webhooks specification makes them."""
    digest = hmac.new(key, f"{identity}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1764000000",
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


KEY = bytes.fromhex(SECRET)
GOOD = {
    "the token": {"x-gitlab-token": SECRET},
    "signed": standard(KEY),
    "both": {"x-gitlab-token": SECRET, **standard(KEY)},
    "an old and the new key": {
        **standard(KEY),
        "webhook-signature": "v1,AAAA " + standard(KEY)["webhook-signature"],
    },
}
BAD = {
    "nothing": {},
    "empty": {"x-gitlab-token": ""},
    "a space more": {"x-gitlab-token": SECRET + " "},
    "upper case": {"x-gitlab-token": SECRET.upper()},
    "cut": {"x-gitlab-token": SECRET[:-1]},
    "not ASCII": {"x-gitlab-token": "é"},
    "twice": {"x-gitlab-token": f"{SECRET},{SECRET}"},
    "GitHub's signature": {"x-hub-signature-256": "sha256=" + hmac.new(SECRET.encode(), BODY, "sha256").hexdigest()},
    "signed with another key": standard(b"k" * 32),
    "signed, but another id": standard(KEY, identity="msg_2"),
    "signed, but another time": standard(KEY, at="1764000001"),
    "signed, but another body": standard(KEY, body=BODY + b" "),
    "another version": {**standard(KEY), "webhook-signature": standard(KEY)["webhook-signature"].replace("v1", "v1a")},
    "right token, wrong signature": {"x-gitlab-token": SECRET, **standard(b"k" * 32)},
    "wrong token, right signature": {"x-gitlab-token": "no", **standard(KEY)},
}


@pytest.mark.parametrize("name", GOOD)
def test_w08_what_proves_it_it_believes(name):
    assert READER.signature_problem(SECRET, GOOD[name], BODY) is None


@pytest.mark.parametrize("name", BAD)
def test_w08_anything_else_it_refuses_with_what_to_do(name):
    problem = READER.signature_problem(SECRET, BAD[name], BODY)
    assert problem
    assert "paste" in problem
    assert SECRET not in problem


def test_w08_no_secret_it_believes_nothing():
    for headers in ({"x-gitlab-token": ""}, {"x-gitlab-token": "x"}, standard(b"")):
        assert "has no webhook secret" in READER.signature_problem("", headers, BODY)


def test_the_signing_token_it_is_one_of_32_bytes():
    for secret in (SECRET, "chosen by hand"):
        token = signing_token(secret)
        assert len(base64.b64decode(token.removeprefix("whsec_"))) == 32
        signed = standard(base64.b64decode(token.removeprefix("whsec_")))
        assert READER.signature_problem(secret, signed, BODY) is None


def test_another_forges_request_it_names_that_forge():
    assert "comes from GitHub" in READER.signature_problem(SECRET, {"x-github-event": "push"}, BODY)


@pytest.mark.parametrize(
    ("headers", "identity"),
    [
        ({"idempotency-key": "a", "webhook-id": "b", "x-gitlab-event-uuid": "c"}, "a"),
        ({"webhook-id": "b", "x-gitlab-event-uuid": "c"}, "b"),
        ({"x-gitlab-event-uuid": "c", "x-gitlab-webhook-uuid": "d"}, "c"),
        ({"x-gitlab-webhook-uuid": "d"}, ""),
        ({"idempotency-key": "x" * 200}, "sha256:" + hashlib.sha256(b"x" * 200).hexdigest()),
    ],
)
def test_w09_the_delivery_id_it_takes_what_retries_share(headers, identity):
    assert READER.delivery_id(headers) == identity


def test_a_push_it_reads_whole():
    push = read(SENDER.push("refs/heads/main"))
    assert push == PushEvent(
        ref=push.ref,
        commit=COMMIT,
        before=BEFORE,
        message="Fix login",
        author="A. Author",
        sender="alice",
        url=f"https://gitlab.example.com/acme/web/-/compare/{BEFORE}...{COMMIT}",
        repository=push.repository,
    )
    assert (push.ref.type, push.ref.name) == ("branch", "main")
    assert (push.repository.id, push.repository.full_name, push.repository.host) == (
        "42",
        "acme/web",
        "gitlab.example.com",
    )


def test_w05_twenty_of_many_commits_it_takes_the_message_of_the_newest_wherever_it_stands():
    _, document = SENDER.push("refs/heads/main")
    commits = [{"id": f"{n:040x}", "message": "older [skip ci]"} for n in range(1, 20)]
    document |= {"commits": [*document["commits"], *commits], "total_commits_count": 60}
    assert read(("push", document)).message == "Fix login"


def test_a_hook_of_the_whole_server_it_reads_by_its_event_name():
    _, document = SENDER.push("refs/heads/main")
    document = {name: value for name, value in document.items() if name != "object_kind"} | {"event_name": "push"}
    assert read(("", document), "System Hook").commit == COMMIT


@pytest.mark.parametrize(
    ("kind", "says"),
    [("repository_update", "Push events"), ("project_rename", "renamed"), ("project_create", "project_create")],
)
def test_another_event_of_the_server_it_ignores(kind, says):
    ignored = read(("", {"event_name": kind, "project_id": 42, "path_with_namespace": "acme/new"}), "System Hook")
    assert isinstance(ignored, Ignored)
    assert says in ignored.reason
    assert (ignored.repository.id, ignored.repository.full_name) == ("42", "acme/new")


def test_a_body_of_no_kind_it_refuses():
    with pytest.raises(FormatError, match="object_kind"):
        read(("", {}))
    with pytest.raises(FormatError, match="X-Gitlab-Event"):
        READER.read({}, BODY)


ACTIONS = {
    "open": "opened",
    "reopen": "reopened",
    "close": "closed",
    "merge": "closed",
}


@pytest.mark.parametrize("word", ACTIONS)
def test_w15_a_merge_request_it_reads(word):
    event = read(SENDER.pull_request(action=word, url="https://gitlab.example.com/acme/web/-/merge_requests/7"))
    assert isinstance(event, PullRequestEvent)
    assert (event.number, event.action, event.merged) == (7, ACTIONS[word], word == "merge")
    assert (event.head_commit, event.head_ref, event.base_ref) == (COMMIT, "feature", "main")
    assert (event.is_fork, event.head_repository.full_name, event.sender) == (False, "acme/web", "alice")


@pytest.mark.parametrize(
    ("fields", "is_push"),
    [({"oldrev": BEFORE}, True), ({}, False), ({"oldrev": ZEROS}, False), ({"oldrev": None}, False)],
)
def test_an_update_of_a_merge_request_it_takes_for_one_only_where_commits_came(fields, is_push):
    event = read(SENDER.pull_request(action="update", **fields))
    assert (getattr(event, "action", "") == "synchronized") == is_push
    assert is_push or "brings no commit" in event.reason


@pytest.mark.parametrize("fork", [True, None])
def test_w15_a_merge_request_of_another_project_or_of_one_that_is_gone_it_takes_for_a_strangers(fork):
    assert read(SENDER.pull_request(fork)).is_fork
