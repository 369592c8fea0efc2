"""Rules as a file: what `.imageyard.yml` says, with the line of every mistake. Which source wins is not decided here.

The file's shape is published as `static/schema/imageyard.schema.json`. A file with any problem is no set of rules: who
takes rules over takes all of them or none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from builds.core.examples import Example
from builds.core.rules import MAX_RULES, RuleSpec, check_rule
from builds.core.rulesfile_fields import RULE_KEYS, Place, RuleReader, unknown_key
from builds.core.schedule import schedule_problems
from builds.core.yamltree import MAX_BYTES, FileProblem, Item, List, Map, Scalar, read_tree

__all__ = [
    "FILE_NAME", "MAX_BYTES", "Example", "FileProblem", "RuleFileRule", "RulesFile", "read_rules_file",
]  # fmt: skip

FILE_NAME = ".imageyard.yml"
VERSION = "1"


@dataclass(frozen=True, slots=True)
class RuleFileRule:
    """All that a rule can hold. `spec.id` is None; `line` is where it begins in the file, 0 for one from elsewhere.

    `timeout_s` is in seconds, None as the server says. `schedule` is five cron fields in the zone `schedule_zone`.
    """

    spec: RuleSpec
    supersedes_running: bool = False
    timeout_s: int | None = None
    schedule: str = ""
    schedule_zone: str = "UTC"
    examples: tuple[Example, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class RulesFile:
    """What the file says. Only where `problems` is empty are `rules` all of its rules, in its order."""

    rules: tuple[RuleFileRule, ...] = ()
    problems: tuple[FileProblem, ...] = ()


def read_rules_file(text: str | bytes) -> RulesFile:
    """Read the content of `.imageyard.yml`, at most 64 KiB. Never raises; problems stand in the order of the lines."""
    tree, found = read_tree(text)
    problems = list(found)
    rules: list[RuleFileRule] = []
    if tree is not None or not problems:
        for item in _rule_items(tree, problems):
            rule = _rule(item, problems)
            if rule is not None:
                rules.append(rule)
    return RulesFile(tuple(rules), tuple(sorted(set(problems))))


def _rule_items(tree: Item | None, problems: list[FileProblem]) -> Iterator[Item]:
    """The entries of `rules`, after a look at what stands beside them."""
    if not isinstance(tree, Map):
        line, column = (tree.line, tree.column) if tree is not None else (1, 1)
        problems.append(
            FileProblem(line, column, "The file says nothing of rules: it begins with `rules:` and a list.")
        )
        return
    for name, key in tree.keys.items():
        if name not in ("version", "rules") and not name.startswith("x-"):
            problems.append(unknown_key(key, ("version", "rules")))
    version = tree.items.get("version")
    if version is not None and not (isinstance(version, Scalar) and version.text == VERSION):
        problems.append(FileProblem(version.line, version.column, "`version` is 1: this Imageyard reads no other."))
    rules = tree.items.get("rules")
    if not isinstance(rules, List):
        where: Item = rules or tree
        problems.append(FileProblem(where.line, where.column, "`rules` is a list: each rule begins with `- `."))
        return
    if len(rules.items) > MAX_RULES:
        message = f"These are {len(rules.items)} rules; {MAX_RULES} is the most."
        problems.append(FileProblem(rules.line, rules.column, message))
    yield from rules.items[:MAX_RULES]


def _rule(item: Item, problems: list[FileProblem]) -> RuleFileRule | None:
    """One rule, None where it is not one; what the form would say of its fields is said of their lines."""
    if not isinstance(item, Map):
        problems.append(FileProblem(item.line, item.column, "A rule is a mapping, such as `branch: main`."))
        return None
    reader = RuleReader(item)
    kind, pattern = reader.ref()
    spec = RuleSpec(
        id=None,
        ref_type=kind,
        pattern=pattern,
        tags=reader.texts("tags"),
        dockerfile=reader.text("dockerfile", "Dockerfile"),
        context=reader.text("context", "."),
        target=reader.text("target"),
        platforms=reader.texts("platforms"),
        build_args=reader.pairs("build_args"),
        autobuild=reader.switch("autobuild", default=True),
        cache=reader.switch("cache", default=True),
        paths_include=reader.paths("include"),
        paths_exclude=reader.paths("exclude"),
    )
    schedule, zone = reader.schedule()
    rule = RuleFileRule(
        spec,
        supersedes_running=reader.switch("supersedes_running", default=False),
        timeout_s=reader.duration("timeout"),
        schedule=schedule,
        schedule_zone=zone,
        examples=tuple(Example(ref, tags) for ref, tags in reader.examples()),
        line=item.line,
    )
    reader.refuse_unknown(RULE_KEYS)
    found = (*check_rule(spec), *schedule_problems(spec, schedule, zone))
    untold = [problem for problem in found if not reader.has_told(problem.field)]
    reader.problems += [_at(reader.place(problem.field), problem.message) for problem in untold]
    problems += reader.problems
    return None if reader.problems else rule


def _at(place: Place, message: str) -> FileProblem:
    return FileProblem(place[0], place[1], message)
