"""Where docker/metadata-action's published table can be written as a rule, it gives the same tags."""

from __future__ import annotations

import json
import re

import pytest

from builds.core.plan import evaluate
from builds.core.refnames import parse_ref
from builds.core.rules import RuleSpec

REF_TEMPLATES = {
    "type=ref,event=branch": ("branch", "{sourceref}"),
    "type=ref,event=tag": ("tag", "{sourceref}"),
    "type=sha": (None, "sha-{sha7}"),
    "type=sha,format=long": (None, "sha-{sha}"),
}
MATCH = re.compile(r'type=match,"?pattern=(?P<pattern>[^",]+)"?(?:,group=(?P<group>\d))?')


@pytest.fixture(scope="module")
def environments(corpora):
    folder = corpora / "tags/metadata-action-fixtures"
    return {path.name: dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
            for path in folder.glob("*.env")}  # fmt: skip


@pytest.fixture(scope="module")
def rows(corpora):
    tables = json.loads((corpora / "tags/metadata-action-tables.json").read_text())
    groups = [group for group in tables["meta"] if group["describe"] in ("push", "tag", "latest", "raw")]
    return [row for group in groups for row in group["rows"]]


def test_r01_it_makes_the_published_tag_of_a_branch_with_illegal_characters(environments):
    ref = parse_ref(environments["event_push_invalidchars.env"]["GITHUB_REF"])
    [verdict] = evaluate(ref, [RuleSpec(1, "branch", "/.*/", ("{sourceref}",))])
    assert [tag.name for tag in verdict.tags] == ["my-feature-1245"]


def test_it_makes_the_published_tags_of_plain_refs_and_commits(rows, environments):
    compared = 0
    for _, event, inputs, version, *_ in rows:
        wanted = inputs.get("tags") or ["type=ref,event=branch", "type=ref,event=tag"]  # their default
        ref = parse_ref(environments[event].get("GITHUB_REF", ""))
        if ref is None or inputs.get("flavor") or not set(wanted) <= set(REF_TEMPLATES):
            continue
        chosen = [REF_TEMPLATES[text] for text in wanted]
        rule = RuleSpec(1, ref.type, "/.*/", tuple(t for kind, t in chosen if kind in (None, ref.type)))
        [verdict] = evaluate(ref, [rule], commit=environments[event]["GITHUB_SHA"])
        assert {tag.name for tag in verdict.tags} == {version["main"], *version["partial"]}, (event, wanted)
        compared += 1
    assert compared >= 8


def test_r06_it_makes_the_published_tags_of_capture_groups(rows, environments):
    compared = 0
    for _, event, inputs, version, *_ in rows:
        matches = [MATCH.fullmatch(text) for text in inputs.get("tags") or []]
        ref = parse_ref(environments[event].get("GITHUB_REF", ""))
        if (
            ref is None
            or inputs.get("flavor")
            or not matches
            or not all(matches)
            or any(m["group"] == "3" for m in matches)
        ):
            continue
        rules = [as_rule(n, found, ref.type) for n, found in enumerate(matches)]
        tags = [tag.name for verdict in evaluate(ref, rules) for tag in verdict.tags]
        published = [version["main"], *version["partial"]] if "main" in version else []
        assert tags == published, (event, inputs["tags"])
        compared += 1
    assert compared >= 8


def as_rule(number, found, ref_type):
    """Their pattern has the whole match as group 0; here it is a group of its own."""
    group, pattern = found["group"] or "0", found["pattern"]
    return RuleSpec(number, ref_type, f"/({pattern})/", (f"{{{int(group) + 1}}}",))
