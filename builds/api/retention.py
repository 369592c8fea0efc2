"""The API's clean-up: the policy of a repository or a namespace, and what would go by it."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from accounts.models import Namespace, Role
from accounts.views.lookup import find_namespace
from builds.actions.retention_policies import (
    PolicyDraft,
    drop_policy,
    first_run_of,
    read_policy,
    save_policy,
)
from builds.actions.retention_preview import Preview, preview
from builds.views.lookup import find_repository, person
from registry.core.retention_rules import describe_rule
from registry.models import RetentionPolicy

router = Router(tags=["clean-up"])
R = "/repositories/{namespace}/{name}"
N = "/namespaces/{namespace}"
_MOST_LINES = 1_000


class RuleIn(Schema):
    """One rule. It keeps what is one of the `last`, younger than `days`, or pulled within `pulled_days`, and lets go
    the other tags that it is about. With `always` all of them stay. With `gone_days` they go so many days after their
    branch was deleted or their pull request was closed.
    """

    which: Literal["all", "build", "version", "other", "pattern"] = "all"
    pattern: str = Field("", description="With `which` pattern: a tag, or a regex between slashes (RE2).")
    always: bool = False
    last: int | None = None
    by: Literal["push", "version"] = "push"
    per_ref: bool = Field(False, description="Counts the last ones of each branch.")
    days: int | None = None
    pulled_days: int | None = None
    gone_days: int | None = None


class PolicyIn(Schema):
    """`seen` says that somebody has looked at what would go by exactly this: then the schedule need not wait a day."""

    rules: list[RuleIn] = []
    in_use_days: int = Field(
        7, description="A tag that was pulled within so many days never goes. 0: pulls do not count."
    )
    untagged_days: int | None = Field(None, description="Days after which an image without a tag goes; null: it stays.")
    is_on: bool = Field(True, description="Whether it runs by itself, every day.")
    run_at: time = time(3, 0)
    zone: str = "UTC"
    seen: bool = False


class PolicyOut(Schema):
    """`of` is whose policy it is: the repository's own, or the default of its namespace. `rules` also as sentences."""

    of: Literal["repository", "namespace"]
    rules: list[RuleIn]
    sentences: list[str]
    in_use_days: int
    untagged_days: int | None
    is_on: bool
    run_at: time
    zone: str
    revision: int
    seen: bool
    runs_next_at: datetime | None
    changed_by: str
    changed_at: datetime
    problem: str = Field(description="Why it removes nothing; empty where it is in order.")


class LineOut(Schema):
    tag: str
    digest: str
    build: int | None
    goes: bool
    because: str


class PreviewOut(Schema):
    """What would go now. `lines` are those that go, or all with `all=true`; at most 1,000."""

    total: int
    going: int
    staying: int
    freed_bytes: int
    freed_is_most: bool = Field(description="At most so much: not all layers are known.")
    problem: str
    lines: list[LineOut]


@router.get(f"{R}/retention", response=PolicyOut, summary="Read what is cleaned up")
def get(request: HttpRequest, namespace: str, name: str) -> Any:
    """The policy that the repository obeys; 404 where there is none and everything stays."""
    repository = find_repository(request, namespace, name, role=Role.READ)
    policy = RetentionPolicy.objects.in_force(repository)
    if policy is None:
        raise Http404(f"{repository.path} has no clean-up, and neither has {namespace}: everything stays.")
    return _policy_out(policy)


@router.put(f"{R}/retention", response=PolicyOut, summary="Say what is cleaned up")
def put(request: HttpRequest, namespace: str, name: str, body: PolicyIn) -> Any:
    """The policy of the repository's own, whole; one without rules keeps everything, whatever the namespace says."""
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    return _policy_out(save_policy(person(request), repository, _draft(body), has_seen=body.seen))


@router.delete(f"{R}/retention", response={204: None}, summary="Follow the namespace again")
def drop(request: HttpRequest, namespace: str, name: str) -> Any:
    """Take the repository's own policy away."""
    drop_policy(person(request), find_repository(request, namespace, name, role=Role.ADMIN))
    return Status(204, None)


@router.get(f"{N}/retention", response=PolicyOut, summary="Read the default clean-up")
def get_default(request: HttpRequest, namespace: str) -> Any:
    """What repositories of the namespace obey that have no policy of their own."""
    return _policy_out(_default(find_namespace(request, namespace)))


@router.put(f"{N}/retention", response=PolicyOut, summary="Say what is cleaned up by default")
def put_default(request: HttpRequest, namespace: str, body: PolicyIn) -> Any:
    """The default of a namespace, whole."""
    space = find_namespace(request, namespace, role=Role.ADMIN)
    return _policy_out(save_policy(person(request), space, _draft(body), has_seen=body.seen))


@router.delete(f"{N}/retention", response={204: None}, summary="Have no default clean-up")
def drop_default(request: HttpRequest, namespace: str) -> Any:
    """Repositories without a policy of their own keep everything then."""
    drop_policy(person(request), find_namespace(request, namespace, role=Role.ADMIN))
    return Status(204, None)


@router.get(f"{R}/retention/preview", response=PreviewOut, summary="See what would go")
def see(request: HttpRequest, namespace: str, name: str, all: bool = False) -> Any:  # noqa: A002 — a word of the API
    """By the policy in force, now. Changes nothing."""
    repository = find_repository(request, namespace, name, role=Role.READ)
    found = preview(repository, read_policy(RetentionPolicy.objects.in_force(repository)))
    return _preview_out(found, shows_all=all)


@router.post(f"{R}/retention/preview", response=PreviewOut, summary="See what a policy would let go")
def try_out(request: HttpRequest, namespace: str, name: str, body: PolicyIn, all: bool = False) -> Any:  # noqa: A002
    """By the policy in the body, which is not saved. Changes nothing."""
    repository = find_repository(request, namespace, name, role=Role.READ)
    return _preview_out(preview(repository, _draft(body).as_policy()), shows_all=all)


def _draft(body: PolicyIn) -> PolicyDraft:
    fields = body.dict()
    fields.pop("seen")
    return PolicyDraft(**fields)


def _default(namespace: Namespace) -> RetentionPolicy:
    found = RetentionPolicy.objects.filter(namespace=namespace).first()
    if found is None:
        raise Http404(
            f"{namespace.name} has no default clean-up: everything stays where a repository has none of its own."
        )
    return found


def _policy_out(policy: RetentionPolicy) -> dict[str, Any]:
    read = read_policy(policy)
    names = ("in_use_days", "untagged_days", "is_on", "run_at", "zone", "revision", "changed_by", "changed_at")
    return {name: getattr(policy, name) for name in names} | {
        "of": "repository" if policy.repository_id else "namespace",
        "rules": [rule.as_json() for rule in read.rules],
        "sentences": [describe_rule(rule) for rule in read.rules],
        "seen": policy.seen_revision == policy.revision,
        "runs_next_at": first_run_of(policy) if policy.rules else None,
        "problem": read.problem,
    }


def _preview_out(found: Preview, *, shows_all: bool) -> dict[str, Any]:
    shown = found.decisions if shows_all else found.going
    return {
        "total": len(found.decisions),
        "going": len(found.going),
        "staying": len(found.staying),
        "freed_bytes": found.freed.size_bytes,
        "freed_is_most": found.freed.is_most,
        "problem": found.problem,
        "lines": [
            {
                "tag": line.tag.name,
                "digest": line.tag.digest,
                "build": line.tag.build_number,
                "goes": line.goes,
                "because": line.because,
            }
            for line in shown[:_MOST_LINES]
        ],
    }
