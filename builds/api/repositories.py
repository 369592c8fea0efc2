"""The API's repositories: making, listing, linking a source, rules and their tester."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Router, Status

from accounts.models import Role
from builds.actions import RuleDraft, SourceDraft, known_of, save_rules, save_source
from builds.api.schemas import (
    CredentialIn,
    Page,
    RepositoryIn,
    RepositoryOut,
    RuleIn,
    RuleOut,
    RulesTestIn,
    RulesTestOut,
    SourceIn,
    SourceOut,
)
from builds.api.shapes import repositories_out, rule_out, source_out, verdict_out
from builds.core.examples import Example
from builds.core.plan import evaluate, find_collisions
from builds.core.rules import Ref, RuleSpec
from builds.models import Source
from builds.reading import rules_of
from builds.views.lookup import find_repository, find_source, person
from lib.paging import USUAL, page
from registry.actions import create_repository
from registry.models import Repository

router = Router(tags=["repositories"])
R = "/repositories/{namespace}/{name}"


@router.post("/repositories", response={201: RepositoryOut}, summary="Make a repository")
def create(request: HttpRequest, body: RepositoryIn) -> Any:
    """Make an image repository. An administrator's call makes the namespace too where it is new."""
    repository = create_repository(
        person(request), body.namespace, body.name, description=body.description, visibility=body.visibility
    )
    return Status(201, repositories_out([repository])[0])


@router.get("/repositories", response=Page, summary="List repositories")
def listing(request: HttpRequest, cursor: str = "", limit: int = USUAL) -> Any:
    """The repositories that the caller may see, oldest first."""
    rows = Repository.objects.visible_to(request.user).select_related("namespace", "registry")
    found = page(rows, key="pk", cursor=cursor, limit=limit, show=lambda row: row)
    return {**found, "items": repositories_out(found["items"])}


@router.get(R, response=RepositoryOut, summary="Read a repository")
def detail(request: HttpRequest, namespace: str, name: str) -> Any:
    """One repository with its source and last build."""
    return repositories_out([find_repository(request, namespace, name)])[0]


@router.put(f"{R}/source", response=SourceOut, summary="Link the Git repository")
def link(request: HttpRequest, namespace: str, name: str, body: SourceIn) -> Any:
    """Link the Git repository, or change the link. The webhook secret is in the answer that made it, and never again.

    `credential` is a token, or `{username, token}`; absent it stays as it is.
    """
    repository = find_repository(request, namespace, name, role=Role.ADMIN)
    given = body.credential
    credential = CredentialIn(username="", token=given) if isinstance(given, str) else given
    draft = SourceDraft(
        forge=body.forge,
        clone_url=body.clone_url,
        default_branch=body.default_branch,
        username=credential.username if credential else None,
        token=credential.token if credential else None,
        submodules=body.submodules,
        lfs=body.lfs,
        keeps_git_dir=body.keeps_git_dir,
        parallel_builds=body.parallel_builds,
        autotest=body.autotest,
    )
    saved = save_source(person(request), repository, draft)
    return source_out(saved.source, saved.new_secret)


@router.get(f"{R}/rules", response=list[RuleOut], summary="Read the rules")
def rules(request: HttpRequest, namespace: str, name: str) -> Any:
    """The build rules in order."""
    source = find_source(find_repository(request, namespace, name))
    return [rule_out(rule) for rule in source.rules.all()] if source else []


@router.put(f"{R}/rules", response=list[RuleOut], summary="Replace the rules")
def replace_rules(request: HttpRequest, namespace: str, name: str, body: list[RuleIn], *, force: bool = False) -> Any:
    """Make these the rules, in this order. All or nothing: with one problem nothing is saved.

    An example that its rule does not keep is a problem too, unless `force` says that it is meant.
    """
    source = _source(request, namespace, name, role=Role.WRITE)
    drafts = [
        RuleDraft(
            _spec(rule),
            supersedes_running=rule.supersedes_running,
            timeout_s=rule.timeout_s,
            schedule=rule.schedule,
            schedule_zone=rule.schedule_zone,
            examples=_examples(rule),
        )
        for rule in body
    ]
    return [rule_out(rule) for rule in save_rules(person(request), source, drafts, force=force)]


@router.post(f"{R}/rules/test", response=RulesTestOut, summary="Try the rules on refs")
def test_rules(request: HttpRequest, namespace: str, name: str, body: RulesTestIn) -> Any:
    """What each rule says of each ref: the function that the webhook asks. Saves nothing, builds nothing."""
    repository = find_repository(request, namespace, name)
    source = find_source(repository)
    saved = rules_of(source) if source else []
    specs = saved if body.rules is None else [_spec(rule) for rule in body.rules]
    known = known_of(source, specs, also=[Ref(ref.type, ref.name) for ref in body.refs])
    judged = [(ref, evaluate(Ref(ref.type, ref.name), specs, known=known)) for ref in body.refs]
    results = [
        {
            "ref": {"type": ref.type, "name": ref.name},
            "verdicts": [verdict_out(verdict, rule) for verdict, rule in zip(verdicts, specs, strict=True)],
        }
        for ref, verdicts in judged
    ]
    clashes = find_collisions((Ref(ref.type, ref.name), verdicts) for ref, verdicts in judged)
    return {"results": results, "collisions": [clash.message for clash in clashes]}


def _source(request: HttpRequest, namespace: str, name: str, *, role: Role) -> Source:
    source = find_source(find_repository(request, namespace, name, role=role))
    if source is None:
        raise Http404(f"{namespace}/{name} has no source yet. Link one: PUT /repositories/{namespace}/{name}/source.")
    return source


def _examples(rule: RuleIn) -> tuple[Example, ...] | None:
    if rule.examples is None:
        return None
    return tuple(Example(Ref(one.ref_type, one.ref), tuple(one.tags)) for one in rule.examples)


def _spec(rule: RuleIn) -> RuleSpec:
    return RuleSpec(
        id=rule.id,
        ref_type=rule.ref_type,
        pattern=rule.pattern,
        tags=tuple(rule.tags),
        dockerfile=rule.dockerfile,
        context=rule.context,
        target=rule.target or "",
        platforms=tuple(rule.platforms),
        build_args=dict(rule.build_args),
        autobuild=rule.autobuild,
        cache=rule.cache,
        paths_include=tuple(rule.paths_include),
        paths_exclude=tuple(rule.paths_exclude),
    )
