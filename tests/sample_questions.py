"""Rows for the pages of variables and pull requests: what screenshots are taken of."""

from __future__ import annotations

from accounts.models import User
from builds.actions.holds import held_again
from builds.actions.variables import VariableDraft, save_variables
from builds.core.variables import Kind
from builds.models import Build, BuildRule, Review, Source

DIFF = """--- a/Dockerfile
+++ b/Dockerfile
@@ -1,6 +1,7 @@
 FROM node:22
 WORKDIR /app
-COPY package.json ./
+COPY package.json package-lock.json ./
+RUN --mount=type=cache,target=/root/.npm npm ci
-RUN npm install
 COPY . .
 CMD ["node", "server.js"]
"""


def add_variables(admin: User, source: Source) -> None:
    """One of each kind, and one that is for a rule."""
    rule = source.rules.last()
    drafts = [
        VariableDraft(Kind.ARG, "VERSION", "{sourceref}-{sha7}"),
        VariableDraft(Kind.ARG, "API_ADDRESS", "https://api.example.com/v2/with/a/rather/long/path?that=is&kept=whole"),
        VariableDraft(Kind.SECRET, "NPM_TOKEN", "npm_0123456789abcdef"),
        VariableDraft(Kind.SECRET, "SIGNING_KEY", "release only", rule.pk if rule else None),
        VariableDraft(Kind.SSH, "default"),
    ]
    save_variables(admin, source, drafts, sees_secrets=True)


def add_question(rule: BuildRule, number: int, commit: str) -> Build:
    """A fork's pull request that waits for an approval, with a worker's look at it."""
    pull_request = {
        "number": 128,
        "fork": True,
        "base_ref": "main",
        "head_ref": "faster-install",
        "head_repository": "stranger/hello",
        "title": "Install with the lock file, and keep npm's cache between builds",
        "url": "https://forge.example.com/acme/hello/pull/128",
        "author": "a-stranger",
    }
    build = Build.objects.create(
        repository=rule.source.repository,
        source=rule.source,
        rule=rule,
        number=number,
        plan={"rule": str(rule), "tags": [], "dockerfile": "Dockerfile", "context": "."},
        ref_type="pull_request",
        ref="main",
        commit=commit,
        commit_message=pull_request["title"],
        commit_author="a-stranger",
        cause="pull_request",
        cause_detail="#128 opened by a-stranger",
        pull_request=pull_request,
        untrusted=True,
        **held_again(),
    )
    others = ["package-lock.json", "package.json", "server.js"]
    Review.objects.create(
        build=build,
        commit=commit,
        state="good",
        sentence="It changes 5 files; 2 of them say what runs. The Dockerfile is among them.",
        files=[
            {"path": "Dockerfile", "change": "changed", "diff": DIFF, "clipped": False},
            {"path": ".dockerignore", "change": "added", "diff": "@@ -0,0 +1 @@\n+node_modules\n", "clipped": False},
        ],
        others=[{"path": path, "change": "changed"} for path in others],
        others_total=len(others),
    )
    return build
