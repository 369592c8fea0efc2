"""A build rule as a value, and all that can be said of it before anything is pushed. Matching stands in `plan`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from builds.core.pathfilter import Changes, PathVerdict, default_globs, globs_problems, judge_paths
from builds.core.paths import BadPathError, PathKind, clean_path, path_problem
from builds.core.patterns import MAX_PATTERN, Pattern, read_pattern
from builds.core.refnames import ONE, Ref, RefType, quoted
from builds.core.tags import is_reserved, make_legal, why_illegal
from builds.core.templates import RESERVED, Template, read_template, split_templates
from lib.versions import read_version

__all__ = [
    "MAX_PATTERN", "MAX_RULES", "Problem", "Ref", "RefType", "RuleClash", "RuleSpec", "check_rule", "check_rules",
    "default_paths", "describe_rule", "judge_changes", "rule_templates",
]  # fmt: skip

MAX_RULES = 100
MAX_TAGS = 20
MAX_PLATFORMS = 16
MAX_BUILD_ARGS = 100
MAX_ARG_VALUE = 4096

_STAGE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}|[0-9]{1,3}")  # moby/buildkit, frontend/dockerfile/instructions
_PLATFORM = re.compile(r"[a-z0-9]{1,32}/[a-z0-9_]{1,32}(?:/[a-z0-9_.]{1,32})?")
_ARG_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One build rule. `pattern` is an exact name or `/regex/`; paths are relative to the repository root.

    `paused` says since when and why it builds by hand alone ("2026-11-25 03:00 UTC: 25 builds failed in a row").
    """

    id: int | str | None
    ref_type: RefType
    pattern: str
    tags: tuple[str, ...]
    dockerfile: str = "Dockerfile"
    context: str = "."
    target: str = ""
    platforms: tuple[str, ...] = ()
    build_args: Mapping[str, str] = field(default_factory=dict)
    autobuild: bool = True
    cache: bool = True
    paths_include: tuple[str, ...] = ()
    paths_exclude: tuple[str, ...] = ()
    paused: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field of a rule; `message` is a sentence."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class RuleClash:
    """Two rules, by their places in the list, that make the same tag of the same push. A warning, not a refusal."""

    first: int
    second: int
    message: str


def rule_templates(rule: RuleSpec, pattern: Pattern | None = None) -> tuple[Template, ...]:
    """The rule's tag templates, read against the groups of its pattern, each one once."""
    pattern = pattern or read_pattern(rule.pattern)
    texts = dict.fromkeys(split_templates(rule.tags))
    return tuple(read_template(t, group_count=pattern.group_count, group_names=pattern.group_names) for t in texts)


def check_rule(rule: RuleSpec) -> tuple[Problem, ...]:
    """Everything that can be known to be wrong before saving; `()` is a good rule. Never raises."""
    problems = [*_check_ref_type(rule), *_check_pattern(rule), *_check_tags(rule)]
    problems += _check_path("dockerfile", rule.dockerfile) + _check_path("context", rule.context)
    problems += [*_check_target(rule), *_check_platforms(rule), *_check_build_args(rule), *_check_globs(rule)]
    return tuple(problems)


def _check_ref_type(rule: RuleSpec) -> list[Problem]:
    if rule.ref_type in ONE:
        return []
    return [Problem("ref_type", "A rule is for a `branch`, a `tag` or a `pull_request`.")]


def _check_pattern(rule: RuleSpec) -> list[Problem]:
    pattern = read_pattern(rule.pattern)
    if pattern.problem:
        return [Problem("pattern", pattern.problem)]
    return [
        Problem("pattern", f"The group name `{name}` already has a meaning in tags: give the group another name.")
        for name in pattern.group_names
        if name in RESERVED
    ]


def _check_tags(rule: RuleSpec) -> list[Problem]:
    pattern = read_pattern(rule.pattern)
    if pattern.problem and pattern.is_regex:
        return []  # its groups are not known, so every `{\1}` would look wrong
    templates = rule_templates(rule, pattern)
    if not templates and rule.ref_type != "pull_request":  # which moves no tag anyway
        return [Problem("tags", "The rule makes no tag: give it at least one, such as `latest` or `{sourceref}`.")]
    problems = [Problem("tags", sentence) for template in templates for sentence in _template_problems(template)]
    problems += [Problem("tags", sentence) for template in templates for sentence in _version_problems(rule, template)]
    if len(templates) > MAX_TAGS:
        problems.append(Problem("tags", f"The rule has {len(templates)} tags; {MAX_TAGS} is the most."))
    return problems


def _template_problems(template: Template) -> tuple[str, ...]:
    if template.problems or not template.is_literal:
        return template.problems
    tag = make_legal(template.text)
    if tag is None:
        return (f"{quoted(template.text)} cannot be made into a tag: {why_illegal(template.text)}.",)
    if is_reserved(tag):
        return (f"`{tag}` is reserved: every build gets its own `build-<number>` by itself, and it never moves.",)
    return ()


def _version_problems(rule: RuleSpec, template: Template) -> tuple[str, ...]:
    """What would never come about: `latest` for the highest of the branches, the major version of `main`."""
    if template.uses("latest") and rule.ref_type != "tag":
        return ("`{latest}` is for rules of tags, of which one is the highest version. For a branch, write `latest`.",)
    is_exact = not (rule.pattern.startswith("/") and rule.pattern.endswith("/"))
    if template.of_version and is_exact and read_version(rule.pattern) is None:
        return (f"{quoted(template.text)} needs a version, and {quoted(rule.pattern)} is none.",)
    return ()


def _check_path(kind: PathKind, text: str) -> list[Problem]:
    problem = path_problem(text, kind)
    return [Problem(kind, problem)] if problem else []


def _check_target(rule: RuleSpec) -> list[Problem]:
    if not rule.target or _STAGE.fullmatch(rule.target):
        return []
    return [Problem("target", f"{quoted(rule.target)} cannot be the name of a stage (`FROM … AS name`).")]


def _check_platforms(rule: RuleSpec) -> list[Problem]:
    problems = [
        Problem("platforms", f"{quoted(platform)} is not a platform: write `linux/amd64` or `linux/arm/v7`.")
        for platform in rule.platforms
        if not _PLATFORM.fullmatch(platform)
    ]
    twice = sorted({platform for platform in rule.platforms if rule.platforms.count(platform) > 1})
    problems += [Problem("platforms", f"{quoted(platform)} is named twice.") for platform in twice]
    if len(rule.platforms) > MAX_PLATFORMS:
        problems.append(Problem("platforms", f"A rule builds for at most {MAX_PLATFORMS} platforms."))
    return problems


def _check_build_args(rule: RuleSpec) -> list[Problem]:
    problems = []
    for name, value in rule.build_args.items():
        if not _ARG_NAME.fullmatch(name):
            message = f"{quoted(name)} cannot be the name of a build argument: letters, digits and `_`, no digit first."
            problems.append(Problem("build_args", message))
        elif "\x00" in value or len(value) > MAX_ARG_VALUE:
            message = f"The value of `{name}` has more than {MAX_ARG_VALUE} characters or holds a NUL byte."
            problems.append(Problem("build_args", message))
    if len(rule.build_args) > MAX_BUILD_ARGS:
        problems.append(Problem("build_args", f"A rule has at most {MAX_BUILD_ARGS} build arguments."))
    return problems


def _check_globs(rule: RuleSpec) -> list[Problem]:
    include = globs_problems(rule.paths_include, watched=True)
    exclude = globs_problems(rule.paths_exclude, watched=False)
    problems = [Problem("paths_include", message) for message in include]
    return problems + [Problem("paths_exclude", message) for message in exclude]


def judge_changes(rule: RuleSpec, changes: Changes) -> PathVerdict:
    """Whether a push with these changes is built by the rule, by its path filters alone."""
    return judge_paths(rule.paths_include, rule.paths_exclude, changes)


def default_paths(rule: RuleSpec) -> tuple[str, ...]:
    """Globs for the rule's context and Dockerfile; `()`, which is every path, for the whole repository."""
    return default_globs(rule.context, rule.dockerfile)


def check_rules(rules: Sequence[RuleSpec]) -> tuple[RuleClash, ...]:
    """Pairs of rules that make one tag twice from one push: two builds then race for it. Each rule is good by itself.

    Told by what is written (same type, same pattern, same template), so overlapping regexes are left to the tester,
    which sees real refs (`plan.find_collisions`).
    """
    seen: dict[tuple[str, str, str], int] = {}
    clashes = []
    for index, rule in enumerate(rules):
        for template in dict.fromkeys(split_templates(rule.tags)):
            first = seen.setdefault((rule.ref_type, rule.pattern, template), index)
            if first != index:
                where = f"{ONE[rule.ref_type]} {quoted(rule.pattern)}"
                message = f"Rules {first + 1} and {index + 1} both make `{template}` from {where}: two builds, one tag."
                clashes.append(RuleClash(first, index, message))
    return tuple(clashes)


def describe_rule(rule: RuleSpec) -> str:
    """The rule as a line to read: "branch `main` → `latest`, from `Dockerfile`"."""
    tags = ", ".join(f"`{template}`" for template in split_templates(rule.tags)) or "no tag"
    text = f"{ONE.get(rule.ref_type, rule.ref_type)} {quoted(rule.pattern)} → {tags}, from `{_shown(rule)}`"
    if rule.context not in ("", ".", "/"):
        text += f" in `{rule.context}`"
    if rule.target:
        text += f", stage `{rule.target}`"
    if rule.paths_include or rule.paths_exclude:
        text += f", when {_shown_paths(rule)} changes"
    if rule.platforms:
        text += f", for {', '.join(rule.platforms)}"
    return text if rule.autobuild else f"{text}, by hand only"


def _shown_paths(rule: RuleSpec) -> str:
    """`web/**`, "`web/**` or 2 more", "anything but `*.md`"."""
    named = rule.paths_include or rule.paths_exclude
    text = quoted(named[0]) + (f" or {len(named) - 1} more" if len(named) > 1 else "")
    return text if rule.paths_include else f"anything but {text}"


def _shown(rule: RuleSpec) -> str:
    try:
        return clean_path(rule.dockerfile, "dockerfile")
    except BadPathError:
        return rule.dockerfile
