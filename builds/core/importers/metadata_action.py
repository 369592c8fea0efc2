"""The `tags:` lines of docker/metadata-action as rules of Imageyard.

The action makes tags of whatever its workflow was started for; which branches and tags that is stands in the workflow's
`on:`, which is not read here. Lines for the same pushes become one rule, so that one image gets all their tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from builds.core.importers.metadata_lines import (
    ALL_BRANCHES,
    ALL_TAGS,
    DEFAULT_BRANCH,
    EVERYWHERE,
    OTHER_BRANCHES,
    PEP440,
    PULL_REQUESTS,
    SCHEDULE,
    SEMVER,
    Bucket,
    Flavor,
    Wish,
    read_flavor,
    read_lines,
    wishes_of,
)
from builds.core.importers.metadata_text import Untranslatable
from builds.core.importers.report import Imported, Level, ReportLine, too_long
from builds.core.patterns import MAX_PATTERN
from builds.core.rules import RuleSpec, check_rule
from builds.core.yamltree import Item, List, Map, Scalar, read_tree

# What the action does where `tags:` is left out.
_DEFAULT = "type=schedule\ntype=ref,event=branch\ntype=ref,event=tag\ntype=ref,event=pr"


def import_metadata_action(tags: str, *, flavor: str = "", default_branch: str = "main") -> Imported:
    """Rules from the action's inputs `tags:` and `flavor:`, or from the whole step as YAML. Never raises."""
    if answer := too_long(tags):
        return answer
    tags, flavor, report = _inputs(tags, flavor)
    tastes, unknown = read_flavor(flavor)
    report += [ReportLine("lost", given, "This part of the flavor is not known here.") for given in unknown]
    wishes: list[Wish] = []
    lines = read_lines(tags if tags.strip() else _DEFAULT)
    if not lines:
        report.append(ReportLine("lost", tags.strip()[:60], "There is no tag line here, such as `type=ref,event=tag`."))
    for line in lines:
        try:
            wished = wishes_of(line, tastes)
        except Untranslatable as why:
            report.append(ReportLine("lost", line.given, str(why)))
            continue
        wishes += wished
        level: Level = "changed" if line.said else "same"
        report.append(ReportLine(level, line.given, " ".join(line.said) or "Carried over."))
    rules, more = _rules(wishes, tastes, default_branch)
    report += [*more, *_remarks(rules)]
    return Imported(tuple(rules), tuple(report))


def _remarks(rules: Sequence[RuleSpec]) -> list[ReportLine]:
    """What a reader of the rules will ask."""
    if not rules:
        return []
    sentence = "The workflow's `on:` says which branches and tags it runs for: narrow the patterns where it names some."
    remarks = [ReportLine("changed", "on:", sentence)]
    if spelled := next((rule.pattern for rule in rules if rule.pattern.startswith("/^(?:[^")), ""):
        sentence = "This means every branch but those with a rule of their own: RE2 has no shorter way to say it."
        remarks.append(ReportLine("changed", spelled[:200], sentence))
    if sum(rule.ref_type == "tag" for rule in rules) > 1:
        sentence = "Several rules are for tags: one that matches two of them is built twice. Join them if you can."
        remarks.append(ReportLine("changed", "tags", sentence))
    return remarks


def _inputs(text: str, flavor: str) -> tuple[str, str, list[ReportLine]]:
    """The two inputs, found in a whole step or workflow where that was pasted."""
    if not re.search(r"(?m)^\s*(?:-\s+)?(?:tags|with|steps|jobs|uses)\s*:", text):
        return text, flavor, []
    tree, _ = read_tree(text)
    step = _step(tree) if tree is not None else None
    if step is None:
        return text, flavor, []
    report = []
    images = _text(step.items.get("images")).split()
    if len(images) > 1:
        sentence = "Imageyard pushes to the image of this repository alone: link the Git repository to each of them."
        report.append(ReportLine("lost", f"images: {', '.join(images)}"[:200], sentence))
    return _text(step.items.get("tags")), _text(step.items.get("flavor")) or flavor, report


def _step(item: Item) -> Map | None:
    """The inputs of the step: the first mapping that has `tags` as text."""
    if isinstance(item, Map):
        inside = item.items.get("with")
        if isinstance(inside, Map) and "docker/metadata-action" in _text(item.items.get("uses")):
            return inside
        if isinstance(item.items.get("tags"), Scalar):
            return item
    children: Iterable[Item] = item.items.values() if isinstance(item, Map) else ()
    children = item.items if isinstance(item, List) else children
    return next((found for child in children if (found := _step(child)) is not None), None)


def _text(item: Item | None) -> str:
    if isinstance(item, List):
        return "\n".join(_text(each) for each in item.items)
    return item.text if isinstance(item, Scalar) and item.kind != "null" else ""


@dataclass
class _Plan:
    """The templates of every bucket, in the order in which they were wished for."""

    templates: dict[Bucket, list[str]] = field(default_factory=dict)
    latest: dict[Bucket, str] = field(default_factory=dict)

    def add(self, bucket: Bucket, template: str, *, latest: str = "") -> None:
        known = self.templates.setdefault(bucket, [])
        known += [template] if template not in known else []
        if latest and self.latest.get(bucket) != "{latest}":  # what versions say goes before what any tag says
            self.latest[bucket] = latest

    def move(self, old: Bucket, new: Bucket) -> None:
        """Let one rule do what two would."""
        latest = self.latest.pop(old, "")
        for template in self.templates.pop(old, []):
            self.add(new, template, latest=latest)


def _rules(wishes: Sequence[Wish], flavor: Flavor, default: str) -> tuple[list[RuleSpec], list[ReportLine]]:
    plan = _Plan()
    for wish in wishes:
        if wish.bucket != EVERYWHERE:
            plan.add(_named(wish.bucket, default), wish.template, latest=wish.latest)
    narrow = bool(plan.templates) and ALL_BRANCHES not in plan.templates
    if not plan.templates and wishes:
        plan.templates[("branch", default)] = []
    everywhere = [wish for wish in wishes if wish.bucket == EVERYWHERE]
    report = [_narrowed(wish) for wish in everywhere if narrow or len(wishes) == len(everywhere)]
    for bucket in list(plan.templates):
        for wish in everywhere if bucket != PULL_REQUESTS else ():
            plan.add(bucket, wish.template)
    _share(plan, default)
    _add_latest(plan, flavor)
    rules: list[RuleSpec] = []
    for bucket, templates in plan.templates.items():
        good: list[str] = []
        for template in templates:
            problems = check_rule(_spec(bucket, [template], plan, default))
            if problems:
                report.append(ReportLine("lost", f"{bucket[1]} → {template}"[:200], problems[0].message))
            else:
                good.append(template)
        if good:
            rules.append(_spec(bucket, good, plan, default))
    return rules, report


def _narrowed(wish: Wish) -> ReportLine:
    sentence = "It was made of every push that the workflow ran for; here of those that these rules are for."
    return ReportLine("changed", wish.template, sentence)


def _named(bucket: Bucket, default: str) -> Bucket:
    return ("branch", default) if bucket == DEFAULT_BRANCH else bucket


def _exact(plan: _Plan) -> list[str]:
    return [name for kind, name in plan.templates if kind == "branch" and name != "*"]


def _share(plan: _Plan, default: str) -> None:
    """A branch with a rule of its own gets there what every branch gets, since the other rule then leaves it out."""
    for name in _exact(plan):
        others = plan.templates.get(OTHER_BRANCHES, []) if name != default else []
        for template in [*plan.templates.get(ALL_BRANCHES, []), *others]:
            plan.add(("branch", name), template)
    if OTHER_BRANCHES in plan.templates and ALL_BRANCHES in plan.templates:
        for template in plan.templates[ALL_BRANCHES]:
            plan.add(("branch", default), template)
        plan.move(ALL_BRANCHES, OTHER_BRANCHES)
    if SCHEDULE in plan.templates:
        # The action runs on the default branch then, and its other lines work too.
        branch = ("branch", default) if ("branch", default) in plan.templates else ALL_BRANCHES
        for template in plan.templates.get(branch, []):
            plan.add(SCHEDULE, template)
    # One image for a tag: what is no version leaves the version's tags out by itself.
    for wider in (("tag", PEP440), ALL_TAGS):
        if wider in plan.templates:
            plan.move(("tag", SEMVER), wider)
    if ALL_TAGS in plan.templates:
        plan.move(("tag", PEP440), ALL_TAGS)


def _add_latest(plan: _Plan, flavor: Flavor) -> None:
    before = flavor.prefix if flavor.prefix_on_latest else ""
    after = flavor.suffix if flavor.suffix_on_latest else ""
    for bucket in list(plan.templates):
        if bucket[0] in ("pull_request", "schedule") or flavor.latest == "false":
            continue
        latest = "latest" if flavor.latest == "true" else plan.latest.get(bucket)
        if latest:
            plan.add(bucket, f"{before}{latest}{after}")


def _spec(bucket: Bucket, templates: Sequence[str], plan: _Plan, default: str) -> RuleSpec:
    kind, name = bucket
    tags = tuple(templates)
    if bucket == SCHEDULE:
        return RuleSpec(None, "branch", default, tags, autobuild=False)
    if bucket == PULL_REQUESTS:
        return RuleSpec(None, "pull_request", name, tags)
    if kind == "tag":
        return RuleSpec(None, "tag", name, tags)
    if bucket in (ALL_BRANCHES, OTHER_BRANCHES):
        left_out = dict.fromkeys([*_exact(plan), *([default] if bucket == OTHER_BRANCHES else [])])
        return RuleSpec(None, "branch", all_but(list(left_out)), tags)
    return RuleSpec(None, "branch", name, tags)


def all_but(names: Sequence[str]) -> str:
    """A regex for every name but these: RE2 has no look-ahead, so it spells out where a name may part from them."""
    if not names:
        return "/.*/"
    tree: dict[str, dict] = {}  # type: ignore[type-arg]
    for name in names:
        node = tree
        for char in name:
            node = node.setdefault(char, {})
        node[""] = {}
    pattern = f"/^{_parting(tree)}$/"
    return pattern if len(pattern) <= MAX_PATTERN else "/.*/"


def _parting(node: dict[str, dict]) -> str:  # type: ignore[type-arg]
    chars = [char for char in node if char]
    if not chars:
        return ".+"
    others = f"[^{''.join(_in_class(char) for char in chars)}].*"
    inner = [others, *(re.escape(char) + _parting(node[char]) for char in chars)]
    return f"(?:{'|'.join(inner)}){'' if '' in node else '?'}"


def _in_class(char: str) -> str:
    return f"\\{char}" if char in "\\]^-[" else char
