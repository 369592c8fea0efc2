"""What others published of GitLab, Gitea, Forgejo, Gogs and Bitbucket: a verdict or a sentence for every file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from builds.models import Build
from tests.factories import make_rule, make_source
from tests.webhooks.forges import SENDERS, deliver
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db
ROOT = Path(os.environ.get("IMAGEYARD_CORPORA", "/nowhere")) / "webhooks"
FOLDERS = {
    "gitlab": ["go-scm/gitlab", "woodpecker/gitlab", "go-playground/gitlab", "quay/gitlab*"],
    "gitea": [
        "go-scm/gitea",
        "woodpecker/gitea",
        "woodpecker/forgejo",
        "go-playground/gitea",
        "go-*/gogs",
        "go-*/gitee",
    ],
    "bitbucket": ["go-scm/bitbucket", "woodpecker/bitbucket", "go-playground/bitbucket", "quay/bitbucket*"],
    "bitbucket-server": ["woodpecker/bitbucketdatacenter/fixtures/Hook*", "go-playground/bitbucket-server"],
    "generic": ["quay/custom_webhook.json", "go-playground/docker", "go-scm/azure"],
}


def files(name: str) -> list[Path]:
    found = [path for pattern in FOLDERS[name] for path in ROOT.glob(pattern)]
    return sorted(
        path for start in found for path in ([start] if start.is_file() else start.rglob("*.json")) if path.is_file()
    )


ALL = [(name, path) for name in FOLDERS for path in files(name)]


def event_of(name: str, path: Path, document: dict) -> tuple[str, dict[str, str]]:
    """The event as the forge would have named it in a header, from what the file is called and holds."""
    stem = path.stem.lower()
    if name == "bitbucket-server":
        return document.get("eventKey", "repo:refs_changed"), {}
    if name == "bitbucket":
        if "push" in document:
            return "repo:push", {}
        word = next((w for w in ("updated", "fulfilled", "merged", "rejected", "declined") if w in stem), "created")
        word = {"merged": "fulfilled", "declined": "rejected"}.get(word, word)
        return (f"pullrequest:{word}" if "pullrequest" in document and "comment" not in document else "repo:x"), {}
    if name == "gitea":
        if "pull_request" in document:
            return "pull_request", {}
        if "ref_type" in document:
            word = "delete" if "delete" in stem or "pusher_type" in document else "create"
            return word, {"X-Gogs-Event": word, "X-Gitea-Event": None} if "gogs" in str(path) else {}
        return ("push" if "ref" in document and "release" not in document else "release"), {}
    return "push", {}


@pytest.mark.skipif(not ALL, reason="IMAGEYARD_CORPORA does not name a folder with published webhooks")
def test_the_published_files_it_finds():
    assert {name: len(files(name)) > 0 for name in FOLDERS} == dict.fromkeys(FOLDERS, True)


@pytest.mark.parametrize(("name", "path"), ALL, ids=[str(path.relative_to(ROOT)) for _, path in ALL])
def test_a_published_file_it_gives_a_verdict_or_a_sentence(db, name, path):
    sender, source = SENDERS[name](), make_source(forge=SENDERS[name].forge, clone_url="https://x.example.org/a/b")
    make_rule(source, pattern="/.*/")
    make_rule(source, ref_type="tag", pattern="/.*/", tags=["{sourceref}"])
    body = path.read_bytes()
    document = json.loads(body)
    event, headers = event_of(name, path, document if isinstance(document, dict) else {})
    answer = deliver(source, sender, (event, body), headers=headers)
    delivery = Delivery.objects.get()
    assert answer.status_code in (202, 400)
    assert delivery.sentence
    assert delivery.status != "fault"
    known = path.parts[-2] not in ("azure", "docker") and "gitee" not in path.parts and name != "generic"
    assert not known or answer.status_code == 202 or path.name in NOT_PUSHES, delivery.sentence


# A commit as Bitbucket's old API told of it: no webhook.
NOT_PUSHES = {"bitbucket_commit.json"}

SCM, WOOD = "go-scm/{}/testdata/webhooks/{}.json", "woodpecker/{}/fixtures/{}.json"
PUSHES = {
    ("gitlab", WOOD.format("gitlab", "HookTag")): ("tag v22", "16862e368d8ab812e48833b741dad720d6e2cb7f"),
    ("gitlab", SCM.format("gitlab", "branch_delete")): ("branch feature", None),
    ("gitlab", SCM.format("gitlab", "tag_delete")): ("tag v1.0.0", None),
    ("gitlab", "quay/gitlab_webhook_nocommit.json"): ("branch foobar", None),
    ("gitlab", "go-playground/gitlab/system-push-event.json"): (
        "branch master",
        "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
    ),
    ("gitea", WOOD.format("gitea", "HookPush")): ("branch main", "ef98532add3b2feb7a137426bba1248724367df5"),
    ("gitea", WOOD.format("gitea", "HookPushBranch")): (
        "branch fdsafdsa",
        "28c3613ae62640216bea5e7dc71aa65356e4298b",
    ),
    ("gitea", WOOD.format("forgejo", "HookPushMulti")): ("branch main", "29be01c073851cf0db0c6a466e396b725a670453"),
    ("gitea", SCM.format("gogs", "tag_create")): ("tag v1.0.0", "599d25c67b05717269f50ac082b34f176d085179"),
    ("bitbucket", WOOD.format("bitbucket", "HookPush")): (
        "branch main",
        "c14c1bb05dfb1fdcdf06b31485fff61b0ea44277",
    ),
    ("bitbucket", "quay/bitbucket_customer_example_tag.json"): (
        "tag 0.1.2",
        "a0ec139843b2bb281ab21a433266ddc498e605dc",
    ),
    ("bitbucket-server", WOOD.format("bitbucketdatacenter", "HookPush")): (
        "branch renovate-all",
        "76797d54bca87db6d1e3e82ee40622c7908aa514",
    ),
}


@pytest.mark.parametrize(("name", "path"), PUSHES, ids=[path for _, path in PUSHES])
def test_a_published_push_it_builds_what_it_brings(corpora, db, name, path):
    """Among them W01 (deletions), W03 (an annotated tag), W05 (a new branch without commits) and W12 (a marked tag)."""
    sender, source = SENDERS[name](), make_source(forge=SENDERS[name].forge, clone_url="https://x.example.org/a/b")
    make_rule(source, pattern="/.*/")
    make_rule(source, ref_type="tag", pattern="/.*/", tags=["{sourceref}"])
    body = (corpora / "webhooks" / path).read_bytes()
    event, headers = event_of(name, corpora / "webhooks" / path, json.loads(body))
    deliver(source, sender, (event, body), headers=headers)
    delivery = Delivery.objects.get()
    built = list(Build.objects.values_list("commit", flat=True))
    ref, commit = PUSHES[name, path]
    assert (f"{delivery.ref_type} {delivery.ref}", built) == (ref, [commit] if commit else [])
