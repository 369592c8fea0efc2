"""The examples of docs/rules.md, row by row: what a user reads there is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from builds.core.facts import Known
from builds.core.plan import evaluate
from builds.core.refnames import Ref
from builds.core.rules import RuleSpec, check_rule
from builds.core.rulesfile import read_rules_file
from builds.core.tags import make_legal

LINES = (Path(__file__).parents[3] / "docs/rules.md").read_text(encoding="utf-8").splitlines()
ROWS = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in LINES if line.startswith("|")]
EXAMPLES = [row for row in ROWS if row[0] in ("branch", "tag") and len(row) == 5]
MADE = [row for row in ROWS if len(row) == 3 and re.fullmatch("`.*`", row[0]) and re.fullmatch("`.*`|none", row[1])]


def coded(cell: str) -> list[str]:
    return re.findall("`([^`]*)`", cell)


@pytest.mark.parametrize("row", EXAMPLES, ids=str)
def test_it_makes_the_tags_of_the_documentation(row):
    ref_type, pattern, tags, name, made = row
    rule = RuleSpec(1, ref_type, *coded(pattern), tuple(coded(tags)))
    [verdict] = evaluate(Ref(ref_type, *coded(name)), [rule], commit="a1b2c3d4e5f60718293a4b5c6d7e8f9012345678")
    assert [tag.name for tag in verdict.tags] == coded(made)
    assert check_rule(rule) == ()


@pytest.mark.parametrize("row", [row for row in MADE if row[2][:1].islower()], ids=str)
def test_it_makes_names_legal_as_documented(row):
    [text] = coded(row[0])
    assert make_legal(text) == next(iter(coded(row[1])), None)


def test_it_found_the_examples():
    assert len(EXAMPLES) >= 15
    assert len(MADE) >= 6


def test_the_rules_file_of_the_documentation_is_good():
    text = "\n".join(LINES).partition("```yaml\n")[2].partition("```")[0]
    found = read_rules_file(text)
    assert found.problems == ()
    for rule in found.rules:
        for example in rule.examples:
            [verdict] = evaluate(example.ref, [rule.spec], known=Known(tags=()))
            assert tuple(tag.name for tag in verdict.tags) == example.tags
