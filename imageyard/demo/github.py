"""A `push` webhook as GitHub sends it: the body, the headers and the signature."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid

from imageyard.demo.gitrepo import BRANCH, NO_COMMIT, Push


def push_request(push: Push, secret: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers.

    Fields as in GitHub's documentation, "Webhook events and payloads", `push`; signed as in "Validating webhook
    deliveries" (`X-Hub-Signature-256`).
    """
    person = {"name": "Hello Demo", "email": "hello@acme.test", "username": "hello-demo"}
    url = "https://github.example/demo/hello"
    commit = {
        "id": push.after,
        "tree_id": push.after,
        "distinct": True,
        "message": push.message,
        "timestamp": push.at,
        "url": f"{url}/commit/{push.after}",
        "author": person,
        "committer": person,
        "added": [],
        "removed": [],
        "modified": ["content/pushes.txt"],
    }
    payload = {
        "ref": f"refs/heads/{BRANCH}",
        "before": push.before,
        "after": push.after,
        "created": push.before == NO_COMMIT,
        "deleted": False,
        "forced": False,
        "base_ref": None,
        "compare": f"{url}/compare/{push.before[:12]}...{push.after[:12]}",
        "commits": [commit],
        "head_commit": commit,
        "repository": {
            "id": 1,
            "name": "hello",
            "full_name": "demo/hello",
            "private": False,
            "html_url": url,
            "clone_url": f"{url}.git",
            "default_branch": BRANCH,
            "owner": {"name": "demo", "login": "demo", "id": 1},
        },
        "pusher": {"name": "hello-demo", "email": "hello@acme.test"},
        "sender": {"login": "hello-demo", "id": 2, "type": "User"},
    }
    body = json.dumps(payload).encode()
    return body, {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/demo",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
    }
