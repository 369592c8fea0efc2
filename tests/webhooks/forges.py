"""Small deliveries of every forge but GitHub, made and signed as the forge does it."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from builds.models import Source
from lib.crypto import sign_sha256
from tests.webhooks.sending import BEFORE, COMMIT, ZEROS

BARE = {"refs/heads/": "branch", "refs/tags/": "tag"}


@dataclass
class GitLabSender:
    forge = "gitlab"
    event = "X-Gitlab-Event"
    delivery = "Idempotency-Key"
    repository: dict = field(
        default_factory=lambda: {
            "id": 42,
            "path_with_namespace": "acme/web",
            "default_branch": "trunk",
            "web_url": "https://gitlab.example.com/acme/web",
            "git_http_url": "https://gitlab.example.com/acme/web.git",
        }
    )

    def proof(self, secret: str, body: bytes) -> dict[str, str]:
        return {"X-Gitlab-Token": secret}

    def push(self, ref, commit=COMMIT, before=BEFORE, message="Fix login", tag_object=None):
        kind = "tag_push" if ref.startswith("refs/tags/") else "push"
        commits = [{"id": commit, "message": message, "author": {"name": "A. Author"}}] if message else []
        after = tag_object or commit
        return kind, {
            "object_kind": kind,
            "ref": ref,
            "before": before,
            "after": after,
            "checkout_sha": commit,
            "commits": commits,
            "total_commits_count": len(commits),
            "user_username": "alice",
            "project_id": self.repository["id"],
            "project": self.repository,
        }

    def deleted(self, ref, zeros=ZEROS):
        kind, document = self.push(ref, before=BEFORE)
        return kind, document | {"after": zeros, "checkout_sha": None, "commits": []}

    def unused(self):
        return "Issue Hook", {"object_kind": "issue", "project": self.repository}

    def pull_request(self, fork=False, action="open", **fields):
        attributes = {
            "iid": 7,
            "title": "Try it",
            "action": action,
            "source_branch": "feature",
            "target_branch": "main",
            "source_project_id": 43 if fork else 42,
            "target_project_id": 42,
            "last_commit": {"id": COMMIT},
            "source": {"path_with_namespace": "evil/web" if fork else "acme/web"},
            **fields,
        }
        if fork is None:
            attributes |= {"source_project_id": None, "source": None}
        return "Merge Request Hook", {
            "object_kind": "merge_request",
            "user": {"id": 1, "username": "alice"},
            "project": self.repository,
            "object_attributes": attributes,
        }


@dataclass
class GiteaSender:
    forge = "gitea"
    event = "X-Gitea-Event"
    delivery = "X-Gitea-Delivery"
    repository: dict = field(
        default_factory=lambda: {
            "id": 42,
            "full_name": "acme/web",
            "default_branch": "trunk",
            "html_url": "https://gitea.example.com/acme/web",
            "clone_url": "https://gitea.example.com/acme/web.git",
        }
    )

    def proof(self, secret: str, body: bytes) -> dict[str, str]:
        return {"X-Gitea-Signature": sign_sha256(secret.encode(), body)}

    def push(self, ref, commit=COMMIT, before=BEFORE, message="Fix login", tag_object=None):
        head = {"id": commit, "message": message, "author": {"name": "A. Author"}}
        return "push", {
            "ref": ref,
            "before": before,
            "after": tag_object or commit,
            "commits": [head] if message else [],
            "head_commit": head if message or tag_object else None,
            "repository": self.repository,
            "pusher": {"login": "alice"},
        }

    def deleted(self, ref, zeros=ZEROS):
        return "push", self.push(ref)[1] | {"after": zeros, "commits": [], "head_commit": None}

    def unused(self):
        return "issues", {"action": "opened", "repository": self.repository}

    def pull_request(self, fork=False, action="opened", **fields):
        head_repository = None if fork is None else {"id": 43, "full_name": "evil/web"} if fork else self.repository
        return "pull_request", {
            "action": action,
            "number": 7,
            "pull_request": {
                "title": "Try it",
                "user": {"login": "alice"},
                "head": {"ref": "feature", "sha": COMMIT, "repo": head_repository},
                "base": {"ref": "main", "sha": BEFORE, "repo": self.repository},
                **fields,
            },
            "repository": self.repository,
            "sender": {"login": "alice"},
        }


@dataclass
class BitbucketSender:
    forge = "bitbucket"
    event = "X-Event-Key"
    delivery = "X-Request-UUID"
    repository: dict = field(
        default_factory=lambda: {
            "uuid": "42",
            "full_name": "acme/web",
            "links": {"html": {"href": "https://bitbucket.org/acme/web"}},
        }
    )

    def proof(self, secret: str, body: bytes) -> dict[str, str]:
        return {"X-Hub-Signature": "sha256=" + sign_sha256(secret.encode(), body)}

    def change(self, ref, commit=COMMIT, before=BEFORE, message="Fix login"):
        prefix = ref[: ref.index("/", 5) + 1]
        named = {"type": BARE.get(prefix, "named_branch"), "name": ref.removeprefix(prefix)}
        target = {"hash": commit, "message": message, "author": {"raw": "A. Author <author@acme.test>"}}
        return {
            "old": None if before == ZEROS else {**named, "target": {"hash": before}},
            "new": None if commit is None else {**named, "target": target},
            "forced": False,
        }

    def many(self, *changes):
        return "repo:push", {
            "push": {"changes": list(changes)},
            "repository": self.repository,
            "actor": {"nickname": "alice"},
        }

    def push(self, ref, commit=COMMIT, before=BEFORE, message="Fix login", tag_object=None):
        return self.many(self.change(ref, commit, before, message))

    def deleted(self, ref, zeros=ZEROS):
        return self.many(self.change(ref, None))

    def unused(self):
        return "repo:fork", {"repository": self.repository}

    def pull_request(self, fork=False, action="created", **fields):
        theirs = None if fork is None else {"uuid": "43", "full_name": "evil/web"} if fork else self.repository
        return f"pullrequest:{action}", {
            "pullrequest": {
                "id": 7,
                "title": "Try it",
                "author": {"nickname": "alice"},
                "source": {"branch": {"name": "feature"}, "commit": {"hash": COMMIT[:12]}, "repository": theirs},
                "destination": {"branch": {"name": "main"}, "repository": self.repository},
                **fields,
            },
            "repository": self.repository,
            "actor": {"nickname": "alice"},
        }


@dataclass
class BitbucketServerSender(BitbucketSender):
    delivery = "X-Request-Id"
    repository: dict = field(
        default_factory=lambda: {
            "id": 42,
            "slug": "web",
            "project": {"key": "ACME"},
            "links": {
                "self": [{"href": "https://git.example.com/projects/ACME/repos/web/browse"}],
                "clone": [{"href": "https://git.example.com/scm/acme/web.git"}],
            },
        }
    )

    def change(self, ref, commit=COMMIT, before=BEFORE, message="Fix login"):
        return {"refId": ref, "fromHash": before, "toHash": commit, "type": "ADD" if before == ZEROS else "UPDATE"}

    def many(self, *changes, head=None):
        return "repo:refs_changed", {
            "changes": list(changes),
            "commits": [],
            "toCommit": head,
            "repository": self.repository,
            "actor": {"name": "alice"},
        }

    def push(self, ref, commit=COMMIT, before=BEFORE, message="Fix login", tag_object=None):
        head = {"id": commit, "message": message, "author": {"name": "A. Author"}}
        return self.many(self.change(ref, tag_object or commit, before), head=head)

    def deleted(self, ref, zeros=ZEROS):
        return self.many(self.change(ref, zeros) | {"type": "DELETE"})

    def unused(self):
        return "repo:forked", {"repository": self.repository}

    def pull_request(self, fork=False, action="opened", **fields):
        theirs = None if fork is None else {"id": 43, "slug": "web", "project": {"key": "EVIL"}}
        return f"pr:{action}", {
            "pullRequest": {
                "id": 7,
                "title": "Try it",
                "author": {"user": {"name": "alice"}},
                "fromRef": {
                    "id": "refs/heads/feature",
                    "latestCommit": COMMIT,
                    "repository": self.repository if fork is False else theirs,
                },
                "toRef": {"id": "refs/heads/main", "latestCommit": BEFORE, "repository": self.repository},
                **fields,
            },
            "actor": {"name": "alice"},
        }


@dataclass
class GenericSender:
    forge = "generic"
    event = "X-Imageyard-Event"
    delivery = "X-Imageyard-Delivery"
    repository: dict = field(
        default_factory=lambda: {
            "id": 42,
            "name": "acme/web",
            "default_branch": "trunk",
            "clone_url": "https://git.example.com/acme/web.git",
        }
    )

    def proof(self, secret: str, body: bytes) -> dict[str, str]:
        return {"X-Imageyard-Signature-256": "sha256=" + sign_sha256(secret.encode(), body)}

    def change(self, ref, commit=COMMIT, before=BEFORE, message="Fix login", tag_object=None):
        author = "A. Author"
        after = tag_object or commit
        return {
            "ref": ref,
            "before": before,
            "after": after,
            "commit": commit,
            "message": message,
            "author": author,
        }

    def many(self, *changes):
        return "push", {"changes": list(changes), "sender": "alice", "repository": self.repository}

    def push(self, *arguments, **fields):
        change = self.change(*arguments, **fields)
        return "push", {**change, "sender": "alice", "repository": self.repository}

    def deleted(self, ref, zeros=ZEROS):
        return self.push(ref, commit=zeros)

    def unused(self):
        return "moon", {"repository": self.repository}


SENDERS = {
    "gitlab": GitLabSender,
    "gitea": GiteaSender,
    "bitbucket": BitbucketSender,
    "bitbucket-server": BitbucketServerSender,
    "generic": GenericSender,
}


def deliver(
    source: Source,
    sender: Any,
    told: tuple[str, Any],
    *,
    delivery: str | None = None,
    headers: dict[str, str | None] | None = None,
    content_type: str = "application/json",
) -> Any:
    """Post what a sender made (event, payload or bytes), signed; `headers` changes some, or (None) removes them."""
    event, document = told
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    sent: dict[str, str | None] = {
        sender.event: event,
        sender.delivery: delivery or str(uuid.uuid4()),
        **sender.proof(source.webhook_secret, body),
        **(headers or {}),
    }
    return Client(raise_request_exception=False).post(
        f"/webhooks/{source.forge}/{source.pk}",
        data=body,
        content_type=content_type,
        headers={name: value for name, value in sent.items() if value is not None},
    )
