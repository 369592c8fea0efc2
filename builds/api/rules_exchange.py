"""The API's rules as a file, and rules from elsewhere read as rules. Saves nothing."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from builds.api.schemas import RuleIn
from builds.core.importers.report import MAX_PASTE
from builds.core.rules import RuleSpec
from builds.core.rulesfile import RuleFileRule
from builds.core.rulesfile_write import write_rules_file
from builds.reading import written_rules
from builds.views.lookup import find_repository, find_source
from builds.views.rules_exchange import as_file, read_pasted, schema_url
from lib.refusal import Refused

router = Router(tags=["repositories"])
R = "/repositories/{namespace}/{name}/rules"

_YAML = {"content": {"application/yaml": {"schema": {"type": "string"}}}, "description": "`.imageyard.yml`"}


class ImportIn(Schema):
    """`text` is the table or JSON of Docker Hub, or the `tags:` lines or the whole step of docker/metadata-action."""

    format: Literal["docker-hub", "metadata-action"]
    text: str = Field(max_length=MAX_PASTE)


class ReportLineOut(Schema):
    """`same`: as it was; `changed`: the sentence says how; `lost`: not carried over, and why."""

    level: Literal["same", "changed", "lost"]
    given: str
    sentence: str


class ImportOut(Schema):
    """`rules` are what PUT rules takes; `file` are the same as `.imageyard.yml`."""

    rules: list[RuleIn]
    report: list[ReportLineOut]
    file: str


@router.get(f"{R}/file", response=None, openapi_extra={"responses": {200: _YAML}}, summary="Read the rules as a file")
def rules_file(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """The rules in force, in the form of `.imageyard.yml`."""
    source = find_source(find_repository(request, namespace, name))
    if source is None:
        raise Refused(f"{namespace}/{name} has no source yet, so it has no rules. Link one first.")
    return as_file(written_rules(source, schema_url(request)))


@router.post(f"{R}/import", response=ImportOut, summary="Read rules from elsewhere")
def import_rules(request: HttpRequest, namespace: str, name: str, body: ImportIn) -> Any:
    """What Docker Hub's rules or docker/metadata-action's tags are here, with a report. Nothing is saved: send `rules`
    to PUT rules.
    """
    source = find_source(find_repository(request, namespace, name))
    found = read_pasted(body.format, body.text, default_branch=source.default_branch if source else "")
    return {
        "rules": [_rule_in(spec) for spec in found.rules],
        "report": [{"level": line.level, "given": line.given, "sentence": line.sentence} for line in found.report],
        "file": write_rules_file(map(RuleFileRule, found.rules)),
    }


def _rule_in(spec: RuleSpec) -> dict[str, Any]:
    names = ("ref_type", "pattern", "dockerfile", "context", "target", "autobuild", "cache")
    lists = ("tags", "platforms", "paths_include", "paths_exclude")
    plain = {name: getattr(spec, name) for name in names} | {name: list(getattr(spec, name)) for name in lists}
    return plain | {"build_args": dict(spec.build_args)}
