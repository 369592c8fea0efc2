"""`.imageyard.yml`: what it says, where it is wrong, what is written, and what the schema says of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from builds.core.refnames import Ref
from builds.core.rules import RuleSpec, check_rule
from builds.core.rulesfile import Example, RuleFileRule, read_rules_file
from builds.core.rulesfile_write import SCHEMA_PATH, write_rules_file
from builds.core.schedule import schedule_problems

STATIC = Path(__file__).parents[3] / "static"
SCHEMA = Draft202012Validator(json.loads((STATIC / SCHEMA_PATH).read_text()))

EVERYTHING = r"""
# yaml-language-server: $schema=https://hub.example.com/static/schema/imageyard.schema.json
version: 1
x-both: &both [linux/amd64, linux/arm64]
rules:
  - branch: main
    tags: [latest, "{sha7}", 1.10]
    dockerfile: docker/web.Dockerfile
    context: web
    target: prod
    platforms: *both
    build_args: {VERSION: 1.20, DEBUG: on, EMPTY: ""}
    autobuild: false
    cache: no
    supersedes_running: true
    timeout: 1h 30m
    paths: {include: [web/**, "!web/docs/**"], exclude: "*.md"}
    schedule: {cron: "0 3 * * 1", time_zone: Europe/Berlin}
    examples:
      - branch: main
        tags: latest
      - branch: dev
  - tag: /^v(.*)$/
    tags: '{\1}'
    paths: [api/**]
    timeout: 45
  - {branch: dev, tags: dev, schedule: 0  4  * * *}
"""


def problems(text):
    return [(found.line, found.column, found.message) for found in read_rules_file(text).problems]


def test_it_reads_everything_a_rule_can_hold():
    first, second, third = read_rules_file(EVERYTHING).rules
    assert problems(EVERYTHING) == []
    assert first == RuleFileRule(
        RuleSpec(
            None, "branch", "main", ("latest", "{sha7}", "1.10"), "docker/web.Dockerfile", "web", "prod",
            ("linux/amd64", "linux/arm64"), {"VERSION": "1.20", "DEBUG": "on", "EMPTY": ""}, autobuild=False,
            cache=False, paths_include=("web/**", "!web/docs/**"), paths_exclude=("*.md",),
        ),
        supersedes_running=True, timeout_s=5400, schedule="0 3 * * 1", schedule_zone="Europe/Berlin",
        examples=(Example(Ref("branch", "main"), ("latest",)), Example(Ref("branch", "dev"), ())), line=6,
    )  # fmt: skip
    assert (second.spec.tags, second.spec.paths_include, second.timeout_s) == (("{\\1}",), ("api/**",), 2700)
    assert (third.schedule, third.schedule_zone, third.line) == ("0 4 * * *", "UTC", 27)


def test_the_schema_says_the_same_of_it():
    assert list(SCHEMA.iter_errors(yaml.safe_load(EVERYTHING))) == []


MAIN = "rules:\n  - branch: main\n    tags: a\n"
BAD = [
    (MAIN + "    taggs: b\n", (4, 5), "`taggs` means nothing here. Did you mean `tags`?"),
    (MAIN + "    nocache: true\n", (4, 5), "Did you mean `cache`?"),
    ("rules:\n  - branch: main\n    tag: v1\n    tags: a\n", (3, 5), "for a branch and tag at once"),
    ("rules:\n  - tags: [a]\n", (2, 5), "A rule says which refs it is for"),
    ("rules:\n  - branch: main\n", (2, 5), "The rule makes no tag"),
    ("rules:\n  - branch: /(/\n    tags: a\n", (2, 5), "missing closing parenthesis at character 2"),
    ("rules:\n  - tags:\n      - a\n      - '{nope}'\n    branch: main\n", (2, 5), "`{nope}` is not a placeholder"),
    (MAIN + "    dockerfile: ../x\n", (4, 5), "uses `..`"),
    (MAIN + "    paths:\n      include: ['[z-a]']\n", (5, 7), "is not a glob"),
    (MAIN + "    paths: {only: [x]}\n", (4, 13), "`only` means nothing here"),
    (MAIN + "    cache: maybe\n", (4, 12), "`cache` is `true` or `false`."),
    (MAIN + "    timeout: 8d\n", (4, 14), "a time of at most 7 days"),
    (MAIN + "    timeout: 0\n", (4, 14), "a time of at most 7 days"),
    (MAIN + "    schedule: daily\n", (4, 15), "A schedule has five fields"),
    (MAIN + "    schedule: 61 3 * * *\n", (4, 5), "minute (0 to 59)"),
    (MAIN + "    schedule: {cron: 0 3 * * *, time_zone: Mars/Base}\n", (4, 5), "Mars/Base"),
    (MAIN + "    target:\n", (4, 12), "`target` has no value"),
    ("rules:\n  - branch: [main]\n    tags: a\n", (2, 13), "`branch` is one value, not a list."),
    (MAIN + "    build_args: [A]\n", (4, 17), "`build_args` is a mapping"),
    (MAIN + "    build_args: {1A: x}\n", (4, 5), "cannot be the name of a build argument"),
    (MAIN + "    examples: [v1]\n", (4, 16), "An example is a ref and its tags"),
    ("rules:\n  - branch: a\n    branch: b\n    tags: a\n", (3, 5), "`branch` is given twice; the first is in line 2."),
    ("rules:\n  - 3\n", (2, 5), "A rule is a mapping"),
    ("rules: main\n", (1, 8), "`rules` is a list"),
    ("version: 2\nrules: []\n", (1, 10), "`version` is 1"),
    ("rule: []\n", (1, 1), "`rule` means nothing here. Did you mean `rules`?"),
    ("", (1, 1), "The file says nothing of rules"),
    ("- branch: main\n", (1, 1), "it begins with `rules:`"),
    ("rules:\n  - branch: main\n   tags: a\n", (3, 4), "This is no YAML"),
    ("rules:\n\t- branch: main\n", (2, 1), "This is no YAML"),
    (MAIN + "    paths: [*.md]\n", (4, 14), "A text that begins with `*` stands in quotes."),
    (MAIN + "    paths: [!x ]\n", (4, 13), "a text that begins with `!` stands in quotes"),
    ("rules: []\n---\nrules: []\n", (2, 1), "This is no YAML"),
    (b"rules:\n  - branch: \xff\n", (2, 1), "The file is not UTF-8 text."),
    ("rules: \x00", (1, 1), "a control character stands here"),
]


@pytest.mark.parametrize(("text", "place", "words"), BAD, ids=lambda value: str(value)[:60])
def test_it_says_the_line_of_every_mistake(text, place, words):
    found = problems(text)
    assert [(line, column) for line, column, message in found if words in message] == [place], found


def test_it_tells_all_mistakes_of_all_rules_in_the_order_of_their_lines():
    text = "rules:\n  - branch: main\n    cache: 3\n    tagz: a\n  - tag: /(/\n    tags: '{x}'\n    dockerfile: /../\n"
    assert [line for line, _, _ in problems(text)] == [2, 3, 4, 5, 7]


LAUGHS = "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"l{i + 1}: &l{i + 1} [{', '.join([f'*l{i}'] * 10)}]\n" for i in range(9)
)
HOSTILE = [
    (LAUGHS, "spells out more"),
    ("rules: &a [*a]\n", "nests more than 12 deep"),
    ("[" * 2000 + "]" * 2000, "This is no YAML"),
    ("x: " + "[" * 500 + "]" * 500, "nests more than 12 deep"),
    ("rules:\n  - !!python/object/apply:os.system ['id']\n", "`!!python/object/apply:os.system` is not read here"),
    ("a: &a {tags: x}\nrules:\n  - {<<: *a, branch: main}\n", "`<<` is not read here"),
    ("#" * (64 * 1024 + 1), "65,536 is the most"),
    ("rules:\n" + "- {branch: a, tags: b}\n" * 101, "100 is the most"),
    ("? [a]\n: b\n", "A key is one word"),
]


@pytest.mark.parametrize(("text", "words"), HOSTILE, ids=lambda value: value[:30])
def test_a_hostile_file_is_told_of_before_it_costs_anything(text, words):
    found = read_rules_file(text)
    assert any(words in problem.message for problem in found.problems), found.problems[:3]


REFUSED = [
    "rules:\n  - branch: main\n    taggs: b\n    tags: a\n",
    "rules:\n  - branch: main\n    tag: v1\n    tags: a\n",
    "rules:\n  - tags: a\n",
    "rules:\n  - branch: main\n",
    "rules:\n  - {branch: main, tags: a, cache: maybe}\n",
    "rules:\n  - {branch: main, tags: a, timeout: 8d}\n",
    "rules:\n  - {branch: main, tags: a, schedule: daily}\n",
    "rules:\n  - {branch: main, tags: a, build_args: [A]}\n",
    "rules:\n  - {branch: main, tags: a, paths: {only: x}}\n",
    "rules:\n  - 3\n",
    "rules: main\n",
    "version: 2\nrules: []\n",
    "rule: []\n",
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_the_schema_refuses_the_reader_refuses_too(text):
    assert list(SCHEMA.iter_errors(yaml.safe_load(text)))
    assert problems(text)


PLAIN = st.text(alphabet=st.sampled_from("abz019.-_ é日#:'\"{}[]*!&%@`,~\\|>?$+=<\n\t"), min_size=1, max_size=12)
NAME = st.from_regex(r"[a-z][a-z0-9./-]{0,10}[a-z0-9]", fullmatch=True)
# What YAML would take for something else than text.
ODD_PATTERNS = ["/^v(.*)$/", "1.10", "true", "null", "/.*/", "#1", "0o7", "2026-01-02"]
ODD_TAGS = ["latest", "1.10", "yes", "{sourceref}", "null", "{sha7}-x"]
SPEC = st.builds(
    RuleSpec,
    id=st.none(),
    ref_type=st.sampled_from(["branch", "tag", "pull_request"]),
    pattern=st.one_of(NAME, st.sampled_from(ODD_PATTERNS)),
    tags=st.lists(st.sampled_from(ODD_TAGS), min_size=1, max_size=3, unique=True).map(tuple),
    dockerfile=st.sampled_from(["Dockerfile", "a b/Dockerfile", "é/Dockerfile"]),
    context=st.sampled_from([".", "web", "- x"]),
    target=st.sampled_from(["", "prod", "1"]),
    platforms=st.sampled_from([(), ("linux/amd64",), ("linux/amd64", "linux/arm/v7")]),
    build_args=st.dictionaries(st.sampled_from(["A", "B_2", "on", "NO"]), st.one_of(PLAIN, st.just("")), max_size=3),
    autobuild=st.booleans(),
    cache=st.booleans(),
    paths_include=st.sampled_from([(), ("web/**", "!web/docs/"), ("*.md",)]),
    paths_exclude=st.sampled_from([(), ("!x", "*")]),
)
EXAMPLE = st.builds(
    Example,
    ref=st.builds(Ref, type=st.sampled_from(["branch", "tag"]), name=NAME),
    tags=st.lists(NAME, max_size=2).map(tuple),
)
RULE = st.builds(
    RuleFileRule,
    spec=SPEC.filter(lambda spec: not check_rule(spec)),
    supersedes_running=st.booleans(),
    timeout_s=st.one_of(st.none(), st.integers(1, 7 * 86400)),
    schedule=st.sampled_from(["", "", "0 3 * * *", "*/30 1,2 * * 1-5"]),
    schedule_zone=st.just("UTC"),
    examples=st.lists(EXAMPLE, max_size=2).map(tuple),
).filter(lambda rule: not schedule_problems(rule.spec, rule.schedule, rule.schedule_zone))


@given(st.lists(RULE, max_size=3))
def test_what_is_written_reads_the_same(rules):
    text = write_rules_file(rules, schema_url="https://hub.example.com/s.json")
    found = read_rules_file(text)
    assert found.problems == ()
    assert [replace(rule, line=0) for rule in found.rules] == rules
    assert list(SCHEMA.iter_errors(yaml.safe_load(text))) == []


def test_it_writes_what_a_person_would_write():
    rule = RuleFileRule(
        RuleSpec(None, "tag", "/^v(.*)$/", ("{\\1}", "latest"), paths_include=("web/**",)), timeout_s=1800
    )
    assert write_rules_file([rule]) == (
        "version: 1\n"
        "rules:\n"
        "  - tag: /^v(.*)$/\n"
        "    tags: ['{\\1}', latest]\n"
        "    timeout: 30m\n"
        "    paths:\n"
        "      include:\n"
        "        - web/**\n"
    )
