"""Every example of @octokit/webhooks-examples: the right status for push, create, delete and ping; never a 500."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builds.models import Build, Source
from tests.factories import make_rule
from tests.webhooks.sending import post
from webhooks.models import Delivery
from webhooks.providers import Ignored, PullRequestEvent
from webhooks.providers.github import GitHub

pytestmark = pytest.mark.django_db
FOLDER = Path(__file__).parents[2] / "node_modules" / "@octokit" / "webhooks-examples"
EDITIONS = sorted(path.parent.name for path in FOLDER.glob("*/index.json"))


def examples(edition: str) -> list[tuple[str, dict]]:
    document = json.loads((FOLDER / edition / "index.json").read_text())
    return [(event["name"], example) for event in document for example in event["examples"]]


ALL = [(edition, name, example) for edition in EDITIONS for name, example in examples(edition)]
OURS = [row for row in ALL if row[1] in ("push", "create", "delete", "ping")]


def expected(event: str, payload: dict) -> tuple[str, int]:
    """Status and number of builds with one rule for every branch and one for every tag."""
    if event == "ping":
        return "connected", 0
    if event != "push" or payload["deleted"]:
        return "ignored", 0
    return "built", 1


def test_the_examples_it_finds():
    assert len(OURS) >= 20, "node_modules is not installed: `scripts/setup test` does it"


@pytest.mark.parametrize(
    ("edition", "event", "payload"), OURS, ids=[f"{e}-{n}-{i}" for i, (e, n, _) in enumerate(OURS)]
)
def test_an_example_it_gives_the_right_verdict(source, edition, event, payload):
    source.rules.all().delete()
    make_rule(source, pattern="/.*/")
    make_rule(source, ref_type="tag", pattern="/.*/", tags=["{sourceref}"])
    answer = post(source, payload, event=event)
    delivery = Delivery.objects.get()
    assert answer.status_code == 202
    assert (delivery.status, Build.objects.count()) == expected(event, payload)
    if delivery.status == "built":
        build = Build.objects.get()
        assert (build.commit, f"refs/{'tags' if build.ref_type == 'tag' else 'heads'}/{build.ref}") == (
            payload["head_commit"]["id"],
            payload["ref"],
        )


PULLS = [row for row in ALL if row[1] == "pull_request"]
ACTIONS = {"opened": "opened", "synchronize": "synchronized", "reopened": "reopened", "closed": "closed"}


@pytest.mark.parametrize(("edition", "event", "payload"), PULLS, ids=[f"{e}-{i}" for i, (e, _, _) in enumerate(PULLS)])
def test_w15_a_pull_request_it_reads_where_it_brings_commits(edition, event, payload):
    read = GitHub().read({"x-github-event": event}, json.dumps(payload).encode())
    given = payload["pull_request"]
    if payload["action"] not in ACTIONS:
        assert isinstance(read, Ignored)
        assert f"#{given['number']}" in read.reason
        return
    assert isinstance(read, PullRequestEvent)
    assert (read.action, read.number, read.head_commit, read.head_ref, read.base_ref) == (
        ACTIONS[payload["action"]],
        given["number"],
        given["head"]["sha"],
        given["head"]["ref"],
        given["base"]["ref"],
    )
    assert read.is_fork == (given["head"]["repo"]["id"] != given["base"]["repo"]["id"])


@pytest.mark.parametrize("head", [None, {"id": 7, "full_name": "evil/app"}, {}], ids=["gone", "fork", "no id"])
def test_w15_a_pull_request_of_a_fork_it_takes_for_a_strangers_and_builds_nothing(source, head):
    payload = next(p for _, _, p in PULLS if p["action"] == "opened")
    given = payload["pull_request"]
    given = {**given, "head": {**given["head"], "repo": head}}
    document = {**payload, "pull_request": given}
    read = GitHub().read({"x-github-event": "pull_request"}, json.dumps(document).encode())
    assert read.is_fork
    assert read.head_repository.full_name == (head or {}).get("full_name", "")
    post(source, document, event="pull_request")
    assert (Delivery.objects.get().status, Build.objects.count()) == ("ignored", 0)


@pytest.mark.slow
@pytest.mark.parametrize("edition", EDITIONS)
def test_every_other_event_it_ignores(source, edition):
    others = {name: example for name, example in examples(edition) if name not in ("push", "create", "delete", "ping")}
    for name, payload in others.items():
        Source.objects.update(forge_repository_id="")  # the examples are of several repositories
        assert post(source, payload, event=name).status_code == 202, name
    assert set(Delivery.objects.values_list("status", flat=True)) == {"ignored"}
    assert not Build.objects.exists()
