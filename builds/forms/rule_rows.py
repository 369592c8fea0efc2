"""A row of the rules form as texts: from a saved rule, from one from elsewhere, from a request. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from builds.core.examples import examples_of, write_examples
from builds.core.rules import RuleSpec
from builds.models import BuildRule

_MINUTE_S = 60
# What most people start with.
NEW_RULE = {"ref_type": "branch", "pattern": "main", "tags": "latest", "autobuild": "on", "cache": "on"}


def typed_row(post: Mapping[str, Any], prefix: str, names: Iterable[str]) -> dict[str, str]:
    """What a request says of one row."""
    return {name: post[prefix + name] for name in names if prefix + name in post}


def unsaved(spec: RuleSpec) -> BuildRule:
    """A rule from elsewhere as a row of the table that is not there."""
    names = ("ref_type", "pattern", "dockerfile", "context", "target", "autobuild", "cache")
    lists = ("tags", "platforms", "paths_include", "paths_exclude")
    columns: dict[str, Any] = {name: getattr(spec, name) for name in names}
    columns |= {name: list(getattr(spec, name)) for name in lists}
    return BuildRule(**columns, build_args=dict(spec.build_args))


def as_typed(rule: BuildRule) -> dict[str, str]:
    """A saved rule as somebody would have typed it."""
    row = {
        "id": str(rule.pk or ""),
        "ref_type": rule.ref_type,
        "pattern": rule.pattern,
        "tags": ", ".join(rule.tags),
        "dockerfile": rule.dockerfile,
        "context": rule.context,
        "target": rule.target,
        "platforms": ", ".join(rule.platforms),
        "build_args": "\n".join(f"{name}={value}" for name, value in rule.build_args.items()),
        "paths_include": "\n".join(rule.paths_include),
        "paths_exclude": "\n".join(rule.paths_exclude),
        "examples": write_examples(examples_of(rule.examples), rule.spec.ref_type),
        "schedule": rule.schedule,
        "schedule_zone": rule.schedule_zone if rule.schedule else "",
        "timeout_min": str(-(-rule.timeout_s // _MINUTE_S)) if rule.timeout_s else "",
    }
    switches = ("autobuild", "cache", "supersedes_running")
    return row | {name: "on" for name in switches if getattr(rule, name)}
