"""From rows to the API's answers. Asks the database for nothing that was not loaded, but for a build's steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings

from builds.core.plan import Verdict
from builds.core.rules import RuleSpec, describe_rule
from builds.core.schedule import also_scheduled
from builds.live.steps import step_fields
from builds.models import Build, BuildRule, Source, Step
from builds.reading import last_builds, sentences_of
from registry.models import Repository, Tag


def repositories_out(repositories: Sequence[Repository]) -> list[dict[str, Any]]:
    """Repositories with namespace and registry loaded; two queries more, however many they are."""
    keys = [repository.pk for repository in repositories]
    last = last_builds(keys)
    told = Source.objects.filter(repository__in=keys).defer("token", "deploy_key", "webhook_secret", "refs")
    sources = {source.repository_id: source for source in told}
    return [_repository_out(row, sources.get(row.pk), last.get(row.pk)) for row in repositories]


def _repository_out(repository: Repository, source: Source | None, last: Build | None) -> dict[str, Any]:
    return {
        "id": repository.pk,
        "namespace": repository.namespace.name,
        "name": repository.name,
        "path": repository.path,
        "description": repository.description,
        "visibility": repository.visibility,
        "image": repository.image,
        "url": f"{settings.PUBLIC_URL}{repository.get_absolute_url()}",
        "created_at": repository.created_at,
        "pulls": repository.pulls,
        "last_pulled_at": repository.last_pulled_at,
        "source": source_out(source) if source else None,
        "last_build": {"id": last.pk, "number": last.number, "state": last.state} if last else None,
    }


def source_out(source: Source, secret: str | None = None) -> dict[str, Any]:
    return {
        "id": str(source.pk),
        "forge": source.forge,
        "clone_url": source.clone_url,
        "default_branch": source.default_branch,
        "lfs": source.lfs,
        "autotest": source.autotest,
        "webhook_url": f"{settings.PUBLIC_URL}/webhooks/{source.forge}/{source.pk}",
        "webhook_secret": secret,
        "deploy_key": source.deploy_key_public or None,
        "connected_at": source.connected_at,
    }


def rule_out(rule: BuildRule) -> dict[str, Any]:
    return {
        "id": rule.pk,
        "ref_type": rule.ref_type,
        "pattern": rule.pattern,
        "tags": rule.tags,
        "dockerfile": rule.dockerfile,
        "context": rule.context,
        "target": rule.target,
        "platforms": rule.platforms,
        "build_args": rule.build_args,
        "autobuild": rule.autobuild,
        "cache": rule.cache,
        "supersedes_running": rule.supersedes_running,
        "timeout_s": rule.timeout_s,
        "schedule": rule.schedule,
        "schedule_zone": rule.schedule_zone,
        "schedule_next_at": rule.schedule_next_at,
        "paused_at": rule.paused_at,
        "paused_reason": rule.paused_reason,
        "paths_include": rule.paths_include,
        "paths_exclude": rule.paths_exclude,
        "examples": rule.examples,
        "sentence": describe_rule(rule.spec) + also_scheduled(rule.schedule, rule.schedule_zone),
    }


def verdict_out(verdict: Verdict, rule: RuleSpec | None = None) -> dict[str, Any]:
    return {
        "rule_id": verdict.rule_id,
        "rule": describe_rule(rule) if rule else verdict.rule,
        "matched": verdict.matched,
        "builds": verdict.builds,
        "reason": verdict.reason,
        "tags": [tag.name for tag in verdict.tags] + list(verdict.pending),
        "changes": [{"tag": tag.name, "from": tag.changed_from} for tag in verdict.tags if tag.changed_from],
        "problems": list(verdict.problems),
    }


def builds_out(builds: Iterable[Build]) -> list[dict[str, Any]]:
    """Builds with repository, registry and namespace loaded; two queries more, however many they are."""
    builds = list(builds)
    sentences = sentences_of(builds)
    steps: dict[tuple[int, int], list[Step]] = {}
    for step in Step.objects.filter(build__in=[build.pk for build in builds]).order_by("index"):
        steps.setdefault((step.build_id, step.attempt), []).append(step)
    return [_build_out(build, sentences[build.pk], steps.get((build.pk, build.attempt), [])) for build in builds]


def _build_out(build: Build, sentence: str, steps: list[Step]) -> dict[str, Any]:
    put = build.tags if build.is_final else [tag["name"] for tag in build.plan.get("tags", [])]
    return {
        "id": build.pk,
        "number": build.number,
        "repository": build.repository.path,
        "url": f"{settings.PUBLIC_URL}{build.get_absolute_url()}",
        "state": build.state,
        "sentence": sentence,
        "cause": build.cause,
        "cause_detail": build.cause_detail,
        "ref_type": build.ref_type,
        "ref": build.ref,
        "commit": build.commit,
        "commit_message": build.commit_message,
        "commit_author": build.commit_author,
        "rule_id": build.rule_id,
        "pull_request": build.pull_request or None,
        "hold": build.hold,
        "tags": [tag for tag in put if tag != build.build_tag],
        "build_tag": build.build_tag,
        "moves": build.moves,
        "image": build.repository.image,
        "digest": build.digest or None,
        "size_bytes": build.size_bytes,
        "base_images": build.base_images,
        "tests": build.tests,
        "attempt": build.attempt,
        "queued_at": build.queued_at,
        "started_at": build.started_at,
        "finished_at": build.finished_at,
        "superseded_by": build.superseded_by.number if build.superseded_by else None,
        "error": _error_out(build),
        "steps": [_step_out(step) for step in steps],
        "log": {
            "bytes": build.log_bytes,
            "lines": build.log_lines,
            "clipped": bool(build.log_clipped),
            "clipped_reason": build.log_clipped,
        },
    }


def _error_out(build: Build) -> dict[str, Any] | None:
    if not build.error_kind:
        return None
    return {
        "kind": build.error_kind,
        "message": build.error_message,
        "step": build.error_step or None,
        "dockerfile_line": build.error_line,
    }


def _step_out(step: Step) -> dict[str, Any]:
    return {**step_fields(step), "dockerfile_line": step.dockerfile_line}


def tag_out(tag: Tag) -> dict[str, Any]:
    return {
        "name": tag.name,
        "digest": tag.digest,
        "size": tag.size_bytes,
        "pushed_at": tag.pushed_at,
        "build": tag.build_number,
        "pulls": tag.pulls,
        "last_pulled_at": tag.last_pulled_at,
    }
