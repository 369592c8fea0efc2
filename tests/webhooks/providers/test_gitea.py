"""The webhooks of Gitea, Forgejo and Gogs, read without a database."""

from __future__ import annotations

import json

import pytest

from lib.crypto import sign_sha256
from tests.webhooks.forges import GiteaSender
from tests.webhooks.sending import BEFORE, COMMIT
from webhooks.providers import FormatError, Ignored, Ping, PullRequestEvent
from webhooks.providers.gitea import Gitea

SECRET, BODY = "s3cret", b'{"ref": "refs/heads/main"}'
MAC = sign_sha256(SECRET.encode(), BODY)
READER, SENDER = Gitea(), GiteaSender()


def read(told, headers=None):
    return READER.read({"x-gitea-event": told[0], **(headers or {})}, json.dumps(told[1]).encode())


GOOD = {
    "Gitea": {"x-gitea-signature": MAC},
    "Forgejo": {"x-forgejo-signature": MAC, "x-gitea-signature": MAC, "x-gogs-signature": MAC},
    "Gogs": {"x-gogs-signature": MAC},
    "as GitHub": {"x-hub-signature-256": f"sha256={MAC}"},
    "with a wrong SHA-1": {"x-gitea-signature": MAC, "x-hub-signature": "sha1=" + "0" * 40},
}
BAD = {
    "nothing": {},
    "empty": {"x-gitea-signature": "", "x-gogs-signature": ""},
    "upper case": {"x-gitea-signature": MAC.upper()},
    "with a prefix": {"x-gitea-signature": f"sha256={MAC}"},
    "GitHub's without a prefix": {"x-hub-signature-256": MAC},
    "no digits": {"x-hub-signature-256": "sha256="},
    "SHA-512": {"x-hub-signature-256": "sha512=" + "0" * 128},
    "SHA-1": {"x-hub-signature": "sha1=" + "0" * 40},
    "one wrong beside a right one": {"x-gitea-signature": MAC, "x-forgejo-signature": "0" * 64},
    "another key": {"x-gitea-signature": sign_sha256(b"other", BODY)},
    "the empty key": {"x-gitea-signature": sign_sha256(b"", BODY)},
    "not ASCII": {"x-gitea-signature": "é"},
    "a token": {"x-gitlab-token": SECRET},
    "a bearer": {"authorization": f"Bearer {SECRET}"},
}


@pytest.mark.parametrize("name", GOOD)
def test_w08_the_right_signature_it_believes_under_every_name(name):
    assert READER.signature_problem(SECRET, GOOD[name], BODY) is None


@pytest.mark.parametrize("name", BAD)
def test_w08_anything_else_it_refuses(name):
    assert READER.signature_problem(SECRET, BAD[name], BODY)


def test_w08_the_secret_in_the_body_of_an_old_one_it_does_not_take_for_proof():
    body = json.dumps({"secret": SECRET, "ref": "refs/heads/main"}).encode()
    assert "carried no signature" in READER.signature_problem(SECRET, {}, body)


def test_the_delivery_id_it_reads_of_each():
    for header in ("x-gitea-delivery", "x-forgejo-delivery", "x-gogs-delivery"):
        assert READER.delivery_id({header: "f6266f16"}) == "f6266f16"


def test_w10_the_button_that_tests_the_webhook_it_takes_for_a_ping():
    ping = read(SENDER.push("refs/heads/main", COMMIT, COMMIT))
    assert isinstance(ping, Ping)
    assert "nothing was pushed" in ping.warning


@pytest.mark.parametrize("event", ["create", "delete"])
def test_a_new_ref_it_leaves_to_the_push_that_comes_too(event):
    told = event, {"ref": "v1", "ref_type": "tag", "sha": COMMIT, "repository": SENDER.repository}
    assert isinstance(read(told), Ignored)


def test_a_new_tag_of_gogs_it_builds_since_no_push_comes():
    body = json.dumps({"ref": "v1", "ref_type": "tag", "sha": COMMIT, "repository": SENDER.repository}).encode()
    push = READER.read({"x-gogs-event": "create"}, body)
    assert (push.ref.type, push.ref.name, push.commit) == ("tag", "v1", COMMIT)


@pytest.mark.parametrize("name", ["", "a..b", "x" * 300])
def test_a_new_tag_of_gogs_with_a_name_that_git_forbids_it_ignores(name):
    body = json.dumps({"ref": name, "ref_type": "tag", "sha": COMMIT}).encode()
    assert "Git allows for a tag" in READER.read({"x-gogs-event": "create"}, body).reason


@pytest.mark.parametrize("name", [None, 7, []])
def test_a_new_tag_of_gogs_without_a_name_it_refuses(name):
    with pytest.raises(FormatError, match="names no ref"):
        READER.read({"x-gogs-event": "create"}, json.dumps({"ref": name, "ref_type": "tag"}).encode())


@pytest.mark.parametrize(
    ("word", "action"),
    [("opened", "opened"), ("synchronized", "synchronized"), ("reopened", "reopened"), ("closed", "closed")],
)
def test_w15_a_pull_request_it_reads(word, action):
    event = read(SENDER.pull_request(action=word, merged=word == "closed"))
    assert isinstance(event, PullRequestEvent)
    assert (event.number, event.action, event.head_commit, event.base_commit) == (7, action, COMMIT, BEFORE)
    assert (event.head_ref, event.base_ref, event.is_fork, event.author) == ("feature", "main", False, "alice")
    assert event.merged == (word == "closed")


@pytest.mark.parametrize("word", ["label_updated", "edited", "assigned", "", None])
def test_what_brings_no_commit_it_ignores(word):
    assert "brings no commit" in read(SENDER.pull_request(action=word)).reason


@pytest.mark.parametrize("fork", [True, None])
def test_w15_a_fork_and_one_that_is_gone_it_takes_for_a_strangers(fork):
    assert read(SENDER.pull_request(fork)).is_fork
