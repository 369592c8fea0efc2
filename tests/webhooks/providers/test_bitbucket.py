"""The webhooks of Bitbucket Cloud and Bitbucket Data Center, read without a database."""

from __future__ import annotations

import json

import pytest

from lib.crypto import sign_sha256
from tests.webhooks.forges import BitbucketSender, BitbucketServerSender
from tests.webhooks.sending import BEFORE, COMMIT, ZEROS
from webhooks.providers import MOST_CHANGES, FormatError, Ignored, ManyPushes, Ping, PullRequestEvent, PushEvent
from webhooks.providers.bitbucket import Bitbucket

SECRET, BODY = "s3cret", b"{}"
MAC = sign_sha256(SECRET.encode(), BODY)
READER = Bitbucket()
BOTH = pytest.mark.parametrize("sender", [BitbucketSender(), BitbucketServerSender()], ids=["cloud", "server"])


def read(told):
    return READER.read({"x-event-key": told[0]}, json.dumps(told[1]).encode())


@pytest.mark.parametrize(
    ("headers", "good"),
    [
        ({"x-hub-signature": f"sha256={MAC}"}, True),
        ({"x-hub-signature": MAC}, False),
        ({"x-hub-signature": f"sha256={MAC.upper()}"}, False),
        ({"x-hub-signature": "sha256="}, False),
        ({"x-hub-signature": f"sha1={MAC}"}, False),
        ({"x-hub-signature-256": f"sha256={MAC}"}, False),
        ({"x-hub-signature": "sha256=" + sign_sha256(b"", BODY)}, False),
        ({"x-hub-signature": ""}, False),
        ({}, False),
    ],
)
def test_w08_the_signature_it_takes_one_form_of(headers, good):
    assert (READER.signature_problem(SECRET, headers, BODY) is None) == good


def test_the_delivery_id_it_takes_of_the_request_and_not_of_the_webhook():
    assert READER.delivery_id({"x-hook-uuid": "h", "x-request-uuid": "r", "x-attempt-number": "2"}) == "r"
    assert READER.delivery_id({"x-request-id": "s"}) == "s"
    assert READER.delivery_id({"x-hook-uuid": "h"}) == ""


def test_w10_the_test_of_a_connection_it_takes_for_a_ping():
    assert isinstance(read(("diagnostics:ping", {"test": True})), Ping)


@BOTH
def test_several_changes_it_reads_in_their_order(sender):
    changes = [sender.change("refs/heads/main"), sender.change("refs/tags/v1", before=ZEROS)]
    event = read(sender.many(*changes))
    assert isinstance(event, ManyPushes)
    assert [(change.ref.type, change.ref.name) for change in event.changes] == [("branch", "main"), ("tag", "v1")]
    assert [change.created for change in event.changes] == [False, True]
    assert (event.sender, event.repository.id) == ("alice", "42")


@BOTH
def test_one_change_it_reads_as_a_push(sender):
    assert isinstance(read(sender.push("refs/heads/main")), PushEvent)


@BOTH
def test_no_change_it_refuses(sender):
    with pytest.raises(FormatError, match="names no change"):
        read(sender.many())


@BOTH
def test_more_changes_than_it_judges_it_counts(sender):
    event = read(sender.many(*[sender.change(f"refs/heads/b{n}") for n in range(MOST_CHANGES + 7)]))
    assert (len(event.changes), event.left_out) == (MOST_CHANGES, 7)


@BOTH
def test_a_change_of_something_else_it_keeps_among_the_others_with_its_reason(sender):
    other = sender.change("refs/notes/x")
    event = read(sender.many(sender.change("refs/heads/main"), other))
    assert isinstance(event.changes[1], Ignored)
    assert "neither a branch nor a tag" in event.changes[1].reason


def test_a_mercurial_branch_of_old_it_ignores():
    change = BitbucketSender().change("refs/heads/main")
    change["new"]["type"] = "named_branch"
    assert "neither a branch nor a tag" in read(BitbucketSender().many(change)).reason


def test_w03_of_several_tags_nobody_says_the_commit_it_takes_what_it_is_told():
    sender = BitbucketServerSender()
    changes = [sender.change(f"refs/tags/v{n}", f"{n}" * 40) for n in (1, 2)]
    event = read(sender.many(*changes, head={"id": COMMIT}))
    assert [change.commit for change in event.changes] == ["1" * 40, "2" * 40]


CLOUD = {"created": "opened", "updated": "synchronized", "fulfilled": "closed", "rejected": "closed"}
SERVER = {"opened": "opened", "from_ref_updated": "synchronized", "merged": "closed", "declined": "closed"}
PULLS = [(BitbucketSender(), *row) for row in CLOUD.items()] + [
    (BitbucketServerSender(), *row) for row in SERVER.items()
]


@pytest.mark.parametrize(("sender", "word", "action"), PULLS, ids=[row[1] for row in PULLS])
def test_w15_a_pull_request_it_reads(sender, word, action):
    event = read(sender.pull_request(action=word))
    assert isinstance(event, PullRequestEvent)
    assert (event.number, event.action, event.merged) == (7, action, word in ("fulfilled", "merged"))
    assert event.head_commit == (COMMIT if isinstance(sender, BitbucketServerSender) else COMMIT[:12])
    assert (event.head_ref, event.base_ref, event.is_fork, event.author) == ("feature", "main", False, "alice")
    assert event.repository.id == "42"


@BOTH
@pytest.mark.parametrize("fork", [True, None])
def test_w15_a_fork_and_one_that_is_gone_it_takes_for_a_strangers(sender, fork):
    assert read(sender.pull_request(fork)).is_fork


def test_a_server_names_its_repository_by_project_and_slug():
    repository = read(BitbucketServerSender().push("refs/heads/main", before=BEFORE)).repository
    assert (repository.full_name, repository.host) == ("ACME/web", "git.example.com")
    assert repository.clone_urls == ("https://git.example.com/scm/acme/web.git",)
