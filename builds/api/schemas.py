"""Shapes of the API's bodies and answers. The words are those of the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from ninja import Field, Schema

from builds.core.rules import MAX_RULES

RefType = Literal["branch", "tag", "pull_request"]


class RepositoryIn(Schema):
    namespace: str
    name: str
    description: str = ""
    visibility: Literal["private", "public"] = "private"


class CredentialIn(Schema):
    """How Git logs in over https. `username` where the forge wants one beside the token."""

    username: str = Field("", max_length=255)
    token: str = Field("", max_length=10_000)


class SourceIn(Schema):
    forge: Literal["github", "gitlab", "gitea", "bitbucket", "generic"]
    clone_url: str = Field(max_length=1000)
    default_branch: str = Field("", max_length=255)
    credential: CredentialIn | str | None = None
    submodules: bool = True
    lfs: bool = Field(False, description="Fetch the content of Git LFS files; off, the build gets their pointers.")
    keeps_git_dir: bool = False
    parallel_builds: int = Field(1, ge=1, le=64)
    autotest: bool | None = Field(None, description="Run `*.test.yml` files; absent it stays as it is, at first on.")


class SourceOut(Schema):
    """`webhook_secret` is there only in the answer that made it."""

    id: str
    forge: str
    clone_url: str
    default_branch: str
    lfs: bool
    autotest: bool
    webhook_url: str
    webhook_secret: str | None = None
    deploy_key: str | None = Field(None, description="Public half; add it to the forge's deploy keys.")
    connected_at: datetime | None = Field(None, description="When the first good delivery arrived.")


class ExampleIn(Schema):
    """A ref and the tags that the rule makes of it; without tags the rule must not match it."""

    ref_type: RefType
    ref: str = Field(max_length=1000)
    tags: list[str] = Field([], max_length=100)


class RuleIn(Schema):
    id: int | None = None
    ref_type: RefType
    pattern: str
    tags: list[str] = Field(max_length=50)
    dockerfile: str = "Dockerfile"
    context: str = "."
    target: str | None = ""
    platforms: list[str] = Field([], max_length=50)
    build_args: dict[str, str] = Field({}, max_length=200)
    autobuild: bool = True
    cache: bool = True
    supersedes_running: bool = False
    timeout_s: int | None = Field(None, ge=1, le=7 * 86400)
    schedule: str = Field("", max_length=100, description="Five cron fields; empty: only pushes build.")
    schedule_zone: str = Field("UTC", max_length=64, description="IANA time zone of the schedule.")
    paths_include: list[str] = Field([], max_length=200, description="A branch push builds if it changes one of these.")
    paths_exclude: list[str] = Field([], max_length=200, description="Globs as in .gitignore: paths that do not count.")
    examples: list[ExampleIn] | None = Field(
        None, max_length=200, description="Tests that stay with the rule. Absent: those that it has stay, unasked."
    )


class RuleOut(RuleIn):
    id: int
    sentence: str = Field(description="The rule as a line to read.")
    schedule_next_at: datetime | None = None
    paused_at: datetime | None = Field(None, description="Since when it builds by hand alone, as it kept failing.")
    paused_reason: str = ""
    examples: list[ExampleIn]


class RefIn(Schema):
    type: RefType
    name: str = Field(max_length=1000)


class RulesTestIn(Schema):
    refs: list[RefIn] = Field(max_length=500)
    rules: list[RuleIn] | None = Field(None, max_length=MAX_RULES)


class VerdictOut(Schema):
    rule_id: int | str | None
    rule: str
    matched: bool
    builds: bool
    reason: str
    tags: list[str]
    changes: list[dict[str, str]] = Field(description="Tags that had to be made legal: `{tag, from}`.")
    problems: list[str]


class RefVerdictsOut(Schema):
    ref: RefIn
    verdicts: list[VerdictOut]


class RulesTestOut(Schema):
    results: list[RefVerdictsOut]
    collisions: list[str]


class TriggerIn(Schema):
    """`ref` "" is the default branch; `commit` is a whole hash or its first seven characters or more, or nothing."""

    ref_type: RefType = "branch"
    ref: str = ""
    commit: str | None = ""


class ErrorOut(Schema):
    kind: str
    message: str
    step: str | None
    dockerfile_line: int | None


class StepOut(Schema):
    index: int
    name: str
    state: str
    cached: bool
    started_at: datetime | None
    finished_at: datetime | None
    lines: int
    internal: bool
    error: str
    dockerfile_line: int | None


class LogOut(Schema):
    bytes: int
    lines: int
    clipped: bool
    clipped_reason: str


class BuildOut(Schema):
    """`tags` are those that were put, or planned while the build is not over; `build_tag` never moves."""

    id: int
    number: int
    repository: str
    url: str
    state: str
    sentence: str
    cause: str
    cause_detail: str
    ref_type: str
    ref: str
    commit: str
    commit_message: str
    commit_author: str
    rule_id: int | None
    pull_request: dict[str, Any] | None = Field(None, description="{number, title, url, author, fork, …}")
    hold: str = Field("", description="`approval`: it waits until a member approves its commit.")
    tags: list[str]
    build_tag: str
    moves: list[dict[str, Any]]
    image: str
    digest: str | None
    size_bytes: int | None
    base_images: list[dict[str, Any]]
    tests: list[dict[str, Any]]
    attempt: int
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    superseded_by: int | None
    error: ErrorOut | None
    steps: list[StepOut]
    log: LogOut


class RepositoryOut(Schema):
    id: int
    namespace: str
    name: str
    path: str
    description: str
    visibility: str
    image: str
    url: str
    created_at: datetime
    pulls: int = Field(0, description="By people and robots, a few seconds behind; builds are not counted.")
    last_pulled_at: datetime | None = Field(None, description="By anybody, builds included.")
    source: SourceOut | None = None
    last_build: dict[str, Any] | None = None


class TagOut(Schema):
    name: str
    digest: str
    size: int | None = Field(description="Bytes a pull transfers, each layer once.")
    pushed_at: datetime
    build: int | None = Field(description="Number of the build that put it; null where it was pushed by hand.")
    pulls: int = Field(description="Through this tag, by people and robots, a few seconds behind.")
    last_pulled_at: datetime | None = Field(description="By anybody, builds included; null where nobody has yet.")


class Page(Schema):
    items: list[Any]
    next: str | None


class LinesOut(Schema):
    first_line: int
    lines: list[str]
    total: int
    times: list[tuple[int, int]] = Field(
        [], description="With `times`: [line, milliseconds since 1970], for that line and those up to the next."
    )
