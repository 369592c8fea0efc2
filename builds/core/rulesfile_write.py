"""Rules to the text of `.imageyard.yml`: what is as by default is left out. Reading stands in `rulesfile`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from builds.core.rules import RuleSpec
from builds.core.rulesfile import RuleFileRule

SCHEMA_PATH = "schema/imageyard.schema.json"
"""Of the published schema, below the address of static files."""

_MINUTE_S = 60
_HOUR_S = 3600
_WIDTH = 100


def write_rules_file(rules: Iterable[RuleFileRule], *, schema_url: str = "") -> str:
    """The file's text; reading it gives the same rules. `schema_url` is named in the first line, for editors."""
    head = f"# yaml-language-server: $schema={schema_url}\n" if schema_url else ""
    document = {"version": 1, "rules": [_as_written(rule) for rule in rules]}
    body = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=_WIDTH
    )
    return head + body


def _as_written(rule: RuleFileRule) -> dict[str, Any]:
    spec = rule.spec
    entry: dict[str, Any] = {spec.ref_type: spec.pattern, "tags": _Row(spec.tags)}
    plain = RuleSpec(None, spec.ref_type, spec.pattern, spec.tags)
    for name in ("dockerfile", "context", "target"):
        if getattr(spec, name) != getattr(plain, name):
            entry[name] = getattr(spec, name)
    if spec.platforms:
        entry["platforms"] = _Row(spec.platforms)
    if spec.build_args:
        entry["build_args"] = dict(spec.build_args)
    entry |= {name: False for name in ("autobuild", "cache") if not getattr(spec, name)}
    if rule.supersedes_running:
        entry["supersedes_running"] = True
    if rule.timeout_s is not None:
        entry["timeout"] = _duration(rule.timeout_s)
    if paths := _paths(spec):
        entry["paths"] = paths
    if rule.schedule:
        in_utc = rule.schedule_zone == "UTC"
        entry["schedule"] = rule.schedule if in_utc else {"cron": rule.schedule, "time_zone": rule.schedule_zone}
    if rule.examples:
        entry["examples"] = [{each.ref.type: each.ref.name, "tags": _Row(each.tags)} for each in rule.examples]
    return entry


def _paths(spec: RuleSpec) -> dict[str, list[str]]:
    both = {"include": list(spec.paths_include), "exclude": list(spec.paths_exclude)}
    return {name: globs for name, globs in both.items() if globs}


def _duration(seconds: int) -> str:
    if seconds % _HOUR_S == 0:
        return f"{seconds // _HOUR_S}h"
    return f"{seconds // _MINUTE_S}m" if seconds % _MINUTE_S == 0 else f"{seconds}s"


class _Row(tuple[str, ...]):
    """A list that is written in one line: `[latest, '{sha7}']`."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        """Lists stand deeper than their key, as people write them."""
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 — two rules may share a tuple
        return True


def _represent_row(dumper: yaml.SafeDumper, row: _Row) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", list(row), flow_style=True)


_Dumper.add_representer(_Row, _represent_row)
